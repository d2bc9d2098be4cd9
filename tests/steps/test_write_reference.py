"""The lots that no passport fails, or those of the config, are kept with the sums of their cells."""

import pytest
from reference_cases import MARKERS, build_reference, stage_files

from mscape.data import counts
from mscape.reference.lots import sum_lots


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    folder = tmp_path_factory.mktemp("known")
    files = stage_files(folder / "results", [*(f"R{n}" for n in range(19)), "BAD"], cells=30)
    return files, build_reference(files, folder / "reference"), folder / "reference"


def test_lots_that_no_passport_fails_are_kept(known):
    files, reference, _ = known
    assert reference.lots.names == [f"R{n}" for n in range(19)]
    assert reference.record["name"] == "known"
    assert reference.record["simulated"] is True
    assert reference.record["sources"] == {"run_id": "0" * 12}
    assert set(reference.lots.attributes["value"]) == {3000.0}
    summed = sum_lots(files["counts"], counts.read_obs(files["gate"])["isct_call"], markers=MARKERS)
    assert (reference.lots.sums.loc["R3"] == summed.sums.loc["R3"]).all()


def test_lots_of_the_config_are_kept(known, tmp_path):
    files, _, _ = known
    assert build_reference(files, tmp_path, lots=["R2", "BAD"]).lots.names == ["R2", "BAD"]
