"""A stage file that is damaged, cut short, edited or another's stops the step with the file and the cure."""

import shutil

import h5py
import numpy as np
import pandas as pd
import pytest

from mscape.data import checksum, counts, json_file
from mscape.data.table_io import read_table, write_table
from mscape.errors import UserError

CURE = r"Delete the file and run again\.$"


@pytest.fixture
def stage(tmp_path, toy_counts):
    """Two samples as their step leaves them."""
    for seed, sample in enumerate("AB"):
        adata = toy_counts(seed=seed)
        path = tmp_path / f"results/d/samples/{sample}/raw.h5ad"
        path.parent.mkdir(parents=True)
        counts.append(
            path, [adata.X], obs=adata.obs, var=adata.var, uns={"mscape": {"load_counts": {"sample": sample}}}
        )
        counts.add_notes(path, "load_counts", {"digest": "0" * 64})
        checksum.record([path, path.parent])
    return tmp_path / "results/d/samples"


def content(path):
    checksum._verify.cache_clear()
    (_, _, block), *rest = counts.blocks(path)
    light = counts.read_light(path)
    assert not rest
    return block.toarray().tolist(), list(light.obs_names), list(light.var_names), str(light.uns)


def test_a_whole_file_is_read_by_any_reader_of_hdf5(stage, toy_counts):
    import anndata
    import hdf5plugin  # noqa: F401  registers the compression of stage files

    path = stage / "A/raw.h5ad"
    assert content(path)[0] == toy_counts().X.toarray().tolist()
    assert (anndata.read_h5ad(path).X != toy_counts().X).nnz == 0
    assert path.read_bytes().endswith(b"\n")


@pytest.mark.parametrize("copied", [False, True])  # a copy elsewhere has no record beside it
def test_no_flipped_or_lost_byte_gives_other_counts(stage, tmp_path, copied):
    whole = (stage / "A/raw.h5ad").read_bytes()
    path = tmp_path / "copy.h5ad" if copied else stage / "A/raw.h5ad"
    rng = np.random.default_rng(0)
    damages = ["flip"] * 40 + ["zeros"] * 10 + ["cut"] * 10
    for how in damages:
        data = bytearray(whole)
        at = int(rng.integers(len(data)))
        if how == "flip":
            data[at] ^= 1 << int(rng.integers(8))
        elif how == "zeros":
            data[at : at + 4096] = bytes(len(data[at : at + 4096]))
        else:
            del data[at:]
        path.write_bytes(data)
        with pytest.raises(UserError, match=CURE):
            content(path)


@pytest.mark.parametrize("with_record", [False, True])
def test_another_sample_in_its_place_is_noticed(stage, with_record):
    shutil.copy(stage / "B/raw.h5ad", stage / "A/raw.h5ad")
    said = "it is not the file that was written here"
    if with_record:
        shutil.copytree(stage / "B", stage / "A", dirs_exist_ok=True)
        said = "it was written for sample B"
    with pytest.raises(UserError, match=f"A/raw.h5ad is damaged, cut short, edited or another study's: {said}. {CURE}"):
        content(stage / "A/raw.h5ad")


def test_a_file_that_no_step_wrote_is_no_stage_file(tmp_path):
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file["X"] = [1]
    with pytest.raises(UserError, match=f"it does not end with its checksum. {CURE}"):
        counts.read_obs(tmp_path / "a.h5ad")


@pytest.mark.parametrize("how", ["cut at a line", "cut", "edited", "flip", "empty"])
def test_a_table_that_is_not_as_it_was_written(tmp_path, how):
    path = tmp_path / "paga.tsv"
    rows = {"cluster_a": ["0", "1", "2"], "cluster_b": ["1", "2", "0"], "connectivity": [0.5, 0.25, 1], "path": True}
    write_table("paga", pd.DataFrame(rows), path)
    checksum.record([path])
    assert len(read_table(path)) == 3
    text = path.read_text()
    path.write_text(
        {
            "cut at a line": "\n".join(text.splitlines()[:2]) + "\n",
            "cut": text[: len(text) // 2],
            "edited": text.replace("0.5", "0.6"),
            "flip": text.replace("0.25", "1.25"),
            "empty": "",
        }[how]
    )
    with pytest.raises(UserError, match=rf"paga\.tsv is damaged.*: it is not the file that was written here. {CURE}"):
        read_table(path)


def test_json_of_a_step(tmp_path):
    path = tmp_path / "run.json"
    path.write_text('{"run_id": "a"}')
    checksum.record([path])
    assert json_file.read_json(path) == {"run_id": "a"}
    path.write_text('{"run_id": "b"}')
    with pytest.raises(UserError, match=CURE):
        json_file.read_json(path)
    (tmp_path / "half.json").write_bytes(b'{"run_id": "\xff')
    with pytest.raises(UserError, match=r"half\.json is damaged"):
        json_file.read_json(tmp_path / "half.json")
