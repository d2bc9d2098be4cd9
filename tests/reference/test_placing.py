"""Lots that differ are outside of a reference for the reason they differ by; lots that do not are inside."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from reference_cases import MARKERS, as_reference, join, lots_of, simulated_lots, study_rates

from mscape.errors import UserError
from mscape.reference.lots import ATTRIBUTES
from mscape.reference.options import ReferenceOptions
from mscape.reference.placing import choose_stratum, judge_lots, place_attributes

OPTIONS = ReferenceOptions()


@pytest.fixture(scope="module")
def rates():
    return study_rates()


@pytest.fixture(scope="module")
def reference(rates):
    return as_reference(simulated_lots(rates, [f"R{n}" for n in range(25)]))


def judge(lots, reference, **options):
    found = judge_lots(lots, reference, ReferenceOptions(**options), markers=MARKERS)
    return found["reference_lots"].set_index("lot_id"), found["reference_signatures"].set_index("lot_id")


def test_primed_late_and_foreign_lots_are_outside_and_say_why(rates, reference):
    primed = simulated_lots(rates, ["primed"], licensed_fraction=0.8)
    late = simulated_lots(rates, ["late"], senescent_fraction=0.5, cycling_fraction=0.05)
    foreign = simulated_lots(rates, ["foreign"], tissue="cord")
    lots, signatures = judge(join(primed, late, foreign), reference)
    assert list(lots["place"]) == ["outside"] * 3
    assert "INTERFERON_GAMMA" in lots.at["primed", "top"]
    late_z = signatures.loc["late"].set_index("signature")["z"]
    assert late_z["MSC_SENESCENCE_ARREST"] > 3
    assert late_z["MSC_SENESCENCE_DOWN"] < -2
    assert lots.at["foreign", "decided_by"] == "genes"
    assert lots.at["primed", "p"] == pytest.approx(1 / 26)
    assert "1 of 26 lots, this one among them, depart as far" in lots.at["primed", "sentence"]


def test_further_lots_are_inside_also_at_a_fifth_of_the_depth(rates, reference):
    new = simulated_lots(rates, [f"N{n}" for n in range(8)])
    shallow = simulated_lots(rates, [f"S{n}" for n in range(8)], umi_median=1500)
    lots, signatures = judge(join(new, shallow), reference)
    assert (lots["place"] == "inside").sum() >= 14  # 16 lots at 1 / 26 each
    own = signatures.groupby("lot_id")["z"].apply(lambda z: z.abs().median())
    assert own.max() < 2


def test_a_lot_is_judged_by_itself(rates, reference):
    lots = simulated_lots(rates, ["N0", "N1", "N2"])
    alone, together = judge(lots.take(["N1"]), reference), judge(lots, reference)
    for one, all_ in zip(alone, together, strict=True):
        pd.testing.assert_frame_equal(one, all_.loc[["N1"]], check_dtype=False)


def test_all_lots_have_one_depth_and_the_shallowest_references_are_left_out(rates, reference):
    poor = simulated_lots(rates, ["P0", "P1"], umi_median=1000)  # an eighth of the others
    known = as_reference(join(reference.lots, poor))
    deep, shallow = simulated_lots(rates, ["D"], umi_median=8000), simulated_lots(rates, ["S"], umi_median=1500)
    lots, _ = judge(join(deep, shallow), known)
    assert list(lots["n_lots"]) == [25, 27]
    assert lots.at["D", "depth"] == min(reference.lots.about["total_counts"].min(), deep.about["total_counts"].iloc[0])
    assert lots.at["S", "depth"] == poor.about["total_counts"].min()


def test_a_lot_is_not_compared_with_itself(rates, reference):
    lots, _ = judge(reference.lots.take(["R3"]), reference)
    assert lots.at["R3", "n_lots"] == 24


def test_few_lots_promise_what_they_can(rates, reference):
    few = as_reference(reference.lots.take([f"R{n}" for n in range(12)]))
    primed = simulated_lots(rates, ["primed"], licensed_fraction=0.8)
    lots, signatures = judge(primed, few)
    row = lots.loc["primed"]
    assert row["place"] == "no promise"
    assert row["smallest_rate"] == pytest.approx(1 / 13)
    assert "too few for an alarm at 5%, which takes 19" in row["sentence"]
    assert "the smallest false-alarm rate that can be promised is 7.7%" in row["sentence"]
    assert signatures.set_index("signature").at["HALLMARK_INTERFERON_GAMMA_RESPONSE", "z"] > 5
    row = judge(primed, few, alpha=0.1)[0].loc["primed"]
    assert row["place"] == "outside"
    row = judge(primed, as_reference(few.lots.take(["R0", "R1"])))[0].loc["primed"]
    assert row["sentence"].startswith("It cannot be placed among the 2 lots")
    assert np.isnan(row["p"])


def test_strata_are_tissue_and_chemistry_where_there_are_enough_lots():
    about = pd.DataFrame(
        {"tissue": ["marrow"] * 12 + ["cord"] * 4, "assay": (["v2"] * 2 + ["v3"] * 6) * 2},
        index=list("abcdefghijklmnop"),
    )
    lot = pd.Series({"tissue": "marrow", "assay": "v3"})
    assert choose_stratum(about, lot, least=8) == ("tissue marrow, assay v3", list("cdefghkl"))
    assert choose_stratum(about, lot, least=9)[0] == "tissue marrow"
    assert choose_stratum(about, lot, least=13) == ("all lots", list(about.index))
    assert choose_stratum(about, pd.Series({"tissue": "unknown", "assay": "v3"}), least=9)[0] == "assay v3"
    assert choose_stratum(about, pd.Series({"tissue": "skin", "assay": "new"}), least=1)[0] == "all lots"


def test_the_nearest_tissue_is_found_and_a_wrong_sheet_is_named(rates, reference):
    both = as_reference(join(reference.lots, simulated_lots(rates, [f"C{n}" for n in range(5)], tissue="cord")))
    lot = simulated_lots(rates, ["X"], tissue="cord")
    lots, _ = judge(lot, both)
    assert lots.at["X", "nearest_tissue"] == "cord"
    lot.about["tissue"] = "bone marrow"
    lots, _ = judge(lot, both)
    assert lots.at["X", "place"] == "outside"
    assert "The nearest tissue of the reference is cord, where the sheet says bone marrow." in lots.at["X", "sentence"]


def test_a_gene_that_no_reference_lot_shows_is_a_departure_and_not_an_end(rates, reference):
    silent = reference.lots.sums.copy()
    silent["CD3D"] = 0.0
    known = as_reference(replace(reference.lots, sums=silent))
    lot = simulated_lots(rates, ["N"])
    lot.sums["CD3D"] = 1e6
    row = judge(lot, known)[0].loc["N"]
    assert row["place"] == "outside"
    assert row["p"] == pytest.approx(1 / 26)


def test_lots_of_other_genes_are_refused(reference):
    other = lots_of({"X": np.full(30, 50)}, [f"GENE{n}" for n in range(30)], {"X": np.full(30, 50)})
    with pytest.raises(UserError, match="share 0 genes of the registry"):
        judge(other, reference)


def test_passport_numbers_have_percentile_and_prediction_interval(rates, reference):
    rng = np.random.default_rng(1)
    names = reference.lots.names
    given = pd.DataFrame(
        [(name, "depth", "Depth", "counts", value) for name, value in zip(names, rng.normal(100, 10, 25), strict=True)],
        columns=ATTRIBUTES,
    )
    known = as_reference(replace(reference.lots, attributes=given))
    about = simulated_lots(rates, ["N"]).about
    rows = pd.DataFrame([("N", "depth", "Depth", "counts", 150.0), ("N", "mt", "Mt", "%", 3.0)], columns=ATTRIBUTES)
    found = place_attributes(rows, about, known, OPTIONS).set_index("attribute")
    assert found.at["depth", "percentile"] == 1
    assert not found.at["depth", "inside"]
    values = given["value"]
    half = 2.0638986 * values.std() * np.sqrt(1 + 1 / 25)  # t of 24 degrees of freedom
    assert found.at["depth", "high"] == pytest.approx(values.mean() + half, rel=1e-6)
    assert found.at["mt", "n_lots"] == 0
    assert np.isnan(found.at["mt", "percentile"])
