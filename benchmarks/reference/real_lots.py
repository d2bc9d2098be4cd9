"""Real lots as a reference keeps them: sums of published cells, none of which is in the repository."""

import gzip
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from reference_cases import MARKERS, lots_of

from mscape.genes.names import GeneIndex
from mscape.reference.lots import Lots, registry_genes


def read_real(folder: Path) -> tuple[Lots, list[Lots]]:
    """Read iPSC-derived MSC of each individual; iPSC, osteogenic cells, T cells and airway muscle."""
    sums = pd.read_csv(folder / "housman_ipsc_msc_osteo_pseudobulk/counts.tsv.gz", sep="\t", index_col=0)
    columns = pd.read_csv(folder / "housman_ipsc_msc_osteo_pseudobulk/columns.tsv", sep="\t").set_index("column")
    stage = columns[columns["scheme"] == "adhoc"]

    def of(label: str) -> dict[str, np.ndarray]:
        rows = stage[stage["label"] == label]
        return {f"{label} {row.individual_replicate}": sums[name].to_numpy() for name, row in rows.iterrows()}

    msc = keep(of("MSC"), list(sums.index))
    others = [keep({name: one}, list(sums.index)) for kind in ("iPSC", "Osteogenic") for name, one in of(kind).items()]
    return msc, [*others, read_t_cells(folder), *read_airway(folder)]


def keep(sums: dict[str, np.ndarray], genes: list[str], gene_ids: list[str] | None = None) -> Lots:
    """Keep the genes of the registry."""
    found, _ = GeneIndex(genes, gene_ids).resolve(registry_genes(MARKERS))
    places = pd.Index(genes).get_indexer(list(found.values()))
    return lots_of({name: one[places] for name, one in sums.items()}, list(found), sums)


def read_t_cells(folder: Path) -> Lots:
    """Sum the sorted T cells of GeACT."""
    with gzip.open(folder / "geact_blood_T/counts.txt.gz", "rt") as file:
        table = pd.read_csv(file, sep="\t", index_col=0)
    return keep({"T cells": table.sum(axis=1).to_numpy()}, list(table.index))


def read_airway(folder: Path) -> list[Lots]:
    """Read airway smooth muscle in culture, without dexamethasone."""
    bulk = anndata.read_h5ad(folder / "bulk_airway/airway.h5ad")
    untreated = bulk[bulk.obs["dex"].astype(str).str.startswith("unt")]
    counts = untreated.X.toarray() if hasattr(untreated.X, "toarray") else np.asarray(untreated.X)
    names = list(bulk.var_names.astype(str))
    return [keep({f"airway muscle {k + 1}": row.astype(np.int64)}, names) for k, row in enumerate(counts)]
