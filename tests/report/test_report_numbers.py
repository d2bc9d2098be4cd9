"""Every number of the sections on scores and comparisons has its n, its interval and its definition."""

import re

import pytest
import report_fixture

from mscape.data.table_io import read_table, write_table
from mscape.report import context as report_context
from mscape.report import dataset
from mscape.report.tables import Table

NUMBERS = ("number", "percent", "heat")
COUNTS = ("Cells", "Lots", "Genes", "Genes found", "of", "Donors, reference", "Donors, other", "Genes that lead")
COUNTS += ("Genes of the set", "Genes ranked or chosen")
ENDS = ("Low", "High")
OF_TESTS = ("p", "Adjusted p", "FDR", "Coverage")  # a test's own probability, or a count over a count: no interval
# Numbers without ends of their own, and the words of the page that say why.
WITHOUT = {
    "NES": "over the mean of random sets of the same size",  # its uncertainty is p, against the same random sets
    "given the others": "linear, over cells within lots",
    "Change of z": "for one standard deviation of the confounder",
    "Explained together": "Share of a score's variance",
    "without confounders": "The interval is as wide as before",
    "Change": "The interval is as wide as before",
}


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    given = report_fixture.make(tmp_path_factory.mktemp("numbers"))
    return report_context.describe(dataset.read_dataset(given, name="demo"))


def tables_in(value):
    """Find every table in a part of the report's context."""
    if isinstance(value, Table):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from tables_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from tables_in(part)


def tables_of(context):
    keys = ("scores", "comparison", "confounders")
    found = [table for key in keys for table in tables_in(context["data"][key])]
    found += [table for table in tables_in(context["data"]["clusters"]) if table.id == "enrichment"]
    ids = {table.id for table in found}
    assert {"heat-0", "signatures", "sums", "contrasts", "composition", "confounder-heat", "confounders"} <= ids
    assert {"adjusted", "enrichment", "cluster-programmes"} <= ids
    return found


def faults_of(table, terms):
    """Numbers of a table that lack something, as (title, what)."""
    numeric = [(title, kind, term) for title, kind, term in table.columns if kind in NUMBERS]
    titles = [title for title, *_ in numeric]
    counted = any(title in COUNTS for title in titles) or "cells" in table.note
    ended = set(ENDS) <= set(titles)
    for title, kind, term in numeric:
        if title in COUNTS or title in ENDS:
            continue
        if kind == "heat":
            yield from heat_faults(table, title)
            continue
        if not term or term not in terms:
            yield title, "no definition"
        if not counted:
            yield title, "no n"
        if title in WITHOUT:
            if WITHOUT[title] not in terms[term]["text"]:
                yield title, "its definition does not say what it is"
        elif not ended and title not in OF_TESTS:
            yield title, "no interval"


def heat_faults(table, title):
    """A square keeps n and interval in its hint; the definition stands over the table."""
    column = [name for name, *_ in table.columns].index(title)
    for row in table.rows:
        cell = row[column]
        if cell.sort is None:
            continue
        if not re.search(r"\d (cells|lots)", cell.note):
            yield title, "no n"
        if not re.search(r"\(\S+ to \S+\)", cell.note) and "no interval, because" not in table.note:
            yield title, "no interval"


def test_every_number_has_n_interval_and_definition(context):
    faults = {(t.caption, *fault) for t in tables_of(context) for fault in faults_of(t, context["terms"])}
    assert not faults


def test_the_check_finds_what_is_missing(context):
    (whole,) = (table for table in tables_of(context) if table.id == "contrasts")
    bare = [column for column in whole.columns if column[0] not in (*ENDS, *COUNTS)]
    lost = Table(whole.id, whole.caption, [(title, kind, "") for title, kind, _ in bare], whole.rows)
    found = set(faults_of(lost, context["terms"]))
    assert {("Difference", "no interval"), ("Difference", "no n"), ("Difference", "no definition")} <= found
    (heat,) = (table for table in tables_of(context) if table.id == "heat-0")
    for row in heat.rows:
        row[1].note = "MSC_IMMUNOREG_LICENSED"
    assert {what for _, what in faults_of(heat, context["terms"])} == {"no n", "no interval"}


def test_forests_and_bars_say_their_interval_on_hover(context):
    drawn = [figure["svg"] for contrast in context["data"]["comparison"]["contrasts"] for figure in contrast["figures"]]
    drawn += [page["scores"] for page in context["data"]["passports"]["pages"] if page.get("scores")]
    for chart in drawn:
        hints = re.findall(r"<title>([^<]*)</title><rect", str(chart))
        assert hints
        for hint in hints:
            assert re.search(r": \S+ \((\S+ to \S+|no interval)\)", hint)
            assert "(n/a to n/a)" not in hint


def test_with_one_donor_in_an_arm_there_is_a_point_without_interval(context):
    (contrast,) = context["data"]["comparison"]["contrasts"]
    assert contrast["donors"] == "1 against 5 donors"  # in the order of "licensed vs resting"
    for figure in contrast["figures"]:
        assert "no interval" in figure["svg"]
        assert figure["note"].startswith("One arm has one donor")
        assert "clearest" not in figure["note"]
    (table,) = (table for table in tables_of(context) if table.id == "contrasts")
    titles = [title for title, *_ in table.columns]
    assert titles.index("Donors, other") < titles.index("Donors, reference")
    for row in table.rows:
        cells = dict(zip(titles, row, strict=True))
        assert cells["Difference"].sort is not None
        assert cells["Low"].sort is cells["High"].sort is cells["p"].sort is None


def test_sets_that_are_curated_here_are_marked_and_a_user_s_own_are_not(tmp_path):
    given = report_fixture.make(tmp_path)
    table = read_table(tmp_path / "signatures.tsv")
    table.loc[table["id"] == "MSC_SASP_INFLAMMATORY", ["evidence", "licence"]] = "C", "given by the user"
    write_table("signatures", table, tmp_path / "signatures.tsv")
    heat = report_context.describe(dataset.read_dataset(given, name="demo"))["data"]["scores"]["heats"][0]
    titles = [title for title, *_ in heat.columns]
    assert "MSC IMMUNOREG LICENSED (C)" in titles
    assert "MSC SASP INFLAMMATORY" in titles
    assert "(C): members chosen for mscape" in heat.note
