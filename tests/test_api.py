"""The verbs on an AnnData of anyone's: what they set, what they refuse, and how little they import."""

import json
import os
import subprocess
import sys

import anndata
import gate_cases
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import mscape as ms
from mscape import in_memory
from mscape.errors import UserError
from mscape.genes.names import read_gene_ids


@pytest.fixture(scope="module")
def cells():
    """120 cells with MSC markers and 60 with T-cell ones, depth 6,000, on 700 genes."""
    rng = np.random.default_rng(0)
    panel = sorted(gate_cases.gate_genes() & set(read_gene_ids()))
    genes = [*panel, *[f"FILLER{i}" for i in range(500)]]
    rates = np.where(np.isin(genes, panel), 0.01, 1.0) * rng.gamma(2, 1, len(genes))
    msc, t_cell = rates.copy(), rates * np.exp(rng.normal(0, 0.6, len(genes)))
    for name, share in (("NT5E", 4), ("THY1", 10), ("ENG", 6), ("COL1A1", 60), ("COL1A2", 60), ("VIM", 90)):
        if name in genes:
            msc[genes.index(name)] = share
    for name in ("PTPRC", "CD3D", "CD3E", "TRAC", "CD2"):
        t_cell[genes.index(name)] = 12
    drawn = [rng.poisson(6000 * rate / rate.sum(), (n, len(genes))) for rate, n in ((msc, 120), (t_cell, 60))]
    adata = anndata.AnnData(sp.csr_matrix(np.vstack(drawn)).astype(np.float32), var=pd.DataFrame(index=genes))
    adata.obs_names = [f"c{i}" for i in range(180)]
    adata.obs["kind"] = ["msc"] * 120 + ["t"] * 60
    return adata


@pytest.fixture(scope="module")
def gated(cells):
    adata = cells.copy()
    ms.qc(adata)
    ms.embed(adata)
    ms.gate(adata, culture="expanded")
    return adata


def test_own_labels_take_the_place_of_clusters(gated):
    adata = gated.copy()
    adata.obs["mine"] = np.where(np.arange(180) % 3, "most", "few")
    adata.obs.loc[adata.obs_names[::5], "mine"] = None
    ms.cluster(adata, labels="mine")
    given = adata.obs["mine"].notna() & adata.obs_names.isin(adata.obs_names[~np.isnan(adata.obsm["X_pca_msc"][:, 0])])
    assert (adata.obs.loc[given, "leiden"].astype(str) == adata.obs.loc[given, "mine"]).all()
    assert adata.obs.loc[~given, "leiden"].isna().all()
    assert adata.uns["mscape"]["cluster"]["stability"]["stable"].isna().all()
    with pytest.raises(UserError, match=r"cluster\.labels is 'yours', and adata.obs has no such column"):
        ms.cluster(adata, labels="yours")


def test_cells_are_called_by_what_they_express_and_the_lot_is_judged(gated):
    named = gated.obs.groupby("kind", observed=True)["isct_identity"].agg(lambda x: x.mode().iloc[0])
    assert named["t"] == "T cell"
    assert (gated.obs.loc[gated.obs["kind"] == "t", "isct_call"] == "fail").mean() > 0.9
    table = ms.passport(gated)
    verdict = table[table["attribute"] == "verdict"].iloc[0]
    assert verdict["verdict"] == "FAIL"
    purity = table[table["attribute"] == "purity"].iloc[0]
    assert purity["value"] == pytest.approx(1 / 3, abs=0.05)
    for name in ("structure", "senescence"):  # not computed
        assert (table.loc[table["attribute"] == name, "verdict"] == "NOT ASSESSABLE").all()


def test_the_answer_can_be_written_and_read(gated, tmp_path):
    ms.passport(gated)
    gated.write_h5ad(tmp_path / "a.h5ad")
    again = anndata.read_h5ad(tmp_path / "a.h5ad")
    assert json.loads(again.uns["mscape"]["passport"])[0]["verdict"] == "FAIL"
    assert list(again.uns["mscape"]["gate"]["table"]["criterion"]) == list(
        gated.uns["mscape"]["gate"]["table"]["criterion"]
    )


def test_what_all_verbs_found_can_be_written_and_read(gated, tmp_path):
    adata = gated.copy()
    for verb in (ms.cluster, ms.score, ms.certify, ms.passport, ms.compare):
        verb(adata)
    adata.write_h5ad(tmp_path / "a.h5ad")
    again = anndata.read_h5ad(tmp_path / "a.h5ad")
    pd.testing.assert_frame_equal(again.obs, adata.obs, check_dtype=False, check_categorical=False)
    pd.testing.assert_frame_equal(
        again.uns["mscape"]["score"]["summary"], adata.uns["mscape"]["score"]["summary"], check_dtype=False
    )


@pytest.mark.parametrize("verb", [ms.score, ms.passport])
def test_what_needs_quality_control_says_so(gated, verb):
    adata = gated.copy()
    del adata.obs["pct_counts_mt"]
    with pytest.raises(UserError, match=r"needs pct_counts_mt in adata\.obs: run mscape\.qc\(adata\) first"):
        verb(adata)


def test_a_copy_leaves_the_original_as_it_is(cells):
    copy = ms.gate(cells, copy=True)
    assert "isct_call" in copy.obs
    assert "isct_call" not in cells.obs
    assert "mscape" not in cells.uns


@pytest.mark.parametrize("form", ["layer", "raw", "dense", "ensembl"])
def test_counts_are_found_wherever_scanpy_keeps_them(cells, form):
    adata = cells.copy()
    counts = adata.X.copy()
    if form == "layer":
        adata.layers["counts"] = counts
        adata.X = np.log1p(counts)
    elif form == "raw":
        adata.raw = adata
        adata.X = np.log1p(counts)
    elif form == "dense":
        adata.X = counts.toarray()
    else:
        ids = read_gene_ids()
        adata.var["feature_name"] = adata.var_names.astype(str)
        adata.var_names = [ids.get(name, f"ENSG9{i:010d}") for i, name in enumerate(adata.var_names)]
    found = in_memory.counts_of(adata)
    assert found.X.dtype.kind == "i"
    assert found.X.sum() == counts.sum()
    assert np.array_equal(found[:, "THY1"].X.toarray(), cells[:, "THY1"].X.toarray())


def test_what_are_no_counts_is_refused_with_what_was_looked_at(cells):
    adata = cells.copy()
    adata.X = np.log1p(adata.X)
    with pytest.raises(UserError, match="no raw counts were found: X has decimals"):
        ms.qc(adata)
    with pytest.raises(UserError, match="there is no layer 'nothing'"):
        ms.qc(cells, layer="nothing")
    with pytest.raises(UserError, match=r"run mscape.gate\(adata\) first"):
        ms.passport(cells)


def test_figures_are_drawn_of_what_was_found(gated):
    ms.passport(gated)
    assert len(ms.pl.gate(gated).axes) == len(gated.uns["mscape"]["gate"]["table"])
    labels = [label.get_text() for label in ms.pl.passport(gated).axes[0].get_xticklabels()]
    assert labels[0] == "VERDICT"
    with pytest.raises(UserError, match=r"run mscape.score\(adata\) first"):
        ms.pl.scores(gated)


def test_figures_choose_no_backend_and_open_no_window():
    """A library user's own backend stays: pyplot is not imported and MPLBACKEND is not set."""
    code = """
import os, sys
import pandas as pd
import mscape as ms
from mscape.report import lot_figures
row = {"kind": "positive", "criterion": "CD73", "lot_id": "A"}
row |= {"estimate": 0.9, "low": 0.8, "high": 1.0, "verdict": "meets"}
image = lot_figures.draw_intervals(pd.DataFrame([row]), ["A"])._repr_png_()
print(image[1:4].decode(), ms.pl.gate.__name__, "matplotlib.pyplot" in sys.modules, os.environ.get("MPLBACKEND"))
"""
    env = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert found.stdout.split() == ["PNG", "gate", "False", "None"]


def test_codes_are_explained_and_unknown_ones_refused():
    assert "more than one lineage" in ms.explain("POOL_MIXED")
    assert "CD73" in ms.explain("MISSING_CD73")
    with pytest.raises(ValueError, match="is no reason code"):
        ms.explain("NOTHING")


def test_importing_the_package_imports_none_of_its_rooms():
    code = "import sys, mscape; print([m for m in sys.modules if m.startswith('mscape.')], 'numpy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["[]", "False"]


def test_the_verbs_know_no_snakemake():
    code = "import sys, mscape as ms; ms.qc, ms.passport, ms.explain, ms.pl; print('snakemake' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
