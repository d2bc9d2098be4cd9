"""What the simulator draws has the moments, the shares and the rates that were asked for."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from mscape.errors import UserError
from mscape.genes.names import GENES
from mscape.genes.registry import load_markers
from mscape.simulation import rates as known
from mscape.simulation.cells import draw_cells
from mscape.simulation.counts import _sparse_negative_binomial, draw_counts
from mscape.simulation.model import PROGRAMS, draw_rates, lineage_owners, lot_log_cpm, stream
from mscape.simulation.options import SimulateOptions

LOT = {"sample_id": "A", "donor_id": "D1", "tissue": "bone marrow", "sex": "female"}
MSC_ROW = known.TYPES.index("MSC")


@pytest.fixture(scope="module")
def markers():
    return load_markers()


@pytest.fixture(scope="module")
def rates(markers):
    return draw_rates(markers, pd.read_csv(GENES, sep="\t", dtype=str), seed=1, genes=7000)


def counts_of(rates, lot=LOT, *, seed=1, **options):
    truth = draw_cells(lot, seed=seed, options=SimulateOptions(**options))
    parts = list(draw_counts(truth, rates, lot, seed=seed, options=SimulateOptions(**options)))
    return truth, sparse.vstack([x for x, _ in parts], format="csr"), np.concatenate([p for _, p in parts])


def test_vocabulary_is_real_unique_and_complete(rates, markers):
    symbols = rates.genes.index
    table = pd.read_csv(GENES, sep="\t", dtype=str)
    assert symbols.is_unique
    assert len(symbols) == 7000
    for group in (markers.lineages, markers.signatures):
        for entry in group.values():
            if entry.get("organism", "human") == "human":
                assert set(entry["genes"]) <= set(symbols)
    assert {"XIST", "RPS4Y1", "MT-CO1", *rates.thresholds} <= set(symbols)
    named = rates.genes["gene_id"][rates.genes["gene_id"] != ""]
    assert named.to_dict() == table.set_index("symbol")["gene_id"].reindex(named.index).to_dict()
    assert len(named) > 6900


def test_a_genes_rank_does_not_depend_on_the_number_of_genes(rates, markers):
    more = draw_rates(markers, pd.read_csv(GENES, sep="\t", dtype=str), seed=1, genes=9000)
    assert set(rates.genes.index) < set(more.genes.index)


def test_rates_sum_to_a_million_and_isct_markers_are_as_published(rates):
    cpm = pd.DataFrame(np.exp(rates.log_cpm.astype(float)), index=known.TYPES, columns=rates.genes.index)
    assert cpm.sum(axis=1).to_numpy() == pytest.approx(1e6, rel=1e-4)
    for cell_type, values in known.ISCT_CPM.items():
        assert cpm.loc[cell_type, list(known.ISCT_GENES)].to_numpy() == pytest.approx(values, rel=1e-4)
    assert cpm.loc["MSC", rates.genes["mito"]].sum() == pytest.approx(60_000, rel=1e-4)


def test_lineage_genes_are_high_in_their_own_type_and_absent_from_msc(rates, markers):
    cpm = pd.DataFrame(np.exp(rates.log_cpm.astype(float)), index=known.TYPES, columns=rates.genes.index)
    for lineage in markers.lineages.values():
        if lineage.get("fails") and lineage.get("organism", "human") == "human":
            sums = cpm[lineage["genes"]].sum(axis=1)
            own = {t for t, keys in known.KEY_GENES.items() if len(keys & set(lineage["genes"])) >= 2}
            assert (sums[list(own)] > 2 * lineage["cpm"]).all()
            assert (sums.drop(list(own)) < lineage["cpm"] / 2).all()
    assert lineage_owners(markers)["CD3E"] == {"T cell"}


def test_licensing_has_the_published_effects(rates):
    resting = np.exp(rates.log_cpm[MSC_ROW])
    primed = resting * np.exp(rates.effects[PROGRAMS.index("licensed")])
    log2 = pd.Series(np.log2((primed + 0.5) / (resting + 0.5)), rates.genes.index)
    for gene, effect in {
        "CXCL10": 11.3,
        "CD274": 5.3,
        "ICAM1": 6.0,
        "HLA-A": 2.5,
        "MCAM": -2.2,
        "HLA-DRA": 2.5,
    }.items():
        assert log2[gene] == pytest.approx(effect, abs=0.01)


def test_missing_sets_are_named(markers):
    less = type(markers)(
        markers.panels, markers.lineages, {k: v for k, v in markers.signatures.items() if k != "SENMAYO"}
    )
    with pytest.raises(UserError, match="lacks SENMAYO,"):
        draw_rates(less, pd.read_csv(GENES, sep="\t", dtype=str))


def test_lots_share_donor_and_tissue(rates):
    same = lot_log_cpm(rates, {**LOT, "sample_id": "B"}, seed=1)
    np.testing.assert_array_equal(same, lot_log_cpm(rates, LOT, seed=1))
    other = lot_log_cpm(rates, {**LOT, "donor_id": "D2"}, seed=1)
    free = ~rates.genes["fixed"].to_numpy()
    change = (other - same)[MSC_ROW, free]
    assert np.median(np.abs(change)) == pytest.approx(0.6745 * 0.2 * np.sqrt(2), rel=0.1)
    assert (other - same)[MSC_ROW, ~free] == pytest.approx(0)


def test_sex_sets_xist_and_the_y_chromosome(rates):
    at = rates.genes.index.get_loc
    female, male = (lot_log_cpm(rates, {**LOT, "sex": sex}, seed=1)[MSC_ROW] for sex in ("female", "male"))
    assert np.exp(female[at("XIST")]) > 100
    assert np.exp(male[at("XIST")]) < 0.1
    assert np.exp(male[at("RPS4Y1")]) > 100
    assert np.exp(female[at("RPS4Y1")]) < 0.1


def test_cells_have_the_shares_asked_for():
    asked = SimulateOptions(
        cells=4000,
        contamination={"T cell": 0.05, "endothelial": 0.02},
        senescent_fraction=0.25,
        osteogenic_fraction=0.1,
        doublet_fraction=0.06,
        licensed_fraction=0.9,
        damaged_fraction=0.0,
    )
    truth = draw_cells(LOT, options=asked)
    assert truth["cell_type"].value_counts().to_dict() == {"MSC": 3720, "T cell": 200, "endothelial": 80}
    assert truth["is_contaminant"].sum() == 280
    assert (truth["state"] == "senescent").sum() == 930
    assert (truth["state"] == "osteogenic").sum() == 372
    assert truth["is_doublet"].sum() == 240
    assert truth["licensed"].sum() == pytest.approx(0.9 * 3720, rel=0.03)
    assert not (truth["licensed"] & truth["is_contaminant"]).any()
    assert (truth.loc[truth["state"] == "senescent", "phase"] == "G1").all()
    assert truth["barcode"].is_unique
    assert truth["barcode"].str.fullmatch("[ACGT]{16}-1").all()
    partners = truth.loc[truth["is_doublet"], "doublet_partner"]
    assert partners.isin(known.TYPES).all()
    assert (truth.loc[~truth["is_doublet"], "doublet_partner"] == "").all()


def test_library_size_and_mitochondrial_share_have_their_moments():
    truth = draw_cells(
        LOT, options=SimulateOptions(cells=20_000, cycling_fraction=0, senescent_fraction=0, damaged_fraction=0.02)
    )
    intact = truth[~truth["is_damaged"]]
    assert np.median(intact["library_size"]) == pytest.approx(8000, rel=0.02)
    assert np.log(intact["library_size"]).std() == pytest.approx(0.4, rel=0.03)
    assert intact["mito_fraction"].mean() == pytest.approx(0.06, rel=0.03)
    assert truth.loc[truth["is_damaged"], "mito_fraction"].mean() == pytest.approx(0.4, abs=0.03)
    assert truth["is_damaged"].mean() == pytest.approx(0.02, abs=0.004)


@pytest.mark.parametrize("contamination", [{"T cell": 0.6, "monocyte": 0.5}, {"NK cell": 0.1}])
def test_impossible_contamination_is_refused(contamination):
    with pytest.raises(UserError, match="contamination is"):
        draw_cells(LOT, options=SimulateOptions(contamination=contamination))


def test_sparse_draws_are_negative_binomial():
    mean = np.repeat(np.float32([0.02, 0.3, 2.0]), 60_000)[:, None]
    rows, _, values = _sparse_negative_binomial(mean, dispersion=0.25, rng=stream(0, "test"))
    drawn = np.zeros(len(mean), int)
    drawn[rows] = values
    for part, mu in zip(np.split(drawn, 3), (0.02, 0.3, 2.0), strict=True):
        size = 4
        expected = stats.nbinom.pmf(np.arange(4), size, size / (size + mu)) * len(part)
        found = np.array([(part == k).sum() for k in range(4)])
        assert np.all(np.abs(found - expected) < 4 * np.sqrt(expected) + 3)
        assert part.var() == pytest.approx(mu + 0.25 * mu**2, rel=0.06)


def test_counts_follow_rates_library_and_dispersion(rates):
    plain = {"cycling_fraction": 0, "osteogenic_fraction": 0, "senescent_fraction": 0, "damaged_fraction": 0}
    truth, x, panel = counts_of(
        rates, cells=2000, umi_sd=0, doublet_fraction=0, ambient_fraction=0, donor_sd=0, **plain
    )
    assert x.dtype == np.int32
    assert x.has_sorted_indices
    assert x.data.min() > 0
    assert x.shape == (2000, len(rates.genes))
    totals = np.asarray(x.sum(axis=1)).ravel()
    assert totals.mean() == pytest.approx(8000, rel=0.02)
    thy1 = x[:, rates.genes.index.get_loc("THY1")].toarray().ravel()
    mean = panel[:, list(rates.thresholds).index("THY1")].mean() * 8000 / 1e6
    assert mean == pytest.approx(4, rel=0.15)
    assert thy1.mean() == pytest.approx(mean, rel=0.05)
    assert thy1.var() == pytest.approx(mean + 0.25 * mean**2, rel=0.15)
    mito = np.asarray(x[:, rates.genes["mito"].to_numpy()].sum(axis=1)).ravel() / totals
    assert mito.mean() == pytest.approx(truth["mito_fraction"].mean(), rel=0.03)


def test_ambient_rna_carries_contaminant_genes_into_msc(rates):
    options = {"cells": 1500, "contamination": {"monocyte": 0.2}, "doublet_fraction": 0}
    lyz = rates.genes.index.get_loc("LYZ")
    shares = {}
    for ambient in (0.0, 0.2):
        truth, x, _ = counts_of(rates, ambient_fraction=ambient, **options)
        msc = x[(truth["cell_type"] == "MSC").to_numpy()]
        shares[ambient] = msc[:, lyz].sum() / msc.sum() * 1e6
    assert shares[0.0] < 2
    monocytes = 0.2 * 0.6 / (0.2 * 0.6 + 0.8)  # their share of the lot's counts; a monocyte has 0.6 of an MSC's
    assert shares[0.2] == pytest.approx(0.2 * monocytes * 6000, rel=0.3)


def test_doublets_hold_both_cells(rates):
    options = {"cells": 1500, "contamination": {"T cell": 0.3}, "doublet_fraction": 0.3}
    truth, x, panel = counts_of(rates, **options)
    mixed = ((truth["cell_type"] == "MSC") & (truth["doublet_partner"] == "T cell")).to_numpy()
    single = ((truth["cell_type"] == "MSC") & ~truth["is_doublet"]).to_numpy()
    totals = np.asarray(x.sum(axis=1)).ravel()
    assert np.median(totals[mixed]) > 1.2 * np.median(totals[single])
    ptprc = list(rates.thresholds).index("PTPRC")
    assert (panel[mixed, ptprc] > 20).mean() > 0.9
    assert (panel[single, ptprc] < 1).all()


def test_same_seed_same_counts_other_seed_other_counts(rates):
    first, x, _ = counts_of(rates, cells=1100)
    again, y, _ = counts_of(rates, cells=1100)
    pd.testing.assert_frame_equal(first, again)
    assert x.data.tobytes() == y.data.tobytes()
    assert x.indices.tobytes() == y.indices.tobytes()
    _, other, _ = counts_of(rates, {**LOT, "sample_id": "B"}, cells=1100)
    assert other.nnz != x.nnz
