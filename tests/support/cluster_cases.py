"""Cells with known sub-populations, as arrays and as the stage files that embed_cells and the later steps read."""

import functools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData
from toy_study import default_settings

from mscape.clustering import gap_test, leiden_stability
from mscape.clustering.cluster import cluster_cells
from mscape.data import counts
from mscape.data.table_io import read_table
from mscape.embedding import highly_variable_genes, integration

MARKERS = Path(__file__).parents[2] / "resources" / "markers.yaml"


def draw_counts(
    *, n=400, genes=800, shares=(1.0,), markers=50, fold=4.0, batches=1, batch_sd=0.0, axis_sd=0.0, depth=4000, seed=0
):
    """Negative-binomial counts: groups with marker genes, batches with gene effects, one continuous programme.

    Returns
    -------
    Counts (n, genes), group of each cell, batch of each cell.
    """
    rng = np.random.default_rng(seed)
    base = rng.lognormal(0, 1.5, genes)
    group = np.repeat(np.arange(len(shares)), np.round(np.array(shares) * n).astype(int))[:n]
    group = rng.permutation(np.pad(group, (0, n - len(group))))
    batch = rng.integers(0, batches, n)
    effect = np.zeros((len(shares), genes))
    for row in effect[1:]:
        row[rng.choice(genes, markers, replace=False)] = np.log(fold) * rng.choice([1, -1], markers, p=[0.7, 0.3])
    effect = effect[group] + rng.normal(0, batch_sd, (batches, genes))[batch]
    effect += np.outer(rng.normal(0, axis_sd, n), rng.random(genes) < 0.05)
    rate = base * np.exp(effect)
    mean = rate / rate.sum(1, keepdims=True) * rng.lognormal(np.log(depth), 0.3, n)[:, None]
    return rng.poisson(rng.gamma(1 / 0.3, mean * 0.3)).astype(np.int32), group, batch


def write_study(folder, x, *, batch=None, calls=None, reasons=None, genes=None, obs=None):
    """Write counts.h5ad and gate.h5ad; one donor a batch. Returns the paths of all stage files."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    n = len(x)
    batch = np.zeros(n, dtype=int) if batch is None else batch
    genes = genes or [f"G{i}" for i in range(x.shape[1])]
    names = {
        key: [f"{letter}{b}" for b in batch] for key, letter in (("sample_id", "s"), ("lot_id", "s"), ("donor_id", "d"))
    }
    table = pd.DataFrame(names | {"batch": "unknown", "predicted_doublet": False}, index=[f"cell{i}" for i in range(n)])
    table["total_counts"] = x.sum(1)
    table = table.assign(**(obs or {}))
    var = pd.DataFrame({"gene_id": [""] * x.shape[1]}, index=genes)
    adata = AnnData(sp.csr_matrix(x), obs=table, var=var)
    adata.strings_to_categoricals()
    samples = sorted(table["sample_id"].unique())
    adata.varm["measured"] = pd.DataFrame(np.ones((len(genes), len(samples)), dtype=bool), index=genes, columns=samples)
    counts.write(adata, folder / "counts.h5ad")
    calls = pd.Categorical(["pass"] * n if calls is None else calls, categories=["pass", "fail", "indeterminate"])
    gate = pd.DataFrame(
        {"isct_call": calls, "isct_reason": [""] * n if reasons is None else reasons}, index=table.index
    )
    counts.write(AnnData(obs=gate), folder / "gate.h5ad")
    return study_paths(folder)


def study_paths(folder):
    """Paths of all stage files of a study in a folder."""
    names = ("counts", "gate", "embedding.all", "embedding.msc", "clusters")
    paths = {name.replace(".", "_"): folder / f"{name}.h5ad" for name in names}
    tables = ("stability", "resolutions", "paga", "heterogeneity", "markers", "surface")
    return SimpleNamespace(**paths, **{name: folder / f"{name}.tsv" for name in tables}, folder=folder)


def run_embed(study, *, scope="msc", seed=0, threads=1, cluster=None, **settings):
    import embed_cells

    target = study.embedding_msc if scope == "msc" else study.embedding_all
    params = SimpleNamespace(
        scope=scope,
        settings=default_settings("embed") | settings,
        cluster=default_settings("cluster") | (cluster or {}),
        organism="human",
        seed=seed,
        threads=threads,
    )
    source = SimpleNamespace(h5ad=study.counts, gate=study.gate, markers=MARKERS)
    embed_cells.main(source, SimpleNamespace(h5ad=target), params)
    return counts.read_light(target)


def run_cluster(study, *, seed=0, annotations=None, **settings):
    import cluster_cells

    names = ("stability", "resolutions", "paga", "heterogeneity")
    output = SimpleNamespace(h5ad=study.clusters, **{name: getattr(study, name) for name in names})
    source = SimpleNamespace(
        h5ad=study.counts, embedding=study.embedding_msc, markers=MARKERS, annotations=annotations or []
    )
    settings = default_settings("cluster") | {"root": None} | settings
    params = SimpleNamespace(settings=settings, organism="human", seed=seed, threads=1)
    cluster_cells.main(source, output, params)
    return counts.read_light(study.clusters)


def run_markers(study, *, threads=1):
    import rank_markers

    output = SimpleNamespace(table=study.markers, surface=study.surface)
    rank_markers.main(
        SimpleNamespace(h5ad=study.counts, clusters=study.clusters),
        output,
        SimpleNamespace(organism="human", seed=0, threads=threads),
    )
    return read_table(study.markers, "markers"), read_table(study.surface, "surface")


def find(x, *, batch=None, seed=0, n_boot=20, path, **embed):
    """Embed and cluster a count matrix; the clusters and the record."""

    study = write_study(path, x, batch=batch)
    light = run_embed(study, seed=seed, **embed)
    record = light.uns["mscape"]["embed_cells"]
    graph = leiden_stability.make_graph(light.obsp["connectivities"])
    hvg = np.asarray(record["highly_variable_genes"]).astype(str)
    values = highly_variable_genes.log_columns(study.counts, hvg, cells=np.ones(len(x), dtype=bool), totals=x.sum(1))
    codes = np.zeros(len(x), dtype=int) if not record["batch_key"] else batch
    data = gap_test.make_data(light.obsm[record["use_rep"]], codes, values=values, seed=seed)
    connect = functools.partial(integration.connect_cells, method=record["method"])
    clusters, overlap, _, found = cluster_cells(graph, data, connect, seed=seed, n_boot=n_boot)
    return clusters, overlap, {**record, **found}
