"""Whether a stated priming took, on sums whose state is known."""

import numpy as np
import pandas as pd
import pytest

from mscape.data.reference_table import read_reference
from mscape.genes.names import GeneIndex
from mscape.genes.registry import load_markers
from mscape.scoring import priming

NAMES = np.array([*dict.fromkeys(read_reference(priming.GENES)["gene"]), *(f"G{i}" for i in range(2000))])
OWN = {kind: np.isin(NAMES, priming.expected_genes(kind)) for kind in ("IFNG", "hypoxia")}


def draw(n_lots, *, depth=2e6, donor_sd=0.15, seed=0):
    """Sums of lots of like cells: lognormal rates, each lot's genes off by ``donor_sd`` in logarithm."""
    rng = np.random.default_rng(seed)
    rate = rng.lognormal(0, 1.5, NAMES.size)
    rates = rate * rng.lognormal(0, donor_sd, (n_lots, NAMES.size))
    return rates / rates.sum(axis=1, keepdims=True) * depth, rng


def judge(sums, stated, donors=None):
    lots = pd.DataFrame({"priming": stated, "donor_id": donors or ["unknown"] * len(stated)})
    lots.index = [f"L{i}" for i in range(len(stated))]
    index = GeneIndex(NAMES, pd.Series("", index=NAMES))
    table = priming.judge_priming(sums, lots, index=index, names=NAMES, measured=np.ones(NAMES.size, bool))
    return table.set_index("lot_id")


def test_every_expected_gene_is_in_the_set_that_it_is_cited_from():
    sets = load_markers().signatures
    for row in read_reference(priming.GENES).itertuples():
        assert row.gene in sets[row.set]["genes"], row.gene
        assert row.doi == sets[row.set]["doi"]
        assert row.direction == "up"


def test_lots_that_were_primed_are_shown_and_others_are_not():
    answers = {"primed": [], "unprimed": []}
    for seed in range(20):
        rates, rng = draw(4, seed=seed)
        raised = rates.copy()
        raised[0, OWN["hypoxia"]] *= 2 ** rng.normal(1.7, 0.5, OWN["hypoxia"].sum())
        stated = ["hypoxia", "none", "none", "none"]
        answers["primed"].append(judge(rng.poisson(raised), stated).at["L0", "answer"])
        answers["unprimed"].append(judge(rng.poisson(rates), stated).at["L0", "answer"])
    assert answers["primed"].count("yes") >= 19
    assert answers["unprimed"].count("no") >= 19
    assert "yes" not in answers["unprimed"]


def test_a_half_of_the_genes_is_partly():
    rates, rng = draw(4)
    some = np.flatnonzero(OWN["IFNG"])[:6]  # of 14
    rates[0, some] *= 16
    found = judge(rng.poisson(rates), ["IFNG", "none", "none", "none"]).loc["L0"]
    assert found["answer"] == "partly"
    assert found["moved"] == 6
    assert set(found["genes"].split(";")) == set(NAMES[some])
    assert (found["controls"], found["relative_to"]) == (3, "study")


def test_controls_of_the_same_donor_come_first():
    rates, rng = draw(3, donor_sd=0.05)
    rates[0, OWN["IFNG"]] *= 8
    rates[2, OWN["IFNG"]] *= 8  # a control of another donor that is like the lot
    found = judge(rng.poisson(rates), ["IFNG", "none", "none"], ["A", "A", "B"]).loc["L0"]
    assert (found["answer"], found["controls"], found["relative_to"]) == ("yes", 1, "donor")
    assert found["effect"] == pytest.approx(3, abs=0.3)


@pytest.mark.parametrize(
    ("stated", "depth", "reason"),
    [
        (["IFNG", "TNF"], 2e6, "no lot with priming none"),
        (["LPS", "none"], 2e6, "no list"),
        (["IFNG;none", "none"], 2e6, "state several"),
        (["IFNG", "none"], 2e3, "depth"),
    ],
)
def test_what_is_not_shown_is_undecided_with_the_reason(stated, depth, reason):
    rates, rng = draw(2, depth=depth)
    found = judge(rng.poisson(rates), stated).loc["L0"]
    assert found["answer"] == "undecided"
    assert reason in found["reason"]
    assert np.isnan(found["effect"])


def test_lots_without_a_statement_have_no_row_and_statements_follow_the_samples():
    rates, rng = draw(2)
    assert judge(rng.poisson(rates), ["unknown", ""]).empty
    obs = pd.DataFrame({"lot_id": ["A", "A", "B"], "priming": ["TNF", "none", "none"], "donor_id": ["D", "D", "E"]})
    found = priming.statements(obs, np.array(["A", "B", "C"]))
    assert found["priming"].fillna("").tolist()[:2] == ["TNF;none", "none"]
    assert priming.statements(obs.drop(columns="priming"), np.array(["A", "B"]))["priming"].tolist() == ["", ""]
