"""The definitions of the stage tables are whole, and rules, scripts and tables speak of the same files."""

import re

import pytest

from mscape.data.tables import DTYPES, STAGE_TABLES, TABLES


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_each_column_has_a_type_and_a_sentence(table):
    columns = [*table.columns, *([table.further] if table.further else [])]
    assert all(column.dtype in DTYPES for column in columns)
    assert all(column.what.endswith((".", "...")) and len(column.what) > 5 for column in columns)
    assert table.what.endswith(".")
    assert len(set(table.names)) == len(table.names)


def test_tables_are_what_the_rules_write(root):
    rules = "".join(file.read_text() for file in (root / "workflow/rules").glob("*.smk"))
    written = set(re.findall(r'"(results/(?:\{dataset\}/)?[a-z_]+\.tsv)"', rules))
    assert written == {table.path for table in TABLES.values()}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_each_table_is_written_by_its_step_through_the_one_writer(root, table):
    script = (root / f"workflow/scripts/{table.step}.py").read_text()
    assert "write_table(" in script
    assert re.search(rf'["({{, ]"?{table.name}"', script), f"{table.step} does not name {table.name}"


def test_tables_of_every_dataset_are_the_stage_tables():
    assert "gate" in STAGE_TABLES
    assert not {"truth", "parity", "check", "forecast"} & set(STAGE_TABLES)
