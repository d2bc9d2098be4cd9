"""Contents of each stage file, as data; an error on reading names what is missing and the stage that adds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mscape.data import counts
from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from anndata import AnnData

MERGED = ("dataset_id", "sample_id", "lot_id", "donor_id", "tissue", "passage", "condition", "batch", "sex", "culture")
MEASURED = ("total_counts", "n_genes_by_counts", "pct_counts_mt", "doublet_score", "predicted_doublet")


@dataclass(frozen=True)
class Stage:
    """A stage of the workflow and the file that it writes.

    Attributes
    ----------
    step
        Rule and script that write the file.
    path
        File, with wildcards.
    whole
        Whether the file holds counts in ``X``; a light file holds only what the step adds.
    what
        The content in words.
    adds
        Keys by slot that the file must hold.
    """

    step: str
    path: str
    whole: bool
    what: str
    adds: dict[str, Sequence[str]] = field(default_factory=dict)


STAGES = {
    "raw": Stage(
        "load_counts",
        "results/{dataset}/samples/{sample}/raw.h5ad",
        whole=True,
        what="raw integer counts of one sample, as read",
        adds={"var": ("gene_id",)},
    ),
    "qc": Stage(
        "qc_cells",
        "results/{dataset}/samples/{sample}/qc.h5ad",
        whole=False,
        what="quality of each cell, doublet score, `qc` = pass or the first reason against",
        adds={"obs": (*MEASURED, "qc")},
    ),
    "counts": Stage(
        "merge_samples",
        "results/{dataset}/counts.h5ad",
        whole=True,
        what="raw counts of all cells that pass, with the sheet's metadata; `measured`: which sample knows which gene; "
        "`counts`: of each gene in each sample",
        adds={"obs": (*MERGED, *MEASURED), "var": ("gene_id",), "varm": ("measured", "counts")},
    ),
    "embedding": Stage(
        "embed_cells",
        "results/{dataset}/embedding.{scope}.h5ad",
        whole=False,
        what="principal components, neighbour graph; `all` cells without the gate's genes, or the `msc`",
        adds={"obsm": ("X_pca",), "obsp": ("distances", "connectivities")},
    ),
    "map": Stage(
        "compute_umap",
        "results/{dataset}/umap.{scope}.h5ad",
        whole=False,
        what="place of each cell on the map of `all` cells or of the `msc`, for the eye",
        adds={"obsm": ("X_umap",)},
    ),
    "gate": Stage(
        "gate_msc",
        "results/{dataset}/gate.h5ad",
        whole=False,
        what="call, reason and identity of each cell, probability per marker",
        adds={
            "obs": ("isct_call", "isct_reason", "isct_identity"),
            "obsm": ("isct_pool_size", "isct_exposure"),
        },
    ),
    "clusters": Stage(
        "cluster_cells",
        "results/{dataset}/clusters.h5ad",
        whole=False,
        what="clusters of the MSC at the resolution that resampling supports, or the labels of `cluster.labels`",
        adds={"obs": ("leiden",)},
    ),
    "scores": Stage(
        "score_signatures",
        "results/{dataset}/scores.h5ad",
        whole=False,
        what="signature scores of three methods, calibrated z, cell-cycle phase",
        adds={"obs": ("phase",), "obsm": ("score_matched", "score_rank", "score_scanpy", "score_z", "score_p")},
    ),
    "assembled": Stage(
        "assemble_dataset",
        "results/{dataset}/{dataset}.h5ad",
        whole=True,
        what="everything joined, log-normalised in `X`, counts in `layers`: the one file to share",
        adds={
            "obs": (*MERGED, *MEASURED, "isct_call", "isct_reason", "leiden", "phase"),
            "obsm": ("X_pca", "X_umap", "score_matched"),
            "layers": ("counts",),
        },
    ),
}


def missing_keys(present: dict[str, set[str]], stage: str) -> list[str]:
    """Name what a stage's file should hold and does not, as ``slot['key']``."""
    adds = STAGES[stage].adds
    return [f"{slot}[{key!r}]" for slot, keys in adds.items() for key in keys if key not in present.get(slot, set())]


def read(path: str | Path, stage: str, *, obs: Sequence[str] | None = None) -> AnnData:
    """Read everything of a stage's file but its matrices, and check that the contract is kept.

    Parameters
    ----------
    path
        The file.
    stage
        A key of `STAGES`.
    obs
        Columns of ``obs`` to keep; all of them if not given.

    Raises
    ------
    mscape.errors.UserError
        If the file lacks keys: each one, and the step that should have added it.
    """
    check(path, stage)
    return counts.read_light(path, obs=obs)


def check(path: str | Path, stage: str) -> None:
    """Raise if a stage's file lacks a key of the contract; only names are read."""
    with counts.open_file(path) as file:
        present = {slot: set(file[slot]) for slot in ("obs", "var", "obsm", "varm", "obsp", "layers") if slot in file}
        if STAGES[stage].whole and "X" not in file:
            present["X"] = set()
    missing = missing_keys(present, stage) + (["X"] if "X" in present else [])
    if missing:
        names = ", ".join(missing)
        msg = f"{path} lacks {names}, which {STAGES[stage].step} should have added. Delete the file and rerun."
        raise UserError(msg)


def table() -> str:
    """Write the contract as the Markdown table that the README shows."""
    rows = ["| step | file | what it holds | keys |", "|---|---|---|---|"]
    for stage in STAGES.values():
        keys = "; ".join(f"{slot}: {', '.join(f'`{key}`' for key in names)}" for slot, names in stage.adds.items())
        rows.append(f"| `{stage.step}` | `{stage.path}` | {stage.what} | {keys} |")
    return "\n".join(rows)
