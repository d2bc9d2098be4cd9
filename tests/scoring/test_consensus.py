import numpy as np
import pytest

from mscape.scoring import consensus


def test_the_phase_is_the_smaller_significant_p():
    phase = consensus.call_phase(np.array([0.5, 0.01, 0.02, np.nan]), np.array([0.2, 0.3, 0.001, 0.001]))
    assert list(phase) == ["G1", "S", "G2M", "unknown"]


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


def test_the_response_to_glucocorticoids_forbids_adipogenic():
    z = {"MSC_OSTEOGENIC_EARLY": 1.0, "MSC_ADIPOGENIC_CORE": 6.0, "MSC_CHONDROGENIC_CORE": 0.0}
    assert consensus.lineage_bias(z) == "adipogenic"
    assert consensus.lineage_bias(z | {"MSC_GLUCOCORTICOID": 4.0}) == "none"
    assert consensus.lineage_bias(z | {"MSC_GLUCOCORTICOID": 4.0, "MSC_OSTEOGENIC_EARLY": 5.5}) == "osteogenic"


def test_senescence_of_a_lot_needs_genes_gained_and_genes_lost():
    z = dict.fromkeys(consensus.SENESCENCE.values(), 0.0)
    assert consensus.senescence_agreement(z)["senescence"] == "none"
    z["SENMAYO__DEPLETED"] = 9
    assert consensus.senescence_agreement(z)["senescence"] == "secretory only"
    z["MSC_SENESCENCE_ARREST"] = 3
    assert consensus.senescence_agreement(z)["senescence"] == "gained only"
    z["MSC_SENESCENCE_DOWN"] = -3
    assert consensus.senescence_agreement(z) == {
        "senescence": "agree",
        "senescence_scorers": "gained;lost;secretome",
        "senescence_assessed": 4,
    }
    assert consensus.senescence_agreement(z | {"MSC_OSTEOGENIC_EARLY": 3.0})["senescence"] == "differentiating"
    z["MSC_SENESCENCE_ARREST"] = np.nan
    assert consensus.senescence_agreement(z)["senescence"] == "not assessable"


def test_the_rules_name_signatures_that_the_registry_has():
    from mscape.genes.registry import load_markers

    names = {*consensus.SENESCENCE.values(), *consensus.IMMUNE.values(), *sum(consensus.LINEAGES.values(), ())}
    assert {name.split("__")[0] for name in names} <= set(load_markers().scored())


def test_shares_are_corrected_for_the_errors_of_the_call():
    """Rogan and Gladen by hand: 0.34 called at sensitivity 0.9, specificity 0.95 are (0.34 - 0.05) / 0.85."""
    perfect = consensus.Classifier((1.0, 1.0, 1.0), (1.0, 1.0, 1.0))
    assert consensus.correct_share(0, 10, perfect) == pytest.approx((0, 0, 0.2775), abs=1e-3)
    known = consensus.Classifier((0.9, 0.9, 0.9), (0.95, 0.95, 0.95))
    share, low, high = consensus.correct_share(340, 1000, known)
    assert share == pytest.approx(0.29 / 0.85)
    assert low == pytest.approx((0.3113 - 0.05) / 0.85, abs=1e-3)
    assert high == pytest.approx((0.3699 - 0.05) / 0.85, abs=1e-3)
    uncertain = consensus.Classifier((0.8, 0.9, 1.0), (0.9, 0.95, 1.0))
    wide = consensus.correct_share(340, 1000, uncertain)
    assert wide[0] == pytest.approx(share)
    assert wide[1] < low < high < wide[2]
    assert consensus.correct_share(40, 1000, known)[0] == 0  # fewer than the call's own errors
    assert np.isnan(consensus.correct_share(0, 0, known)).all()
