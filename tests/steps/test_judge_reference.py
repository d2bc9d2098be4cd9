"""A lot is placed among the lots of a reference by itself: the lots beside it in its study do not matter."""

import shutil
from types import SimpleNamespace

import pandas as pd
import pytest
from reference_cases import REFERENCE_SETTINGS, build_reference, stage_files

import judge_reference
from mscape.data.table_io import read_table
from mscape.errors import UserError
from mscape.genes.registry import REGISTRY
from mscape.reference.files import FILES


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("known")
    build_reference(stage_files(folder / "results", [f"R{n}" for n in range(19)], cells=30), folder / "reference")
    return [str(folder / "reference" / file) for file in FILES]


def judge(folder, names, reference, **options):
    files = stage_files(folder, names, **options)
    given = SimpleNamespace(**files, reference=reference, markers=REGISTRY)
    out = SimpleNamespace(lots=folder / "lots.tsv", signatures=folder / "signatures.tsv")
    judge_reference.main(given, out, SimpleNamespace(settings=REFERENCE_SETTINGS, organism="human", seed=0))
    return read_table(out.lots, "reference_lots"), read_table(out.signatures, "reference_signatures")


def test_a_lot_is_judged_alone_as_beside_others(reference, tmp_path):
    """To the last digit that the tables hold."""
    alone = judge(tmp_path / "alone", ["new"], reference)
    joined = judge(tmp_path / "joined", ["first", "new", "third"], reference)
    for one, several in zip(alone, joined, strict=True):
        pd.testing.assert_frame_equal(one, several[several["lot_id"] == "new"].reset_index(drop=True))
        assert set(several["lot_id"]) == {"first", "new", "third"}
    lots, signatures = alone
    assert lots.at[0, "alarm_lots"] == 19
    assert lots.at[0, "reference"].startswith("simulated reference known, version ")
    own = signatures.set_index("signature").loc["TIROSH_S"]
    assert own["z_low"] < own["z"] < own["z_high"]


def test_a_primed_lot_is_outside(reference, tmp_path):
    lots, _ = judge(tmp_path / "primed", ["new"], reference, licensed_fraction=0.9)
    assert lots.at[0, "place"] == "outside"


def test_a_damaged_reference_is_named(reference, tmp_path):
    for file in FILES:
        shutil.copy(reference[FILES.index(file)], tmp_path / file)
    (tmp_path / "lots.tsv").write_text("lot_id\n")
    with pytest.raises(UserError, match=r"lots\.tsv is not as it was written"):
        judge(tmp_path / "study", ["new"], [str(tmp_path / file) for file in FILES])
