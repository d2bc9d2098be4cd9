"""Signatures on published profiles: priming of umbilical-cord MSC, osteogenic differentiation, a cycling cluster."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy import stats

from mscape.data import counts
from mscape.genes.names import GeneIndex
from mscape.genes.registry import load_markers
from mscape.scoring import consensus, control_genes, gene_sets, methods, null_sets

pytestmark = pytest.mark.real


def prepare(mean, detection, names, ids=None):
    markers = load_markers()
    sets, table = gene_sets.build_sets(markers, GeneIndex(names, ids), names, np.ones(len(names), bool))
    reference = control_genes.make_background(mean, ~gene_sets.scored_genes(table, names), names)
    gene_stats = null_sets.GeneStats.of(mean, detection, reference)
    return sets, reference, gene_stats, methods.matched_weights(sets, mean, reference)


def z_of_profiles(table, ids=None):
    """Score bulk or pooled profiles (profiles x genes) as if each were a lot."""
    names, values = table.columns.to_numpy(dtype=str), table.to_numpy(dtype=float)
    logged = np.log1p(values / values.sum(axis=1, keepdims=True) * 1e4)
    sets, reference, gene_stats, weights = prepare(logged.mean(axis=0), (values > 0).mean(axis=0), names, ids)
    z, _, _ = null_sets.score_lots(logged, weights, sets, gene_stats, reference)
    return pd.DataFrame(z, table.index, [s.name for s in sets])


@pytest.fixture(scope="module")
def priming(shared_data):
    table = pd.read_csv(shared_data / "bulk_ucmsc_priming" / "GSE224190_gene_FPKM.txt", sep="\t")
    return z_of_profiles(table.set_index("id").filter(like="fpkm").T, list(table["id"]))


@pytest.fixture(scope="module")
def housman(shared_data):
    folder = shared_data / "housman_ipsc_msc_osteo_pseudobulk"
    sums = pd.read_csv(folder / "counts.tsv.gz", sep="\t", index_col=0).T
    return sums, pd.read_csv(folder / "columns.tsv", sep="\t").set_index("column")


def by_label(housman, scheme, *labels):
    sums, columns = housman
    chosen = columns[(columns["scheme"] == scheme) & (columns["label"].isin(labels) | (not labels))]
    z = z_of_profiles(sums.loc[chosen.index])
    return z, chosen["label"], chosen["individual_replicate"]


def test_priming_raises_the_licensed_axis_and_not_the_constitutive_one(priming):
    primed = priming.index.str.startswith("primed")
    for name in ("MSC_IMMUNOREG_LICENSED", "HALLMARK_INTERFERON_GAMMA_RESPONSE", "MSC_LICENSING_UP_GSE117837"):
        assert (priming.loc[primed, name] > 5).all()
        assert (priming.loc[~primed, name] < 0).all()
    constitutive = priming["MSC_IMMUNOREG_CONSTITUTIVE"]
    assert constitutive[primed].max() < constitutive[~primed].min()  # HGF and TGFB1 fall
    assert [consensus.immune_profile(row) for row in priming[primed].to_dict("records")] == ["licensed"] * 3


def test_priming_does_not_look_senescent_once_shared_genes_are_out(priming):
    primed = priming.index.str.startswith("primed")
    assert (priming.loc[primed, "SENMAYO"] > 2 * priming.loc[primed, "SENMAYO__DEPLETED"]).all()
    calls = [consensus.senescence_agreement(row)["senescence"] for row in priming[primed].to_dict("records")]
    assert "agree" not in calls


def test_osteogenic_scores_rise_from_ipsc_to_msc_to_osteogenic_cells(housman):
    z, time, donor = by_label(housman, "stage")
    for name in ("MSC_OSTEOGENIC_EARLY", "MSC_OSTEOGENIC_CORE", "GOBP_POS_REG_OSTEOBLAST_DIFFERENTIATION"):
        mean = z[name].groupby(time).mean()
        assert mean["Time 0"] < mean["Time 1"] < mean["Time 2"], name
    late = z["MSC_OSTEOGENIC_LATE"].groupby([donor, time]).first().unstack()
    assert (late["Time 2"] > late["Time 1"]).all()


def test_late_over_early_genes_rise_from_preosteoblast_to_maturing_osteocyte_in_each_donor(housman):
    z, stage, donor = by_label(housman, "ostadhoc")
    maturity = (z["MSC_OSTEOGENIC_LATE"] - z["MSC_OSTEOGENIC_EARLY"]).groupby([donor, stage]).first().unstack()
    assert (maturity["maturing osteocyte"] > maturity["preosteoblast"]).all()


def draw_cells(profile, n, depth, rng):
    """Cells around a profile: multinomial draws with gene-wise variation, semi-real."""
    share = profile / profile.sum()
    return rng.multinomial(depth, rng.dirichlet(30_000 * (share + 1e-11), n))


def score_cells(block, names, ids=None):
    """z of every set in every cell, and its p for the sets of the cycle."""
    logged = counts.lognorm(block, counts.totals(block))
    mean, seen = (np.asarray(x.mean(axis=0)).ravel() for x in (logged, logged > 0))
    sets, reference, gene_stats, weights = prepare(mean, seen, names, ids)
    linear, square = null_sets.bin_weights(sets, gene_stats)
    scores, centre, spread = methods.score_block(
        block, weights, reference, bins=gene_stats.bins.of_pool, linear=linear, square=square
    )
    z = (scores - mean @ weights - centre) / spread
    values = control_genes.over_controls(logged[::8].toarray(), reference)
    p = {}
    for i, genes in enumerate(sets):
        if not genes.name.startswith("TIROSH"):
            continue
        drawn = null_sets.draw_sets(genes, gene_stats, 12 * len(values), np.random.default_rng(i))
        null = null_sets.sample_null(
            values, (centre[::8, i], spread[::8, i]), drawn.reshape(len(values), 12, -1), genes.weights
        )
        p[genes.name] = null_sets.empirical_p(z[:, i], null)
    return pd.DataFrame(z, columns=[genes.name for genes in sets]), pd.DataFrame(p)


@pytest.mark.parametrize("depth", [2_000, 10_000])
def test_cells_of_the_cycling_cluster_are_called_within_the_stated_errors(housman, depth):
    sums, columns = housman
    chosen = columns[(columns["scheme"] == "cluster0.50") & columns["label"].str.startswith("MSC")]
    rng = np.random.default_rng(0)
    blocks = [draw_cells(sums.loc[column].to_numpy(dtype=float), 40, depth, rng) for column in chosen.index]
    labels = np.repeat(chosen["label"].to_numpy(), 40)
    block = sp.csr_matrix(np.vstack(blocks).astype(np.int32))
    _, p = score_cells(block, sums.columns.to_numpy(dtype=str))
    phase = consensus.call_phase(p["TIROSH_S"].to_numpy(), p["TIROSH_G2M"].to_numpy())
    cycling = pd.Series(np.asarray(phase) != "G1").groupby(labels).mean()
    assert consensus.CYCLING.sensitivity[0] <= cycling["MSC.c4"] <= consensus.CYCLING.sensitivity[2]
    assert 1 - cycling.drop("MSC.c4").max() >= consensus.CYCLING.specificity[0]


@pytest.fixture(scope="module")
def passages(shared_data):
    folder = shared_data / "bulk_fibroblast_passages"
    table = pd.read_csv(folder / "counts.csv.gz", index_col=0).T
    return table, pd.read_csv(folder / "labels.csv", index_col=0)["population_doublings"].loc[table.index]


def test_senescent_fibroblasts_are_told_from_proliferating_ones_as_lots(passages):
    """Human foreskin fibroblasts at 16 to 74 doublings (GSE63577)."""
    table, doublings = passages
    z = z_of_profiles(table, list(table.columns))
    found = pd.Series([consensus.senescence_agreement(row)["senescence"] for row in z.to_dict("records")], z.index)
    assert (found[doublings == 74] == "agree").all()
    assert not found[doublings < 64].isin(["agree", "gained only"]).any()


@pytest.mark.parametrize(("depth", "least"), [(10_000, 0.95), (3_000, 0.9)])
def test_cells_of_senescent_fibroblasts_have_the_higher_signed_score(passages, depth, least):
    table, doublings = passages
    use, rng = doublings.isin([16, 26, 74]).to_numpy(), np.random.default_rng(0)
    blocks = [draw_cells(profile, 40, depth, rng) for profile in table[use].to_numpy(dtype=float)]
    z, _ = score_cells(
        sp.csr_matrix(np.vstack(blocks).astype(np.int32)), table.columns.to_numpy(dtype=str), list(table.columns)
    )
    old = np.repeat(doublings[use].to_numpy() == 74, 40)
    statistic = stats.mannwhitneyu(z[consensus.SIGNED][old], z[consensus.SIGNED][~old]).statistic
    assert statistic / (old.sum() * (~old).sum()) >= least


def test_neither_priming_nor_osteogenic_culture_is_called_senescent(priming, housman):
    z, _, _ = by_label(housman, "adhoc", "MSC", "Osteogenic")
    for rows in (priming, z):
        assert "agree" not in [consensus.senescence_agreement(row)["senescence"] for row in rows.to_dict("records")]


def test_osteogenic_culture_with_dexamethasone_does_not_lean_adipogenic(housman):
    z, label, _ = by_label(housman, "adhoc", "MSC", "Osteogenic")
    bias = [consensus.lineage_bias(row) for row in z[label == "Osteogenic"].to_dict("records")]
    assert "adipogenic" not in bias
