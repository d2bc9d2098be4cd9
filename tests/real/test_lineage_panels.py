"""The lineage panels against published rates of stroma and of other cells."""

import sys

import gate_cases
import numpy as np
import pandas as pd
import pytest
from gate_cases import SHARED_DATA, run_gate, write_case

from mscape.gating import panels

pytestmark = pytest.mark.real
N_FILLER = 300  # genes that represent the rest of the transcriptome


@pytest.fixture(scope="module")
def fantom():
    folder = SHARED_DATA / "fantom5_primary_cells"
    if not folder.exists():
        pytest.skip(f"{folder} is missing; set MSCAPE_SHARED_DATA")
    tpm = pd.read_csv(folder / "tpm.tsv.gz", sep="\t", index_col=0).groupby(level=0).sum()
    return tpm, pd.read_csv(folder / "columns.tsv", sep="\t", index_col=0)["kind"]


def draw(tpm, kinds, *, n_cells, depth=10_000, seed=0):
    """Draw cells around the rates of some kinds of FANTOM5, each kind a lot of its own."""
    rng = np.random.default_rng(seed)
    rest = rng.dirichlet(np.full(N_FILLER, 2.0))
    parts = []
    for kind in kinds:
        rates = np.concatenate([tpm[kind].to_numpy(), rest * (1e6 - tpm[kind].sum())]) * 1e-6
        totals = rng.lognormal(np.log(depth), 0.4, n_cells)
        parts.append(rng.poisson(totals[:, None] * rates * rng.gamma(4, 0.25, (n_cells, len(rates)))))
    return np.vstack(parts), [*tpm.index, *(f"FILLER{i}" for i in range(N_FILLER))], np.repeat(kinds, n_cells)


def test_no_gene_of_a_failing_panel_is_one_of_cultured_stroma(fantom, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(gate_cases.REPO / "benchmarks" / "gating"), *sys.path])
    import lineage_genes

    table = lineage_genes.screen(SHARED_DATA)
    assert not table["broken"].any(), table[table["broken"]].to_string()
    cultured = {**lineage_genes.references(SHARED_DATA)["cultured MSC"]}
    cultured |= lineage_genes.references(SHARED_DATA)["other cultured stroma"]
    for gene, limit in (("SPON2", 200), ("KRT17", 100), ("EGFL7", 67)):  # a third of the panel's threshold
        assert max(rate.get(gene, 0) for rate in cultured.values()) > limit
        assert gene not in set(table["gene"])


def test_no_failing_panel_fires_on_msc_and_no_blood_passes(fantom, tmp_path):
    tpm, kind = fantom
    msc = list(kind.index[kind.str.startswith("mesenchymal")])
    blood = list(kind.index[kind == "blood"])
    assert (len(msc), len(blood)) == (10, 28)
    X, genes, own = draw(tpm, [*msc, *blood], n_cells=60)
    result = run_gate(*write_case(tmp_path, X, genes, samples=own), n_bootstrap=50)
    calls = result.obs.assign(kind=own)
    failing = {x["name"] for x in panels.read_markers(gate_cases.MARKERS)[1].values() if x["fails"]}
    assert not calls.loc[calls["kind"].isin(msc), "isct_identity"].isin([*failing, "unexplained"]).any()
    assert not (calls.loc[calls["kind"].isin(msc), "isct_call"] == "fail").any()
    assert not (calls.loc[calls["kind"].isin(blood), "isct_call"] == "pass").any()
    phenotype = result.table[result.table["criterion"] == "phenotype"].set_index("lot_id")["verdict"]
    assert not (phenotype[msc] == "fails").any()
    assert not (phenotype[blood] == "meets").any()
