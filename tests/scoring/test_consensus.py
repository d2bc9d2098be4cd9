import numpy as np
import pandas as pd
import pytest

from mscape.scoring import consensus


def test_the_phase_is_the_smaller_significant_p():
    phase = consensus.call_phase(np.array([0.5, 0.01, 0.02, np.nan]), np.array([0.2, 0.3, 0.001, 0.001]))
    assert list(phase) == ["G1", "S", "G2M", "unknown"]


def test_senescence_needs_arrest_and_one_more_scorer_and_no_cycle():
    p = pd.DataFrame(
        {
            "MSC_SENESCENCE_ARREST": [0.01, 0.01, 0.01, 0.5, 0.5, np.nan],
            "SENMAYO__DEPLETED": [0.01, 0.01, 0.5, 0.01, 0.5, 0.01],
        }
    )
    phase = pd.Categorical(["G2M", "G1", "G1", "G1", "G1", "G1"])
    states = consensus.call_senescence(p, phase)
    assert list(states) == ["cycling", "senescence-like", "arrested", "secretory", "quiescent", "unresolved"]


@pytest.mark.parametrize(
    ("licensed", "inflammatory", "constitutive", "expected"),
    [
        (5, 4, 0, "licensed"),
        (0.5, 4, 0, "inflamed, not licensed"),
        (0, 0, 3, "constitutive"),
        (0, 0, 0, "resting"),
        (np.nan, 4, 0, "not assessable"),
    ],
)
def test_an_inflamed_lot_does_not_look_licensed(licensed, inflammatory, constitutive, expected):
    z = dict(zip(consensus.IMMUNE.values(), (constitutive, licensed, inflammatory), strict=True))
    assert consensus.immune_profile(z) == expected


@pytest.mark.parametrize(
    ("late", "adipo", "chondro", "expected"),
    [(4, 1, 0, "osteogenic"), (4, 3.5, 0, "mixed"), (1, 0, 0, "none"), (4, np.nan, np.nan, "not assessable")],
)
def test_the_lineage_that_stands_out_is_named(late, adipo, chondro, expected):
    z = {"MSC_OSTEOGENIC_LATE": late, "MSC_ADIPOGENIC_CORE": adipo, "MSC_CHONDROGENIC_CORE": chondro}
    assert consensus.lineage_bias(z) == expected


def test_senescence_of_a_lot_by_agreement():
    z = dict.fromkeys(consensus.SENESCENCE.values(), 0.0)
    assert consensus.senescence_agreement(z)["senescence"] == "none"
    z["SENMAYO__DEPLETED"] = 3
    assert consensus.senescence_agreement(z)["senescence"] == "secretory only"
    z["MSC_SENESCENCE_ARREST"] = 3
    assert consensus.senescence_agreement(z) == {
        "senescence": "agree",
        "senescence_scorers": "arrest;secretome",
        "senescence_assessed": 3,
    }
    z["MSC_SENESCENCE_ARREST"] = np.nan
    assert consensus.senescence_agreement(z)["senescence"] == "not assessable"


def test_the_rules_name_signatures_that_the_registry_has():
    from mscape.genes.registry import load_markers

    names = {*consensus.SENESCENCE.values(), *consensus.IMMUNE.values(), *sum(consensus.LINEAGES.values(), ())}
    assert {name.split("__")[0] for name in names} <= set(load_markers().scored())


def test_wilson_interval():
    assert consensus.fraction_interval(0, 10) == pytest.approx((0, 0, 0.2775), abs=1e-3)
    assert np.isnan(consensus.fraction_interval(0, 0)).all()
