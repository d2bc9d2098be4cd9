"""Read the public profiles and real cells that the lots are made from, on one set of genes.

Everything is optional but the backbone (GSE181744): a source that is missing is not in the result, and the families
that need it are skipped.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import pickle
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp

REPO = Path(__file__).parents[2]
MARKERS = ("NT5E", "THY1", "ENG", "PTPRC", "CD34", "CD14", "ITGAM", "CD19", "CD79A", "HLA-DRA")
RENAMED = {"ATP5L": "ATP5MG", "GNB2L1": "RACK1", "H3F3B": "H3-3B", "ATP5E": "ATP5F1E", "GLTSCR2": "NOP53"}
RENAMED |= {"IGJ": "JCHAIN", "IL8": "CXCL8", "CTGF": "CCN2", "CYR61": "CCN1", "TMEM66": "SARAF"}
ENDOTHELIAL_ARMS = ["V4", "V13", "V18"]
MIN_RATE = 200.0  # CPM in any profile from which a gene is kept
# Genes kept at any rate: common markers of tissues and blood, sex, cell cycle. Written down once, not read from the
# product, so that a change of its panels does not change the lots.
KEPT = (Path(__file__).with_name("kept_genes.txt")).read_text(encoding="utf-8").split()


@dataclass
class Sources:
    """What the lots are made from.

    Attributes
    ----------
    genes
        Names, the columns of everything else.
    profiles
        Name -> rates in CPM, sums 1e6, shape (n_genes,).
    kept
        Genes whose rates are as published; the other genes fill up to a million.
    overlays
        Name -> published rates of some genes (Series by gene).
    cells
        Name -> counts of real cells, CSR.
    missing
        Folders that were not there.
    """

    genes: list[str]
    profiles: dict[str, np.ndarray]
    kept: np.ndarray
    overlays: dict[str, pd.Series]
    cells: dict[str, sp.csr_matrix]
    missing: list[str] = field(default_factory=list)

    def at(self, gene: str) -> int:
        """Column of a gene."""
        return self.index[gene]

    def __post_init__(self):
        """Index the genes."""
        self.index = {g: i for i, g in enumerate(self.genes)}

    def lay_over(self, profile: np.ndarray, rates: pd.Series | dict) -> np.ndarray:
        """Replace the rates of some genes; the others shrink or grow to keep the sum of a million."""
        out = profile.copy()
        rates = pd.Series(rates, dtype=float)
        rates = rates[[g in self.index for g in rates.index]]
        where = np.array([self.index[g] for g in rates.index])
        out[where] = rates.to_numpy()
        free = ~self.kept
        free[where] = False
        if out[~free].sum() > 9e5:  # no room beside the kept genes: all but the new rates give way
            free = np.ones(len(out), bool)
            free[where] = False
        out[free] *= (1e6 - out[~free].sum()) / out[free].sum()
        return out


def shared_data() -> Path | None:
    """Folder of the public data, or None."""
    folder = Path(os.environ.get("MSCAPE_SHARED_DATA", REPO.parent / "shared" / "data"))
    return folder if (folder / "housman_ipsc_msc_osteo_pseudobulk").exists() else None


def _symbols(index: pd.Index) -> pd.Index:
    return pd.Index([RENAMED.get(str(g), str(g)) for g in index])


def _sum_by_symbol(table: pd.DataFrame, names: pd.Series | None = None) -> pd.DataFrame:
    if names is not None:
        table = table.copy()
        table.index = names.reindex(table.index.astype(str).str.split(".").str[0]).to_numpy()
        table = table[table.index.notna()]
    table.index = _symbols(table.index)
    return table.groupby(level=0).sum()


def _geact(folder: Path) -> tuple[sp.csr_matrix, pd.Index, list[str]]:
    """Read the counts of a GeACT file as cells x genes, its gene names and cell names."""
    rows, names = [], []
    with gzip.open(folder / "counts.txt.gz", "rt") as file:
        cells = file.readline().rstrip("\n").split("\t")[1:]
        for line in file:
            name, _, values = line.partition("\t")
            names.append(name)
            rows.append(sp.csr_matrix(np.array(values.split("\t"), dtype=np.int32)))
    return sp.vstack(rows).T.tocsr(), _symbols(pd.Index(names)), cells


def _real_cells(data: Path, missing: list[str]) -> dict[str, tuple[sp.csr_matrix, pd.Index]]:
    """Read the counts and gene names of each kind of real cell."""
    import anndata

    out = {}

    def split(prefix, matrix, genes, labels):
        labels = np.asarray(labels).astype(str)
        for label in sorted(set(labels)):
            rows = np.flatnonzero(labels == label)
            if len(rows) >= 5:
                out[f"{prefix}:{label}"] = (matrix[rows], genes)

    for folder, name in (
        ("geact_blood_T", "blood_T"),
        ("geact_blood_X-NK", "blood_NK"),
        ("geact_HEK293T_384", "HEK293T"),
    ):
        if not (data / folder).exists():
            missing.append(folder)
            continue
        matrix, genes, _ = _geact(data / folder)
        out[name] = (matrix, genes)
    for tissue in ("diaphragm", "bronchus", "thymus", "bone_marrow"):
        folder = data / f"geact_{tissue}"
        if not folder.exists():
            missing.append(folder.name)
            continue
        matrix, genes, cells = _geact(folder)
        kinds = pd.read_csv(folder / "cells.tsv", sep="\t", index_col=0)["cell_type"].reindex(cells)
        split(tissue, matrix, genes, kinds.fillna("unknown"))
    for folder, file, column, prefix in (
        ("pbmc3k_labelled2638", "pbmc3k_labelled2638.h5ad", "classified", "pbmc"),
        ("hsmm_myoblasts_estimated", "hsmm_estimated_counts.h5ad", "state", "hsmm"),
        ("baron_human12", "baron_human12.h5ad", "cell_type", "pancreas"),
    ):
        if not (data / folder).exists():
            missing.append(folder)
            continue
        a = anndata.read_h5ad(data / folder / file)
        names = a.var.get("symbol", a.var_names)
        split(prefix, sp.csr_matrix(a.X), _symbols(pd.Index(names)), a.obs[column])
    return out


@cache
def load(folder: Path) -> Sources | None:
    """Read all sources once per process, from ``folder`` where they were read before; None without the backbone."""
    data = shared_data()
    if data is None:
        return None
    listing = "".join(f"{p.name}{p.stat().st_size}" for p in sorted(data.rglob("*")) if p.is_file())
    code = Path(__file__).read_bytes() + "".join(KEPT).encode()
    path = folder / f"sources-{hashlib.sha256(code + listing.encode()).hexdigest()[:16]}.pickle"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".part{os.getpid()}")
        part.write_bytes(pickle.dumps(_read(data)))
        part.rename(path)
    return pickle.loads(path.read_bytes())  # written by this function


def _read(data: Path) -> Sources:
    missing: list[str] = []
    tables: dict[str, pd.DataFrame] = {}
    backbone = pd.read_csv(data / "housman_ipsc_msc_osteo_pseudobulk" / "counts.tsv.gz", sep="\t", index_col=0).drop(
        index=["RNR1", "RNR2"], errors="ignore"
    )
    columns = [c for c in backbone if c.startswith("cluster0.50|") and backbone[c].sum() >= 200_000]
    named = {c: "msc:" + "|".join(c.split("|")[:0:-1]) for c in columns if "|MSC" in c}
    named |= {c: "osteogenic:" + "|".join(c.split("|")[:0:-1]) for c in columns if "|Osteogenic" in c}
    stem = {c: c.split("|")[2] for c in columns if "|iPSC" in c}
    backbone = _sum_by_symbol(backbone[columns])
    tables["backbone"] = backbone[list(named)].rename(columns=named)
    tables["stem"] = backbone[list(stem)].T.groupby(stem).sum().T.add_prefix("ipsc:")
    symbol = None
    path = data / "bulk_ucmsc_priming" / "GSE224190_gene_FPKM.txt"
    if path.exists():
        priming = pd.read_csv(path, sep="\t")
        symbol = priming.drop_duplicates("id").set_index("id")["Symbol"]
        groups = {c: "ucbulk:" + c.split("-")[0] for c in priming if c.endswith("_fpkm")}
        tables["priming"] = _sum_by_symbol(priming.set_index("Symbol")[list(groups)].T.groupby(groups).mean().T)
    else:
        missing.append("bulk_ucmsc_priming")
    if symbol is not None:
        _bulk(data, symbol, tables, missing)
    path = data / "lung_reference_sums" / "ref_hca_counts.csv.gz"
    if path.exists():
        tables["lung"] = _sum_by_symbol(pd.read_csv(path, index_col=0)).add_prefix("lung:")
    else:
        missing.append("lung_reference_sums")
    overlays = _overlays(data, missing)
    real = _real_cells(data, missing)

    rates = {name: table / table.sum() * 1e6 for name, table in tables.items()}
    kept_names = {*KEPT, *MARKERS, *(g for x in overlays.values() for g in x.index)}
    measured = set(rates["backbone"].index)
    highest = pd.concat([t.max(axis=1) for t in rates.values()], axis=1).max(axis=1)
    genes = sorted(g for g in {*measured, *kept_names} if g in kept_names or highest.get(g, 0) >= MIN_RATE)
    genes = [g for g in genes if g in measured or g in kept_names]
    kept = np.array([g in kept_names for g in genes])
    profiles = {}
    for table in rates.values():
        table = table.reindex(genes).fillna(0)
        for name in table:
            x = table[name].to_numpy(float, copy=True)
            x[~kept] *= max(1e6 - x[kept].sum(), 0) / x[~kept].sum()
            profiles[name] = x
    place = pd.Series(np.arange(len(genes)), genes)
    cells = {}
    for name, (matrix, names) in real.items():
        target = place.reindex(names)
        ok = target.notna().to_numpy() & ~names.duplicated()
        move = sp.csr_matrix(
            (np.ones(ok.sum()), (np.flatnonzero(ok), target[ok].astype(int))), shape=(len(names), len(genes))
        )
        cells[name] = sp.csr_matrix(sp.csr_matrix(matrix, dtype=float) @ move)
    return Sources(genes, profiles, kept, overlays, cells, missing)


def _bulk(data: Path, symbol: pd.Series, tables: dict, missing: list[str]) -> None:
    """Read the bulk counts with Ensembl ids."""
    folder = data / "bulk_huvec_osteoblast"
    if folder.exists():
        bulk = pd.read_csv(folder / "counts.tsv.gz", sep="\t", index_col=0)[ENDOTHELIAL_ARMS]
        tables["huvec"] = _sum_by_symbol(bulk, symbol).add_prefix("huvec:")
    else:
        missing.append(folder.name)
    folder = data / "bulk_fibroblast_passages"
    if folder.exists():
        bulk = pd.read_csv(folder / "counts.csv.gz", index_col=0)
        doublings = pd.read_csv(folder / "labels.csv", index_col=0)["population_doublings"]
        groups = {c: f"fibroblast:{doublings[c]}" for c in bulk}
        tables["fibroblast"] = _sum_by_symbol(bulk, symbol).T.groupby(groups).sum().T
    else:
        missing.append(folder.name)
    folder = data / "bulk_airway"
    if folder.exists():
        import anndata

        a = anndata.read_h5ad(folder / "airway.h5ad")
        bulk = pd.DataFrame(np.asarray(a.X.toarray() if sp.issparse(a.X) else a.X).T, index=a.var_names)
        tables["airway"] = _sum_by_symbol(bulk, symbol).sum(axis=1).to_frame("airway:smc")
    else:
        missing.append(folder.name)


def _overlays(data: Path, missing: list[str]) -> dict[str, pd.Series]:
    """Read published rates of single studies and of primary cell types, by gene."""
    out = {}
    path = data / "ucmsc_published_rates" / "rates.tsv"
    if path.exists():
        table = pd.read_csv(path, sep="\t", index_col=0)
        table.index = _symbols(table.index)
        for study in ("gse182158", "gse199071"):
            rates = table[f"{study}_median_cpm"].dropna()
            out[study] = rates[~rates.index.duplicated()]
    else:
        missing.append("ucmsc_published_rates")
    path = data / "fantom5_primary_cells" / "tpm.tsv.gz"
    if path.exists():
        table = pd.read_csv(path, sep="\t", index_col=0)
        table.index = _symbols(table.index)
        table = table[~table.index.duplicated()]
        kinds = pd.read_csv(path.with_name("columns.tsv"), sep="\t", index_col=0)["kind"]
        for name in table:
            out[f"fantom|{kinds[name]}|{name}"] = table[name].astype(float)
    else:
        missing.append("fantom5_primary_cells")
    return out
