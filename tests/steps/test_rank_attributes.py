"""The numbers of a passport are placed among those of a reference."""

from types import SimpleNamespace

import pytest
from reference_cases import REFERENCE_SETTINGS, build_reference, stage_files

import rank_attributes
from mscape.data.table_io import read_table
from mscape.reference.files import FILES


def test_a_number_has_its_percentile_among_the_lots_of_its_tissue(tmp_path):
    depth = {f"R{n}": 1000.0 * n for n in range(1, 11)}
    reference = tmp_path / "reference"
    build_reference(stage_files(tmp_path / "known", list(depth), cells=30, depth=depth), reference)
    files = stage_files(tmp_path / "study", ["low", "high"], cells=30, depth={"low": 2500.0, "high": 90_000.0})
    given = SimpleNamespace(passports=files["passports"], reference=[str(reference / file) for file in FILES])
    output = SimpleNamespace(table=tmp_path / "reference_attributes.tsv")
    rank_attributes.main(given, output, SimpleNamespace(settings=REFERENCE_SETTINGS))
    found = read_table(output.table, "reference_attributes").set_index("lot_id")
    assert list(found["attribute"]) == ["depth", "depth"]
    assert found.at["low", "percentile"] == pytest.approx(0.2)
    assert bool(found.at["low", "inside"])
    assert not bool(found.at["high", "inside"])
    assert found.at["high", "stratum"] == "tissue bone marrow"
    assert found.at["high", "n_lots"] == 10
    # mean 5500, sd 3027.65, t of 9 degrees of freedom 2.262157
    assert found.at["high", "high"] == pytest.approx(5500 + 2.262157 * 3027.65 * 1.1**0.5, rel=1e-5)
