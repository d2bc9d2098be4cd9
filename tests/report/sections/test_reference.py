"""Lots against a reference: the verdict first, and each number with its lots; nothing where there is no reference."""

import html
from types import SimpleNamespace

import pandas as pd
import report_fixture
from pages import text_of

import render_report
from mscape.data.table_io import write_table

LOTS = pd.DataFrame(
    [
        {"lot_id": lot, "place": place, "p": p, "sentence": f"{place} the 30 lots.", "top": "TIROSH_S +3.0"}
        | {"reference": "simulated reference marrow, version 0123456789ab", "version": "0123456789ab", "alpha": 0.05}
        | {"smallest_rate": 1 / 31, "alarm_stratum": "all lots", "alarm_lots": 30, "stratum": "all lots", "n_lots": 30}
        | {"decided_by": "genes", "tissue": "x", "nearest_tissue": "", "depth": 1e6}
        for lot, place, p in (("A", "inside", 0.5), ("B", "outside", 1 / 31))
    ]
)
SIGNATURES = pd.DataFrame(
    [
        {"lot_id": "B", "signature": "MSC_OSTEOGENIC_LATE", "level": 5.0, "z": 6.25, "z_low": 5.5, "z_high": 7.0}
        | {"percentile": 1.0, "low": 1.0, "high": 3.0, "stratum": "all lots", "n_lots": 30}
    ]
)
NUMBERS = pd.DataFrame(
    [
        {"lot_id": "B", "attribute": "depth", "title": "Depth", "unit": "counts", "value": 9000.0, "percentile": 0.9}
        | {"low": 1000.0, "high": 8000.0, "inside": False, "stratum": "all lots", "n_lots": 29}
    ]
)


def render(folder, tables):
    given = report_fixture.make(folder)
    for name, frame in tables.items():
        write_table(name, frame, folder / f"{name}.tsv")
    given.tables = [*given.tables, *(str(folder / f"{name}.tsv") for name in tables)]
    output = SimpleNamespace(html=str(folder / "report.html"), figures=str(folder / "figures"))
    render_report.main(given, output, SimpleNamespace(settings={"figures": False}, dataset="demo", title="t"))
    page = (folder / "report.html").read_text(encoding="utf-8")
    _, found, rest = page.partition('<section id="reference"')
    return html.unescape(text_of(found + rest.partition("</section>")[0])) if found else ""


def test_outside_comes_first_and_numbers_have_their_lots(tmp_path):
    text = render(
        tmp_path, {"reference_lots": LOTS, "reference_signatures": SIGNATURES, "reference_attributes": NUMBERS}
    )
    assert "Against the simulated reference marrow, version 0123456789ab: 1 outside, 1 inside" in text
    assert text.index("outside the 30 lots.") < text.index("inside the 30 lots.")
    assert "+6.2" in text
    assert "+5.5 to +7.0" in text
    assert "1e+03 to 8e+03" in text
    assert "29" in text


def test_a_run_without_a_reference_has_no_such_section(tmp_path):
    assert render(tmp_path, {}) == ""
