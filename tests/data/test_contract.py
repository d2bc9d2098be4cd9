import pytest

from mscape.data import contract, counts
from mscape.errors import UserError


def test_each_missing_key_and_its_step_are_named(tmp_path, toy_counts):
    adata = toy_counts(4, 3)
    adata.obs["isct_call"] = "pass"
    path = tmp_path / "gate.h5ad"
    counts.write(adata, path)
    with pytest.raises(UserError, match=r"obs\['isct_reason'\], obs\['isct_identity'\].*gate_msc should have added"):
        contract.read(path, "gate")


def test_a_whole_file_needs_counts(tmp_path, toy_counts):
    adata = toy_counts(4, 3)
    adata.X = None
    counts.write(adata, tmp_path / "raw.h5ad")
    with pytest.raises(UserError, match="lacks X, which load_counts"):
        contract.read(tmp_path / "raw.h5ad", "raw")


def test_a_complete_file_is_read_without_its_matrix(tmp_path, toy_counts):
    counts.write(toy_counts(4, 3), tmp_path / "raw.h5ad")
    assert contract.read(tmp_path / "raw.h5ad", "raw").X is None


def test_every_stage_has_a_script(root):
    for stage in contract.STAGES.values():
        assert (root / f"workflow/scripts/{stage.step}.py").is_file()
