"""The page over all datasets."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import render_index


def document(name, *verdicts, simulated=False):
    lots = [
        {"lot_id": f"{name}-{i}", "verdict": verdict, "n_cells": 100, "tissue": "bone marrow", "attributes": []}
        for i, verdict in enumerate(verdicts)
    ]
    return {"dataset": name, "run_id": "abc", "simulated": simulated, "lots": lots}


def render(tmp_path, *documents):
    passports, reports = [], []
    for i, one in enumerate(documents):
        folder = tmp_path / "results" / f"d{i}"
        folder.mkdir(parents=True)
        (folder / "passports.json").write_text(json.dumps(one), encoding="utf-8")
        passports.append(str(folder / "passports.json"))
        reports.append(str(folder / "report.html"))
    html = tmp_path / "results" / "index.html"
    given = SimpleNamespace(passports=passports, reports=reports)
    render_index.main(given, SimpleNamespace(html=str(html)), SimpleNamespace(title="Study"))
    return html.read_text(encoding="utf-8")


def test_index_links_each_report_relative_to_itself(tmp_path):
    html = render(tmp_path, document("one", "PASS", "FAIL"), document("two", "WARN", simulated=True))
    assert 'href="d0/report.html"' in html
    assert 'href="d1/report.html"' in html
    assert 'href="d0/report.html#lot-one-1"' in html
    assert "1 / 3" in html
    assert "Simulated data</strong> in two" in html


def test_lots_that_fail_come_first(tmp_path):
    html = render(tmp_path, document("one", "PASS", "FAIL", "WARN"))
    assert re.findall(r'href="[^"]*#lot-[^"]+"[^>]*>([^<]+)<', html) == ["one-1", "one-2", "one-0"]


def test_names_are_escaped(tmp_path):
    html = render(tmp_path, document("<script>alert(1)</script>", "PASS"))
    assert "<script>alert" not in html


def test_index_loads_nothing(tmp_path):
    html = render(tmp_path, document("one", "PASS"))
    assert "default-src &#39;none&#39;" in html
    assert "http://" not in html.replace("http://www.w3.org/2000/svg", "")
