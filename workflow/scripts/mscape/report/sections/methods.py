"""Methods section: a paragraph to paste, its citations, parameters, versions, seeds, digests."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import yaml

from mscape.report import page
from mscape.report.numbers import number
from mscape.report.section import Section
from mscape.report.tables import Cell, Table

if TYPE_CHECKING:
    from pathlib import Path

    from mscape.report.dataset import Dataset
    from mscape.report.options import ReportOptions

MAX_DIGEST = 300_000_000  # bytes; hashing larger files would take longer than writing the page
MAX_TEXT = 160  # characters of a recorded parameter that the table shows


def methods(dataset: Dataset, options: ReportOptions) -> dict:
    """Gather what a reader needs to repeat and to cite the analysis.

    Parameters
    ----------
    dataset
        The stage files, read.
    options
        Whether codes are in the place of names.
    """
    citations = page.citations()
    paragraph, used = write_paragraph(dataset, page.version())
    config = yaml.safe_dump(dataset.config, allow_unicode=True, sort_keys=False, width=100) if dataset.config else ""
    return {
        "paragraph": paragraph,
        "citations": [(i + 1, citations[key]) for i, key in enumerate(used)],
        "config": config,
        "pseudonyms": options.pseudonyms and not dataset.simulated,
        "versions": _pairs(dataset.run.get("versions"), "versions", "Software", ("Package", "Version")),
        "code": _pairs(dataset.run.get("code"), "code", "Code of the steps", ("Step", "Digest")),
        "inputs": _inputs(dataset.run),
        "stages": _stages(dataset),
        "digests": _digests(dataset.files),
        "seed": dataset.run.get("seed", dataset.config.get("seed", "not recorded")),
    }


def write_paragraph(dataset: Dataset, version: str) -> tuple[str, list[str]]:
    """Write the methods in sentences, from what the stages recorded; a stage that recorded nothing is left out.

    Returns
    -------
    The paragraph, with numbers in square brackets, and the keys of the works in the order of these numbers.
    """
    used: list[str] = []

    def cite(key: str) -> str:
        if key not in used:
            used.append(key)
        return f" [{used.index(key) + 1}]"

    embed = dataset.stage("embedding", "embed_cells")
    cluster = dataset.stage("clusters", "cluster_cells")
    made = "simulated single-cell RNA-seq counts" if dataset.simulated else "single-cell RNA-seq counts"
    lots = f"{len(dataset.lots)} lot{'s' if len(dataset.lots) != 1 else ''}"
    text = [
        f"We analysed {made} of {lots} with mscape {version}".rstrip()
        + ", a Snakemake"
        + cite("snakemake")
        + " workflow "
        "built on scanpy" + cite("scanpy") + " and anndata" + cite("anndata") + "."
    ]
    table = dataset.tables.get("accounting")
    if table is not None:
        kept, loaded = number(table["pass"].sum()), number(table["loaded"].sum())
        text.append(f"Cells were filtered with limits set per sample: {kept} of {loaded} cells were kept.")
    if "doublet_score" in dataset.obs:
        text.append("Doublets were scored per sample against simulated doublets" + cite("scrublet") + ".")
    if embed:
        genes = f" of {int(embed['n_hvg'])} highly variable genes" if embed.get("n_hvg") else ""
        text.append(
            f"Counts were log-normalised; principal components{genes}, chosen without the gate and lineage genes, gave "
            "the neighbour graph and the UMAP" + cite("umap") + "."
        )
        if "harmony" in str(embed.get("method", "")).lower():
            text.append("Samples were aligned with Harmony" + cite("harmony") + ".")
    if "isct_call" in dataset.obs:
        text.append(
            "Transcript-level concordance with the ISCT phenotype" + cite("isct") + " was assessed per cell by the "
            "probability that the expression rate of each marker, pooled over nearest neighbours, lies above the "
            "marker's limit, and per lot by the share of such cells with a 95 % interval."
        )
    if cluster.get("labels"):
        text.append(
            f"Sub-populations are the labels of the column {cluster['labels']} that the user gave; their stability was "
            "not measured."
        )
    elif cluster:
        engine, resolution = cluster.get("engine", "igraph"), number(cluster.get("resolution"))
        text.append(
            "Cells were clustered with the Leiden algorithm"
            + cite("leiden")
            + f" ({engine}) at resolution {resolution}, "
            "chosen by agreement between resampled clusterings."
        )
    if "scores" in dataset.light:
        text.append(
            "Signature scores are mean log-expression minus that of abundance-matched control genes, calibrated "
            "against random gene sets; cell-cycle phase followed Tirosh et al." + cite("tirosh") + "."
        )
    if "enrichment" in dataset.tables:
        text.append("Gene-set enrichment of cluster markers used GSEApy" + cite("gseapy") + ".")
    if "contrasts" in dataset.tables:
        text.append(
            "Groups were compared with the donor as the unit" + cite("donor") + "; below three donors per arm, effect "
            "and interval are given without p-values."
        )
    text.append(f"Run id: {dataset.passports.get('run_id', 'not recorded')}.")
    return " ".join(text), used


def _pairs(record: dict | None, id: str, caption: str, heads: tuple[str, str]) -> Table | None:
    if not record:
        return None
    rows = [[Cell(str(key)), Cell(str(value))] for key, value in record.items()]
    return Table(id, caption, [(head, "text", "") for head in heads], rows)


def _inputs(run: dict) -> Table | None:
    """Digest of each sample's names and counts, and where they were read from."""
    if not run.get("inputs"):
        return None
    paths = run.get("paths", {})
    rows = [[Cell(s), Cell(str(paths.get(s, ""))), Cell(digest[:16])] for s, digest in run["inputs"].items()]
    columns = [
        ("Sample", "text", "sample_id"),
        ("Read from", "text", ""),
        ("SHA-256 of names and counts", "text", "digest"),
    ]
    return Table("inputs", "Input of each sample", columns, rows)


def _stages(dataset: Dataset) -> Table | None:
    """Short values that the stages recorded in their files; nested records are flattened with dots."""
    rows = []
    for light in dataset.light.values():
        for step, record in light.uns.get("mscape", {}).items():
            scope = f" ({record['scope']})" if "scope" in record else ""
            rows += [[Cell(step + scope), Cell(key), Cell(text)] for key, text in _flat(record)]
    columns = [("Step", "text", ""), ("Parameter", "text", ""), ("Value", "text", "")]
    return Table("stages", "Parameters recorded by the steps", columns, rows) if rows else None


def _flat(record: dict, prefix: str = ""):
    for key, value in dict(record).items():
        if hasattr(value, "items"):
            yield from _flat(value, f"{prefix}{key}.")
        elif not getattr(value, "shape", ()) and len(str(value)) <= MAX_TEXT:
            yield f"{prefix}{key}", str(value)


def _digests(files: dict[str, list[Path]]) -> Table:
    rows = []
    for key, paths in files.items():
        for path in paths:
            size = path.stat().st_size
            digest = "not computed (large file)"
            if size <= MAX_DIGEST:
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
            name = path.name if len(paths) == 1 else f"{path.parent.name}/{path.name}"
            rows.append([Cell(key), Cell(name), Cell(number(size), size), Cell(digest)])
    columns = [("Input", "text", ""), ("File", "text", ""), ("Bytes", "number", "bytes"), ("SHA-256", "text", "digest")]
    return Table("digests", "Files that this report shows", columns, rows)


SECTION = Section(
    id="methods", title="Methods", order=140, tables=("accounting", "enrichment", "contrasts"), build=methods
)
