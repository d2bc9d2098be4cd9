"""A notebook builds a reference and judges lots against it as the workflow does."""

import json

import pytest
from reference_cases import counted_cells, study_rates

import mscape as ms
from mscape.errors import UserError


def gated(names, **options):
    """Cells as after ``ms.gate``, with a call that is known."""
    adata, calls = counted_cells(study_rates(), names, **options)
    adata.obs["isct_call"] = calls
    adata.uns["mscape"] = {"gate": {}}
    return adata


def test_lots_are_judged_against_lots_of_another_study(tmp_path):
    known = gated([f"R{n}" for n in range(19)], cells=50)
    failed = [{"lot_id": "R0", "verdict": "FAIL", "attributes": []}]
    known.uns["mscape"]["passport"] = json.dumps(failed)
    built = ms.reference.build(known, tmp_path / "reference", name="made up", simulated=True)
    assert built.lots.names == [f"R{n}" for n in range(1, 19)]
    built = ms.reference.build(known, tmp_path / "reference", name="made up", lots=known.obs["lot_id"].unique())

    primed = gated(["new"], licensed_fraction=0.9)
    found = ms.reference.judge(primed, tmp_path / "reference")
    (row,) = found["reference_lots"].to_dict("records")
    assert row["place"] == "outside"
    assert row["p"] == pytest.approx(1 / 20)
    assert row["version"] == built.record["version"]
    again = ms.reference.judge(primed, built)["reference_signatures"]
    assert (again["z"] == found["reference_signatures"]["z"]).all()
    assert found["reference_attributes"].empty


def test_a_single_lot_has_its_programmes_against_a_reference(tmp_path):
    known = ms.reference.build(gated([f"R{n}" for n in range(10)], cells=50), tmp_path, name="made up")
    adata, _ = counted_cells(study_rates(), ["new"], cells=150, licensed_fraction=0.9)
    ms.qc(adata)
    ms.embed(adata)
    ms.gate(adata, culture="expanded")
    ms.score(adata)
    alone = ms.passport(adata).set_index("attribute")
    assert alone.at["immune_licensed", "verdict"] == "NOT ASSESSABLE"
    found = ms.passport(adata, reference=known).set_index("attribute")
    assert found.at["immune_licensed", "verdict"] == "WARN"
    of = f"the average of 10 lots (tissue bone marrow) of the reference made up, version {known.record['version']}"
    assert found.at["immune_licensed", "reason"].startswith(f"Against {of}, z: ")
    assert found.at["reference", "verdict"] == "NOT ASSESSABLE"  # 10 lots promise 9.1 %
    assert "which takes 19" in found.at["reference", "reason"]


def test_cells_without_calls_are_refused(tmp_path):
    adata, _ = counted_cells(study_rates(), ["A"])
    with pytest.raises(UserError, match=r"run mscape\.gate"):
        ms.reference.build(adata, tmp_path, name="x")


def test_no_other_name_is_there():
    with pytest.raises(AttributeError, match=r"mscape\.reference.*'nothing'"):
        _ = ms.reference.nothing
