"""Page and table of several datasets."""

from types import SimpleNamespace

import pytest
import stage_tables

import pool_datasets
from mscape.data.table_io import read_table


def pool(folder, effects):
    paths = []
    for i, effect in enumerate(effects):
        (folder / f"d{i}").mkdir()
        row = {"contrast": "passage: trend", "kind": "score", "feature": "SET_UP", "estimate": effect, "unit": "score"}
        row |= {"low": effect - 0.2, "high": effect + 0.2, "statistic": effect / 0.1}
        stage_tables.write("contrasts", folder / f"d{i}/contrasts.tsv", [row])
        paths.append(str(folder / f"d{i}/contrasts.tsv"))
    output = SimpleNamespace(page=folder / "m.html", table=folder / "meta.tsv")
    params = SimpleNamespace(confidence=0.95, title="Study", simulated=[])
    pool_datasets.main(SimpleNamespace(contrasts=paths), output, params)
    return output.page.read_text(), read_table(output.table)


def test_the_pooled_slope_is_shown_with_each_dataset(tmp_path):
    page, table = pool(tmp_path, [1.0, 1.1, 0.9, 1.0])
    whole = table[table["role"] == "pooled"].iloc[0]
    assert whole["estimate"] == pytest.approx(1.0)
    assert "4 datasets: 1 of 1 pooled scores differ from 0 at a false discovery rate of 5%." in page
    assert page.count('class="chart"') == 1
    assert "Without one dataset: 0.967 to 1.03." in page


def test_two_datasets_are_not_pooled(tmp_path):
    page, table = pool(tmp_path, [1.0, 1.1])
    assert "2 datasets: no contrast has 3 datasets with an interval; nothing is pooled." in page
    assert "2 studies have an interval; 3 are needed." in page
    assert set(table["role"]) == {"study", "pooled"}
