"""A reference is small, the same for the same lots, and not read if it is not as it was written."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from reference_cases import MARKERS, counted_cells, simulated_lots, study_rates

from mscape.errors import UserError
from mscape.reference import files, folder
from mscape.reference.lots import ATTRIBUTES, sum_lots


@pytest.fixture(scope="module")
def lots():
    found = sum_lots(*counted_cells(study_rates(), ["1", "B"]), markers=MARKERS)  # an id that looks like a number
    found.sums.loc["1", "THY1"] = np.nan
    rows = [("1", "depth", "Depth", "counts", 3000.0), ("B", "depth", "Depth", "counts", 3100.0)]
    return replace(found, attributes=pd.DataFrame(rows, columns=ATTRIBUTES))


def write(lots, path, **given):
    return folder.write_folder(lots, path, **{"name": "test", "organism": "human", "simulated": True} | given)


def test_it_is_read_as_it_was_written(lots, tmp_path):
    written = write(lots, tmp_path / "reference")
    found = folder.read_folder(tmp_path / "reference")
    assert found.record == written.record
    assert found.name == f"simulated reference test, version {written.record['version']}"
    pd.testing.assert_frame_equal(found.lots.sums, lots.sums, check_names=False, check_column_type=False)
    pd.testing.assert_frame_equal(found.lots.about, lots.about, check_dtype=False)
    pd.testing.assert_frame_equal(found.lots.depth, lots.depth, rtol=1e-5)
    pd.testing.assert_frame_equal(found.lots.attributes, lots.attributes, check_dtype=False)
    assert found.lots.blocks is None


def test_the_same_lots_give_the_same_bytes_and_other_lots_another_version(lots, tmp_path):
    one, same = write(lots, tmp_path / "a"), write(lots, tmp_path / "b")
    for file in files.FILES:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    other = write(lots.take(["B"]), tmp_path / "c")
    assert one.record["version"] == same.record["version"] != other.record["version"]


def test_a_lot_takes_ten_kilobytes_at_most(tmp_path):
    deep = simulated_lots(study_rates(genes=12_000), [f"L{n}" for n in range(20)], cells=5000, umi_median=20_000)
    assert deep.about["total_counts"].min() > 90_000_000
    write(deep, tmp_path)
    size = sum((tmp_path / file).stat().st_size for file in files.FILES)
    assert size / 20 <= 10_000


def test_it_holds_no_count_of_a_single_cell(tmp_path):
    """Any cell can be replaced by one of another lot's size without a trace but in sums: no barcode is in the files."""
    adata, calls = counted_cells(study_rates(), ["A"])
    write(sum_lots(adata, calls, markers=MARKERS), tmp_path)
    text = "".join((tmp_path / file).read_text() for file in files.FILES if file.endswith(("tsv", "json")))
    assert not [name for name in adata.obs_names if name.split("_")[1].split("-")[0] in text]
    (about,) = folder.read_folder(tmp_path).lots.about.to_dict("records")
    assert about["n_cells"] == 60


@pytest.mark.parametrize("file", files.TABLES)
def test_a_changed_or_missing_file_is_named(lots, tmp_path, file):
    write(lots, tmp_path)
    (tmp_path / file).write_bytes((tmp_path / file).read_bytes() + b"1")
    with pytest.raises(UserError, match=f"1 fault.*{file} is not as it was written"):
        folder.read_folder(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(UserError, match=f"{file} is missing"):
        folder.read_folder(tmp_path)


def test_another_folder_or_format_is_refused(lots, tmp_path):
    with pytest.raises(UserError, match="is no reference of lots"):
        folder.read_folder(tmp_path)
    write(lots, tmp_path)
    record = json.loads((tmp_path / "reference.json").read_text()) | {"format": "0.1"}
    (tmp_path / "reference.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"does not state format 1\.0"):
        folder.read_folder(tmp_path)


def test_no_lots_are_no_reference(lots, tmp_path):
    with pytest.raises(UserError, match="no lot is left"):
        write(lots.take([]), tmp_path / "new")
    assert not (tmp_path / "new").exists()
