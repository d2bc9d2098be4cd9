"""The report of a dataset: what it says, what it escapes, how large it is."""

from __future__ import annotations

import base64
import json
import re
import zlib
from types import SimpleNamespace

import anndata
import numpy as np
import pandas as pd
import pytest
import report_fixture
import scipy.sparse as sp
from pages import text_of

import render_report
from mscape.clustering.annotations import count_labels
from mscape.data import counts
from mscape.data.table_io import read_table, write_table
from mscape.errors import UserError
from mscape.report import cell_map, numbers, page
from mscape.report import dataset as collect
from mscape.report.charts import colours
from mscape.report.charts import svg as charts
from mscape.report.charts.upset import upset
from mscape.report.options import ReportOptions
from mscape.report.sections import alerts, scores, truth
from mscape.report.sections import summary as answers

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "it's {{ 7 * 7 }} & </script><b>",
    "Zürich 臍帯 ΔΨ \u202e",
    "x" * 200,
    "=cmd|' /C calc'!A0",
]


def render(folder, *, figures=False, drop=(), **study):
    given = report_fixture.make(folder, **study)
    for name in drop:
        delattr(given, name)
    output = SimpleNamespace(html=str(folder / "report.html"), figures=str(folder / "figures"))
    params = SimpleNamespace(settings={"figures": figures}, dataset="demo", title="Study of tests")
    render_report.main(given, output, params)
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return render(tmp_path_factory.mktemp("demo"))


def test_own_annotations_are_a_section_and_colour_the_map(tmp_path):
    given = report_fixture.make(tmp_path)
    obs = counts.read_obs(given.counts)
    kind = pd.Series(["stroma <b>", None, "other"] * len(obs)).iloc[: len(obs)].set_axis(obs.index)
    kind = kind.mask(obs["lot_id"].astype(str).eq(obs["lot_id"].iloc[0]))  # no label in the first lot
    labels = pd.DataFrame({"kind": kind.dropna().astype("category")})
    record = {"n_lines": 9000, "n_matched": 8000, "n_unmatched": 1000, "n_left_out": 77}
    record |= {"n_cells": len(obs), "n_annotated": len(labels)}
    given.annotations = str(tmp_path / "annotations.h5ad")
    counts.write(anndata.AnnData(obs=labels, uns={"mscape": {"annotate_cells": record}}), given.annotations)
    table = count_labels(labels, obs["lot_id"].astype(str))
    write_table("annotations", table, tmp_path / "annotations.tsv")
    given.tables.append(str(tmp_path / "annotations.tsv"))
    output = SimpleNamespace(html=str(tmp_path / "report.html"), figures=str(tmp_path / "figures"))
    render_report.main(given, output, SimpleNamespace(settings={"figures": False}, dataset="demo", title="T"))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    said = text_of(page)
    assert "8 000 of the 9 000 lines of the table name a cell of this dataset, 77 of them one that quality" in said
    assert "; 1 000 name none." in said
    assert "<b>" not in page[page.index('id="annotations"') : page.index('id="comparison"')]
    header = json.loads(re.search(r'id="header">(.*?)</script>', page, re.S)[1])
    columns = {column["id"]: column for column in header["columns"]}
    assert columns["kind"]["group"] == "Own annotations"
    assert columns["kind"]["levels"] == ["not annotated", "other", "stroma <b>"]


def test_page_says_first_what_it_is_and_what_was_found(demo):
    text = text_of(demo)
    assert "Simulated data." in text
    assert text.index("Simulated data.") < text.index("Study of tests") < text.index("3f9c2a71b0de")
    assert "4 / 6 lots with verdict PASS" in text
    assert re.search(r"2 lots not PASS.*AT-D6-P3 impure FAIL AT-D4-P3 WARN", text)
    assert "5 sub-populations found" in text
    assert "Intended use: research." in text


def test_sections_stand_in_reading_order(demo):
    names = re.findall(r'<section id="([a-z]+)"', demo)
    assert names == ["lots", "alerts", "identity", "flow", "purity", "explore", "clusters", "scores", "comparison",
                     "confounders", "quality", "passports", "truth", "methods"]  # fmt: skip


def test_every_column_of_numbers_has_its_definition(demo):
    heads = re.findall(r'<th scope="col" class="k-(?:number|percent)">(.*?)</th>', demo, flags=re.S)
    assert len(heads) > 60
    assert [text_of(head) for head in heads if 'class="help"' not in head] == []
    heats = re.findall(r'<div class="tablebox heat".*?</h3>', demo, flags=re.S)
    assert len(heats) >= 4
    assert all('class="help"' in heat for heat in heats)
    called = set(re.findall(r'popovertarget="([^"]+)"', demo))
    assert called <= set(re.findall(r'<div popover class="definition" id="([^"]+)"', demo))


def test_each_chart_of_quality_has_its_numbers(demo):
    table = re.search(r'<div class="tablebox[^"]*" id="table-quality-numbers">.*?</table>', demo, flags=re.S).group()
    assert table.count("<tr>") == 7  # the head and six samples
    assert "limit 900" in text_of(table)


def test_no_forbidden_claim(demo):
    text = text_of(demo).lower()
    assert "isct compliant" not in text
    assert "isct-compliant" not in text
    assert "potency" not in text.replace("no potency assay", "")
    assert "transcript-level concordance with the isct phenotype" in text


def test_page_loads_nothing_and_runs_only_its_own_script(demo):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', demo).group(1).replace("&#39;", "'")
    assert policy.startswith("default-src 'none'")
    assert "unsafe-eval" not in policy
    script_rule = next(part for part in policy.split(";") if "script-src" in part)
    assert "unsafe-inline" not in script_rule
    code = demo[demo.rindex("<script>") + 8 : demo.rindex("</script>")]
    assert page.policy([code]) == policy
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]+"', demo)
    assert "@import" not in demo
    assert "url(" not in demo


def test_passport_page_for_each_lot(demo):
    pages = re.findall(r'<article class="passport" id="lot-[^"]+".*?</article>', demo, flags=re.S)
    assert len(pages) == 6
    assert "AT-D6-P3 impure" in pages[5]
    assert "FAIL" in text_of(pages[5])
    assert "Outside the limit." in pages[5]
    assert "Next: Check the culture record of this lot." in pages[5]


def test_accounting_agrees_and_says_so(demo):
    assert "The sums agree" in text_of(demo)


def test_limits_of_each_sample_are_drawn_where_they_are_known(demo):
    for term, known in (("total_counts", 1), ("n_genes_by_counts", 1), ("pct_counts_mt", 1), ("doublet_score", 0)):
        chart = re.search(rf'<figure class="fig" id="quality-{term}">.*?</figure>', demo, flags=re.S).group()
        assert chart.count('class="limit"') == 6 * known


def test_limits_failed_together_are_drawn():
    chart = upset({"low_counts+low_genes": 40, "low_genes": 7, "high_mt": 12}, title="S1")
    assert chart.count('<rect class="box"') == 3
    assert chart.count('<circle class="dot"') == 4
    assert chart.count('<line class="median"') == 1
    assert "low genes (47)" in chart
    assert "low counts and low genes: 40 cells" in chart


def test_remarks_of_quality_control_are_an_alert(tmp_path):
    dataset = collect.read_dataset(report_fixture.make(tmp_path, cells=400), name="demo")
    assert not any(alert.title == "Remarks of quality control" for alert in alerts.find_alerts(dataset)[0])
    sample = next(iter(dataset.qc))
    dataset.qc[sample].uns["mscape"]["qc_cells"]["notes"] = np.array(["60 cells form a group: dying cells?"])
    found = [alert for alert in alerts.find_alerts(dataset)[0] if alert.title == "Remarks of quality control"]
    assert [alert.lots for alert in found] == [[(sample, "60 cells form a group: dying cells?")]]


def test_one_lot_is_read_by_its_sub_populations(tmp_path):
    given = report_fixture.make(tmp_path, lots=1, cells=400, clusters=3)
    summary = read_table(tmp_path / "signature_scores.tsv").assign(z=np.nan)
    write_table("signature_scores", summary, tmp_path / "signature_scores.tsv")
    dataset = collect.read_dataset(given, name="demo")
    found = scores.scores(dataset, ReportOptions())
    assert [row[0].text for row in found["heats"][0].rows] == ["0", "1", "2"]
    frame = dataset.light["scores"].obsm["score_z"]
    expected = frame.loc[(dataset.obs["leiden"] == "1").to_numpy(), "SENMAYO"].mean()
    assert scores.cluster_means(dataset).at["1", "SENMAYO"] == pytest.approx(expected, rel=1e-5)


def test_accounting_that_does_not_add_up_is_an_alert(tmp_path):
    given = report_fixture.make(tmp_path, cells=400)
    table = read_table(tmp_path / "accounting.tsv")
    table.loc[0, "loaded"] += 7
    write_table("accounting", table, tmp_path / "accounting.tsv")
    dataset = collect.read_dataset(given, name="demo")
    assert alerts.accounting_faults(dataset) == ["S00"]
    urgent, _ = alerts.find_alerts(dataset)
    assert "Cell accounting does not add up" in [alert.title for alert in urgent if alert.level == "FAIL"]


def test_truth_is_shown_for_simulated_data_only(demo, tmp_path):
    assert "1 of 2 targets are met" in text_of(demo)
    assert "Matthews correlation." in demo
    real = render(tmp_path, simulated=False, cells=400)
    assert 'id="truth"' not in real
    assert "Simulated data" not in text_of(real)


def test_missing_inputs_are_explained_not_fatal(tmp_path):
    optional = ("map", "map_msc", "gate", "clusters", "scores", "tables", "qc", "run", "config", "truth")
    html = render(tmp_path, cells=300, drop=optional)
    text = text_of(html)
    assert "Not shown: The run made no gate.tsv." in text.replace("  ", " ")
    assert "the run drew no map" in text
    assert text.count("Not shown") >= 6


def test_no_msc_at_all_is_said_first_among_the_alerts(tmp_path):
    html = render(tmp_path, cells=300, msc=False)
    text = text_of(html)
    first = re.search(r'<ul class="alerts">.*?<h3>(.*?)</h3>', html, flags=re.S).group(1)
    assert first == "No cell passes the gate"
    assert "6 lots not PASS" in text
    assert "No cell passes the gate" in text
    assert "of all cells, because no or too few pass the gate" in text


def test_cells_of_another_species_get_no_share(tmp_path):
    given = report_fixture.make(tmp_path, cells=300, msc=False)
    document = json.loads((tmp_path / "passports.json").read_text(encoding="utf-8")) | {"organism": "mouse"}
    (tmp_path / "passports.json").write_text(json.dumps(document), encoding="utf-8")
    dataset = collect.read_dataset(given, name="demo")
    assert "organism: mouse" in answers.hero(dataset)[1]["note"]
    assert "No cell passes the gate" not in [alert.title for alert in alerts.find_alerts(dataset)[0]]


@pytest.mark.parametrize(("lots", "clusters"), [(1, 1), (30, 40)])
def test_extreme_shapes_render(tmp_path, lots, clusters):
    html = render(tmp_path, lots=lots, clusters=clusters, cells=60 * lots)
    assert html.count('<article class="passport"') == lots
    assert html.count('<article class="population"') == clusters
    assert f"{clusters} sub-population{'s' if clusters > 1 else ''} found" in text_of(html)


def test_hostile_names_do_no_harm(tmp_path):
    html = render(tmp_path, names=HOSTILE, cells=400)
    assert "<script>alert(1)" not in html
    assert "onerror=alert(1)>" not in html.replace("&gt;", "")
    assert "<img" not in html
    assert "it's 49" not in html
    assert len(re.findall(r"<script", html)) == len(re.findall(r"</script>", html))
    header = json.loads(re.search(r'id="header">(.*?)</script>', html, flags=re.S).group(1))
    assert header["lots"] == HOSTILE
    assert text_of(html).count("Zürich 臍帯 ΔΨ") > 3
    assert f'<span class="clip" title="{"x" * 200}">{"x" * 200}</span>' in html


def test_json_cannot_close_its_element():
    text = page.to_json({"a": "</script><!--&\u2028"})
    assert "<" not in text
    assert "&" not in text
    assert "\u2028" not in text
    assert json.loads(text) == {"a": "</script><!--&\u2028"}


def test_same_input_gives_the_same_bytes(tmp_path):
    given = report_fixture.make(tmp_path, cells=300)
    pages = []
    for name in ("a.html", "b.html"):
        output = SimpleNamespace(html=str(tmp_path / name), figures=str(tmp_path / "figures"))
        render_report.main(given, output, SimpleNamespace(settings={"figures": False}, dataset="demo", title="Test"))
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]


def test_figures_are_written_as_svg_and_pdf_with_the_run_id(tmp_path):
    render(tmp_path, cells=300, figures=True)
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    stems = ("umap_gate", "umap_identity", "umap_lot", "umap_leiden", "gate_intervals", "verdicts")
    stems += ("enrichment_dots_cluster", "enrichment_running_cluster")
    assert names == {f"{stem}.{suffix}" for stem in stems for suffix in ("svg", "pdf")}
    assert "3f9c2a71b0de" in (tmp_path / "figures" / "umap_gate.svg").read_text(encoding="utf-8")


def test_cells_of_another_run_are_refused(tmp_path):
    given = report_fixture.make(tmp_path, cells=300)
    light = counts.read_light(given.gate)
    light.obs_names = [f"other_{name}" for name in light.obs_names]
    counts.write(light, given.gate)
    with pytest.raises(UserError, match=r"gate\.h5ad holds 300 cells that counts\.h5ad does not hold"):
        collect.read_dataset(given, name="demo")


def test_table_without_a_needed_column_is_named(tmp_path):
    given = report_fixture.make(tmp_path, cells=300)
    pd.DataFrame({"lot_id": ["a"]}).to_csv(tmp_path / "contaminants.tsv", sep="\t", index=False)
    with pytest.raises(UserError, match=r"column 'identity' is missing.*rerun gate_msc"):
        collect.read_dataset(given, name="demo")


# Cells ----------------------------------------------------------------------------------------------------------------


def decode(text, kind):
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), kind)


def test_all_cells_are_drawn_when_they_fit():
    obs = pd.DataFrame({"lot_id": ["a"] * 10})
    assert list(cell_map.choose_cells(obs, max_cells=10, seed=0)) == list(range(10))


def test_sample_keeps_rare_strata_and_its_size():
    obs = pd.DataFrame({"lot_id": ["a"] * 50_000 + ["b"] * 300, "isct_call": ["pass"] * 49_980 + ["fail"] * 320})
    at = cell_map.choose_cells(obs, max_cells=5000, seed=0)
    drawn = obs.iloc[at].value_counts()
    assert drawn["a", "fail"] == 20  # all of them
    assert drawn["b", "fail"] >= 50
    assert 4990 <= len(at) <= 5000
    assert list(at) == sorted(set(at))
    assert list(at) == list(cell_map.choose_cells(obs, max_cells=5000, seed=0))


def test_number_column_comes_back_within_half_a_step():
    values = np.array([-3.0, 0.0, np.nan, 7.0])
    column = cell_map.number(values, id="x", title="x", group="g")
    codes = decode(column.data, np.uint8)
    back = column.low + codes / column.steps * (column.high - column.low)
    assert codes[2] == 255
    np.testing.assert_allclose(back[[0, 1, 3]], values[[0, 1, 3]], atol=10 / 254 / 2)


def test_constant_and_empty_number_columns():
    assert list(decode(cell_map.number(np.full(3, 2.0), id="x", title="x", group="g").data, np.uint8)) == [0, 0, 0]
    assert list(decode(cell_map.number(np.full(2, np.nan), id="x", title="x", group="g").data, np.uint8)) == [255, 255]


def test_more_than_255_lots_take_two_bytes():
    names = [f"lot{i:03d}" for i in range(300)]
    column = cell_map.category(pd.Series(names), id="lot_id", title="Lot", group="g")
    assert column.wide
    assert [column.levels[code] for code in decode(column.data, "<u2")] == names


def test_coordinates_keep_aspect_and_hide_cells_outside():
    x, y = cell_map.coordinates(np.array([[0.0, 0.0], [10.0, 5.0]]), np.array([0, 2]), 3, np.arange(3))
    assert list(decode(x, "<u2")) == [0, 65535, 65534]
    assert list(decode(y, "<u2")) == [0, 65535, 32767]


def test_gene_column_is_log_normalised(tmp_path):
    matrix = anndata.AnnData(
        sp.csr_matrix(np.array([[3, 7], [0, 10]], np.int32)),
        obs=pd.DataFrame({"total_counts": [100, 100]}, index=["a", "b"]),
        var=pd.DataFrame({"gene_id": ""}, index=["NT5E", "X"]),
    )
    counts.write(matrix, tmp_path / "counts.h5ad")
    dataset = SimpleNamespace(files={"counts": [tmp_path / "counts.h5ad"]}, obs=matrix.obs)
    (column,) = cell_map._genes(dataset, np.arange(2), ["NT5E", "ABSENT"], 5)
    assert column.title == "NT5E"
    assert column.high == pytest.approx(np.log1p(300))
    assert list(decode(column.data, np.uint8)) == [254, 0]


def test_page_of_100000_cells_stays_under_15_mb():
    """60 signatures of pure noise, 60 sparse genes and the usual metadata, as compressed as they get."""
    rng = np.random.default_rng(0)
    n = 100_000
    noise = len(cell_map.number(rng.normal(size=n), id="x", title="x", group="g").data) * (60 + 10 + 4)
    gene = len(cell_map.number(np.log1p(rng.poisson(0.5, n)), id="x", title="x", group="g").data) * 60
    lots = len(cell_map.category(pd.Series(rng.integers(0, 20, n).astype(str)), id="x", title="x", group="g").data) * 12
    xy = 2 * sum(map(len, cell_map.coordinates(rng.normal(size=(n, 2)), np.arange(n), n, np.arange(n))))
    assert noise + gene + lots + xy < 14_000_000


# Words and charts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "n/a"),
        (0, "0%"),
        (1, "100%"),
        (0.9999, "> 99.9%"),
        (1e-5, "< 0.1%"),
        (0.5, "50%"),
        (0.123, "12.3%"),
    ],
)
def test_percent_never_rounds_to_certainty(value, text):
    assert numbers.percent(value).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.981, "fraction of cells", "98.1%"),
        (1.9, "z from the median of the other lots", "z +1.90"),
        (7.25, "% of counts", "7.25%"),
        (9871, "counts per cell", "9 871"),
        (float("nan"), "cells", "n/a"),
    ],
)
def test_values_carry_their_unit(value, unit, text):
    assert numbers.value_text(value, unit).replace("\u00a0", " ").replace("\u202f", " ") == text


def test_names_are_cut_to_the_width_that_they_have():
    names = ["HALLMARK INTERFERON GAMMA RESPONSE", "HALLMARK INTERFERON ALPHA RESPONSE"]
    short = [numbers.fit(name, 254) for name in names]
    assert all(numbers.text_width(text) <= 254 for text in short)
    assert short[0] != short[1]
    assert numbers.fit("SENMAYO", 254) == "SENMAYO"
    assert numbers.fit("名" * 200, 100).startswith("名")
    assert numbers.text_width(numbers.fit("名" * 200, 100)) <= 100


def test_measures_keep_their_acronyms():
    assert truth._words("state_auroc") == "State AUROC"
    assert truth._words("purity_error") == "Purity error"


def test_interval_marks_lie_where_their_values_are():
    row = charts.Interval("a", 0.95, 0.9, 1.0, "PASS")
    svg = str(charts.fractions([row], kind="positive", limit=0.95, title="t"))
    mark = float(re.search(r'<circle cx="([\d.]+)"', svg).group(1))
    limit = float(re.search(r'<line class="limit" x1="([\d.]+)"', svg).group(1))
    assert mark == pytest.approx(limit)


def test_verdicts_differ_in_shape_not_only_in_colour():
    rows = [charts.Interval("a", 0.5, 0.4, 0.6, verdict) for verdict in ("PASS", "WARN", "FAIL")]
    svg = str(charts.fractions(rows, kind="overall", limit=None, title="t"))
    assert re.findall(r'<(circle|path|rect)[^>]*class="mark"', svg) == ["circle", "path", "rect"]


def test_long_names_are_cut_in_the_middle_and_kept_on_hover():
    svg = str(charts.stacks([("A" * 100 + "<b>", [("x", 1.0, "#000000")])], title="t"))
    assert "…" in svg
    assert "A" * 100 + "&lt;b&gt;" in svg


def test_category_colours_are_distinct():
    palette = colours.categories([str(i) for i in range(40)])
    assert len(set(palette)) == 40
    assert colours.categories(["pass", "fail"]) == [colours.CALL["pass"], colours.CALL["fail"]]
