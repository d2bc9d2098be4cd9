"""Methods section: a paragraph to paste, its citations, parameters, versions, seeds, digests."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from typing import TYPE_CHECKING

import yaml

from mscape.report.tables import Cell, Table, number

if TYPE_CHECKING:
    from pathlib import Path

    from mscape.report.collect import Dataset

PACKAGES = ("snakemake", "scanpy", "anndata", "numpy", "scipy", "pandas", "scikit-learn", "leidenalg", "igraph", "umap-learn",
            "pynndescent", "harmonypy", "gseapy", "illico", "pydeseq2", "matplotlib", "jinja2")  # fmt: skip
MAX_DIGEST = 300_000_000  # bytes; hashing larger files would take longer than the page
CITATIONS = {
    "snakemake": "Mölder F et al. Sustainable data analysis with Snakemake. F1000Research 2021;10:33. doi:10.12688/f1000research.29032.2",
    "scanpy": "Wolf FA, Angerer P, Theis FJ. SCANPY: large-scale single-cell gene expression data analysis. Genome Biol 2018;19:15. doi:10.1186/s13059-017-1382-0",
    "anndata": "Virshup I et al. anndata: access and store annotated data matrices. J Open Source Softw 2024;9:4371. doi:10.21105/joss.04371",
    "scrublet": "Wolock SL, Lopez R, Klein AM. Scrublet. Cell Syst 2019;8:281-291. doi:10.1016/j.cels.2018.11.005",
    "harmony": "Korsunsky I et al. Fast, sensitive and accurate integration of single-cell data with Harmony. Nat Methods 2019;16:1289-1296. doi:10.1038/s41592-019-0619-0",
    "leiden": "Traag VA, Waltman L, van Eck NJ. From Louvain to Leiden. Sci Rep 2019;9:5233. doi:10.1038/s41598-019-41695-z",
    "umap": "McInnes L, Healy J, Melville J. UMAP. arXiv:1802.03426",
    "isct": "Dominici M et al. Minimal criteria for defining multipotent mesenchymal stromal cells. Cytotherapy 2006;8:315-317. doi:10.1080/14653240600855905",
    "gsea": "Fang Z, Liu X, Peltz G. GSEApy. Bioinformatics 2023;39:btac757. doi:10.1093/bioinformatics/btac757",
    "donor": "Squair JW et al. Confronting false discoveries in single-cell differential expression. Nat Commun 2021;12:5692. doi:10.1038/s41467-021-25960-2",
    "tirosh": "Tirosh I et al. Dissecting the multicellular ecosystem of metastatic melanoma. Science 2016;352:189-196. doi:10.1126/science.aad0501",
}


def methods(dataset: Dataset, *, version: str = "", command: str = "") -> dict:
    """Return the paragraph, the citations it uses, the resolved config, versions, and digests of the inputs."""
    paragraph, used = _paragraph(dataset, version)
    return {
        "paragraph": paragraph,
        "citations": [(i + 1, CITATIONS[key]) for i, key in enumerate(used)],
        "config": yaml.safe_dump(dataset.config, allow_unicode=True, sort_keys=False, width=100)
        if dataset.config
        else "",
        "versions": _versions(dataset.run.get("versions")),
        "inputs": _inputs(dataset.run),
        "stages": _stages(dataset),
        "digests": _digests(dataset.files),
        "command": command,
        "seed": dataset.run.get("seed", dataset.config.get("seed", "not recorded")),
    }


def _paragraph(dataset: Dataset, version: str) -> tuple[str, list[str]]:
    """Write the methods in sentences, from what the stages recorded; a stage that recorded nothing is left out."""
    used: list[str] = []

    def cite(*keys: str) -> str:
        used.extend(key for key in keys if key not in used)
        return " [" + ", ".join(str(used.index(key) + 1) for key in keys) + "]"

    embed, cluster, gate = (
        dataset.stage(a, b)
        for a, b in (("embedding", "embed_cells"), ("clusters", "cluster_cells"), ("gate", "gate_msc"))
    )
    made = "simulated single-cell RNA-seq counts" if dataset.simulated else "single-cell RNA-seq counts"
    text = [f"We analysed {made} of {len(dataset.lots)} lot{'s' if len(dataset.lots) != 1 else ''} with mscape {version}".rstrip()
            + ", a Snakemake" + cite("snakemake") + " workflow built on scanpy" + cite("scanpy") + " and anndata" + cite("anndata") + "."]  # fmt: skip
    table = dataset.tables.get("accounting")
    if table is not None:
        text.append(
            f"Cells were filtered with limits set per sample: {number(table['pass'].sum())} of {number(table['loaded'].sum())} cells were kept."
        )
    if "doublet_score" in dataset.obs:
        text.append("Doublets were scored per sample by simulation" + cite("scrublet") + ".")
    if embed:
        hvg = embed.get("n_hvg")
        genes = f" of {int(hvg)} highly variable genes" if hvg else ""
        text.append(
            f"Counts were log-normalised; principal components{genes}, chosen without the gate and lineage genes, gave the neighbour graph and UMAP"
            + cite("umap")
            + "."
        )
        if "harmony" in str(embed.get("method", "")).lower():
            text.append("Samples were aligned with Harmony" + cite("harmony") + ".")
    if gate or "isct_call" in dataset.obs:
        text.append("Transcript-level concordance with the ISCT phenotype" + cite("isct") + " was assessed per cell by the probability that the expression rate of each "
                    "marker, pooled over nearest neighbours, lies above the marker's limit, and per lot by the share of such cells with a 95 % interval.")  # fmt: skip
    if cluster:
        text.append("Cells that passed were clustered with the Leiden algorithm" + cite("leiden") + f" ({cluster.get('engine', 'leidenalg')}) at resolution "
                    f"{number(cluster.get('resolution'))}, chosen by agreement between resampled clusterings.")  # fmt: skip
    if "scores" in dataset.light:
        text.append(
            "Signature scores are mean log-expression minus that of abundance-matched control genes, in units of random gene sets; cell-cycle phase followed Tirosh et al."
            + cite("tirosh")
            + "."
        )
    if "enrichment" in dataset.tables:
        text.append("Gene-set enrichment of cluster markers used GSEApy" + cite("gsea") + ".")
    if "contrasts" in dataset.tables:
        text.append(
            "Groups were compared with the donor as the unit"
            + cite("donor")
            + "; below three donors per arm, effect and interval are given without p-values."
        )
    text.append(f"Run id: {dataset.passports.get('run_id', 'not recorded')}.")
    return " ".join(text), used


def _inputs(run: dict) -> Table | None:
    """Digest of each sample's names and counts, and where they were read from."""
    if not run.get("inputs"):
        return None
    paths = run.get("paths", {})
    rows = [[Cell(sample), Cell(str(paths.get(sample, ""))), Cell(digest[:16])] for sample, digest in run["inputs"].items()]
    columns = [("Sample", "text", "sample_id"), ("Read from", "text", ""), ("SHA-256 of names and counts", "text", "digest")]
    return Table("inputs", "Input of each sample", columns, rows)


def _versions(recorded: dict | None) -> Table:
    """Versions that the run recorded; those of this environment where it recorded none."""
    if recorded:
        rows = [[Cell(name), Cell(version)] for name, version in recorded.items()]
        return Table("versions", "Software", [("Package", "text", ""), ("Version", "text", "")], rows)
    rows = [[Cell("python"), Cell(platform.python_version())]]
    for name in PACKAGES:
        try:
            rows.append([Cell(name), Cell(importlib.metadata.version(name))])
        except importlib.metadata.PackageNotFoundError:
            continue
    return Table("versions", "Software", [("Package", "text", ""), ("Version", "text", "")], rows)


def _stages(dataset: Dataset) -> Table | None:
    """What each stage recorded in its file: short values only."""
    rows = []
    for adata in [*dataset.light.values()]:
        for step, record in adata.uns.get("mscape", {}).items():
            for key, value in dict(record).items():
                text = str(value)
                if len(text) <= 160 and not hasattr(value, "shape"):
                    rows.append([Cell(step), Cell(str(key)), Cell(text)])
    columns = [("Step", "text", ""), ("Parameter", "text", ""), ("Value", "text", "")]
    return Table("stages", "Parameters recorded by the steps", columns, rows) if rows else None


def _digests(files: dict[str, list[Path]]) -> Table:
    rows = []
    for key, paths in files.items():
        for path in paths:
            size = path.stat().st_size
            digest = (
                hashlib.file_digest(path.open("rb"), "sha256").hexdigest()[:16]
                if size <= MAX_DIGEST
                else "not computed (large file)"
            )
            rows.append(
                [
                    Cell(key),
                    Cell(path.name if len(paths) == 1 else f"{path.parent.name}/{path.name}"),
                    Cell(f"{size:,}".replace(",", "\u202f"), size),
                    Cell(digest),
                ]
            )
    return Table(
        "digests",
        "Files that this report shows",
        [("Input", "text", ""), ("File", "text", ""), ("Bytes", "number", ""), ("SHA-256", "text", "digest")],
        rows,
    )
