"""The report of a run on a GPU says how it was held against the CPU; that of a run on the CPU says nothing of it."""

import html
import json
from types import SimpleNamespace

import pandas as pd
import report_fixture
from pages import text_of

import render_report
from mscape import parity

ROWS = [
    parity.judge("pca", "shared space", 0.9999, rule=parity.AT_LEAST, limit=0.99, meaning="components"),
    parity.judge("leiden", "one seed at resolution 1", 0.82, rule=parity.AT_LEAST, limit=0.99, meaning="three runs"),
    parity.judge(
        "umap", "neighbours kept", float("nan"), rule=parity.AT_LEAST, limit=0.3, meaning="a map that is not finite"
    ),
]


def render(folder, on_mismatch=None, rows=ROWS):
    given = report_fixture.make(folder)
    if on_mismatch:
        record = {"cells": 1500, "of": 20000, "on_mismatch": on_mismatch, "cpu": []}
        record["rows"] = parity.records(pd.DataFrame(rows))
        given.parity = str(folder / "parity.json")
        (folder / "parity.json").write_text(json.dumps(record))
    output = SimpleNamespace(html=str(folder / "report.html"), figures=str(folder / "figures"))
    render_report.main(given, output, SimpleNamespace(settings={"figures": False}, dataset="demo", title="t"))
    return (folder / "report.html").read_text(encoding="utf-8")


def test_a_run_on_the_cpu_has_no_such_section(tmp_path):
    page = render(tmp_path)
    assert 'id="parity"' not in page
    assert "GPU" not in text_of(page)


def test_what_differs_is_told_with_its_number_and_what_followed(tmp_path):
    page = render(tmp_path, "warn")
    text = html.unescape(text_of(page))
    assert "computed the same things on 1 500 of the 20 000 cells. They differ in: leiden, umap." in text
    assert "The run went on with the GPU's results" in text
    assert "The GPU differs from the CPU in: leiden, umap" in text
    assert "at least 0.99" in text
    section = page[page.index('<section id="parity">') :]
    assert section.index("leiden") < section.index("pca")
    assert "no answer" in section


def test_functions_that_moved_to_the_cpu_are_named(tmp_path):
    assert "These functions were computed on the CPU, as configured" in text_of(render(tmp_path, "cpu"))


def test_a_run_without_differences_says_so(tmp_path):
    text = text_of(render(tmp_path, "stop", rows=ROWS[:1]))
    assert "All measures are within their limits." in text
    assert "The GPU differs" not in text
