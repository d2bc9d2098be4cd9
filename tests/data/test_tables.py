"""The definitions of the stage tables are whole, and rules, scripts and tables speak of the same files."""

import ast
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


def copies_of_columns(code):
    """Lists of names in some code that are all columns of a table: its line, and the table."""
    lists = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.List | ast.Tuple)]
    names = [(node.lineno, {one.value for one in node.elts if isinstance(one, ast.Constant)}) for node in lists]
    return [(line, table.name) for line, found in names for table in TABLES.values() if found == set(table.names)]


def test_columns_have_one_home(root):
    home = root / "workflow/scripts/mscape/data/tables.py"
    files = [file for file in (root / "workflow/scripts").rglob("*.py") if file != home]
    assert not [(file.name, *copy) for file in files for copy in copies_of_columns(file.read_text())]


def test_a_second_list_of_columns_would_be_found():
    assert copies_of_columns("x = 1\nCOLUMNS = ['cluster_a', 'cluster_b', 'connectivity', 'path']") == [(2, "paga")]


def test_tables_of_every_dataset_are_the_stage_tables():
    assert "gate" in STAGE_TABLES
    assert not {"truth", "annotations", "parity", "check", "forecast", "reference_lots"} & set(STAGE_TABLES)
