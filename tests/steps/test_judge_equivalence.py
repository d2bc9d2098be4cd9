"""Page and table of equivalence."""

import json
from types import SimpleNamespace

import pytest
import stage_tables

import judge_equivalence
from mscape.data.table_io import read_table
from mscape.errors import UserError

MARGINS = {"purity": 0.05, "MSC_OSTEOGENIC_EARLY": 0.5}


def judge(folder, asked):
    lots = [(f"D{d}_{site}", f"D{d}", site) for d in range(4) for site in ("A", "B")]
    records, samples, scores = [], [], []
    for i, (lot, donor, site) in enumerate(lots):
        purity = 0.9 + 0.002 * (i % 3)
        records.append(
            {"lot_id": lot, "attributes": [{"name": "purity", "value": purity}, {"name": "x", "value": None}]}
        )
        samples.append({"sample_id": f"s{i}", "lot_id": lot, "donor_id": donor, "site": site})
        mean = (3.0 if site == "B" else 0.0) + 0.01 * i
        scores.append({"lot_id": lot, "signature": "MSC_OSTEOGENIC_EARLY", "mean": mean})
    given = SimpleNamespace(
        passports=folder / "p.json", run=folder / "run.json", scores=folder / "signature_scores.tsv"
    )
    given.passports.write_text(json.dumps({"lots": records}))
    given.run.write_text(json.dumps({"samples": samples}))
    stage_tables.write("signature_scores", given.scores, scores)
    output = SimpleNamespace(page=folder / "e.html", table=folder / "equivalence.tsv")
    params = SimpleNamespace(asked=asked, dataset="d", title="Study", simulated=True)
    judge_equivalence.main(given, output, params)
    return output.page.read_text(), read_table(output.table).set_index("attribute")


def test_verdicts_come_first_with_interval_and_margin(tmp_path):
    page, table = judge(tmp_path, [{"factor": "site", "reference": "A", "other": "B", "margins": MARGINS}])
    assert table["verdict"].to_dict() == {"purity": "EQUIVALENT", "MSC_OSTEOGENIC_EARLY": "DIFFERENT"}
    assert table.loc["MSC_OSTEOGENIC_EARLY", "difference"] == pytest.approx(3.01)
    assert "Of 2 numbers, 1 EQUIVALENT, 1 DIFFERENT." in page
    assert "Before a study" in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_nothing_asked_is_refused_with_what_to_write(tmp_path):
    with pytest.raises(UserError, match=r"compare\.equivalence is empty"):
        judge(tmp_path, [])
