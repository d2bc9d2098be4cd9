"""Each section of the report is one object and one template, and uses the tables that it declares."""

import re
from types import SimpleNamespace

import pytest
import report_fixture
from pages import text_of

import render_report
from mscape import paths
from mscape.data.tables import TABLES
from mscape.gating.reasons import Reason
from mscape.modules import members
from mscape.report import dataset as collect
from mscape.report import page
from mscape.report.options import ReportOptions
from mscape.report.section import build_sections, find_sections

SECTIONS = {section.id: section for section in find_sections()}
MOST = 200  # characters of a line of a template


class Watched(dict):
    """Tables that note which of them are asked for."""

    def __init__(self, tables):
        super().__init__(tables)
        self.asked = set()

    def __getitem__(self, name):
        self.asked.add(name)
        return super().__getitem__(name)

    def get(self, name, default=None):
        self.asked.add(name)
        return super().get(name, default)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sections")


@pytest.fixture(scope="module")
def given(folder):
    return report_fixture.make(folder, cells=600)


@pytest.fixture(scope="module")
def html(folder, given):
    output = SimpleNamespace(html=str(folder / "report.html"), figures=str(folder / "figures"))
    render_report.main(given, output, SimpleNamespace(settings={"figures": False}, dataset="demo", title="t"))
    return (folder / "report.html").read_text(encoding="utf-8")


def test_sections_and_templates_are_the_same(root):
    templates = {path.name.removesuffix(".html.j2") for path in (root / "workflow/report/sections").iterdir()}
    assert templates == set(SECTIONS)
    assert len({section.order for section in SECTIONS.values()}) == len(SECTIONS)


@pytest.mark.parametrize("id", SECTIONS)
def test_a_section_uses_the_tables_that_it_declares(given, id):
    section, dataset = SECTIONS[id], collect.read_dataset(given, name="demo")
    dataset.tables = Watched(dataset.tables)
    section.build(dataset, ReportOptions())
    assert dataset.tables.asked <= set(section.tables) <= set(TABLES)
    assert set(section.needs) <= set(section.tables)
    assert section.term in {"", *page.glossary()}


def test_the_navigation_lists_the_sections_of_the_page(html):
    places = re.findall(r'<section id="([a-z]+)"', html)
    listed = re.findall(r'<li><a href="#([a-z]+)">', html.partition("</nav>")[0])
    assert listed == ["summary", *places]
    assert set(places) == set(SECTIONS) - {"parity", "annotations", "reference"}  # none was given


def test_a_needed_table_that_is_absent_is_named_in_the_sections_place(given):
    dataset = collect.read_dataset(given, name="demo")
    del dataset.tables["contaminants"]
    (purity,) = (one for one in build_sections(dataset, ReportOptions()) if one.section.id == "purity")
    assert purity.missing == "The run made no contaminants.tsv."


def test_lines_of_templates_are_short():
    long = {
        f"{path.name}:{number}"
        for path in paths.TEMPLATES.rglob("*.j2")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > MOST
    }
    assert not long


def test_no_reason_is_shown_as_a_code(html):
    shown = text_of(html) + html[html.index('id="header"') :]
    assert "absent from the file is not absent from the cell" in shown
    codes = {str(reason) for reason in Reason if "_" in reason} | {"MISSING_CD", "NEG_CD", "LINEAGE_"}
    assert {code for code in codes if code in shown} == set()


def test_members_are_those_of_all_modules_of_a_package():
    assert {section.id for section in members("mscape.report.sections", "SECTION")} == set(SECTIONS)
    assert members("mscape.report.sections", "nothing of this name") == []
