"""The gate's panels: which genes, which rates, and which lineages fail a cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from mscape.data import yaml_file
from mscape.errors import UserError
from mscape.genes.species import species

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

POSITIVE, NEGATIVE, LINEAGE = 0, 1, 2
SECOND_SHARE = 0.25  # of a lineage's threshold, which its genes must reach without the strongest one


@dataclass(frozen=True)
class Lineage:
    """A panel of genes that identifies a lineage; see ``lineages`` in ``resources/markers.yaml``.

    Genes of ``ambient_prone`` (haemoglobins, immunoglobulins) are frequent in ambient RNA and count as one gene.
    """

    id: str
    name: str
    group: str
    cpm: float
    genes: tuple[str, ...]
    fails: bool
    min_genes: int = 2
    supports: tuple[str, ...] = ()
    ambient_prone: tuple[str, ...] = ()
    second_cpm: float | None = None

    @property
    def threshold_without_strongest(self) -> float:
        """CPM that the genes must reach without the strongest of them."""
        return self.cpm * SECOND_SHARE if self.second_cpm is None else self.second_cpm


@dataclass(frozen=True)
class Panel:
    """A gate panel; rates in counts per million (CPM)."""

    id: str
    title: str
    organism: str
    verdict: bool
    positive: dict[str, float]
    proteins: dict[str, str]
    negative: dict[str, dict[str, float]]
    allowed: dict[str, dict[str, float]] = field(default_factory=dict)
    min_positive: float = 0.95
    max_negative: float = 0.02
    note: str = ""
    basis: str = ""
    doi: str = ""

    @property
    def groups(self) -> dict[str, dict[str, float]]:
        """Negative and allowed groups together: name -> {gene: cpm}."""
        return {**self.negative, **self.allowed}

    @property
    def thresholds(self) -> dict[str, float]:
        """Gene -> threshold in CPM, positives first."""
        return {**self.positive, **{g: t for genes in self.groups.values() for g, t in genes.items()}}


@dataclass
class Features:
    """What is pooled: a column for each panel gene and each lineage.

    Attributes
    ----------
    names, kind, tau
        Gene or lineage id; ``POSITIVE``, ``NEGATIVE`` or ``LINEAGE``; threshold as a fraction of all counts.
        Shape (n_features,).
    x
        Counts, shape (n_cells, n_features); a lineage has the sum of its genes.
    distinct
        Genes of the lineage with a count, shape (n_cells, n_features); 1 or 0 for a marker.
    second
        Counts of the lineage without its strongest gene in the cell, shape (n_cells, n_features); 0 for a marker.
    tau_second
        Threshold of the lineage without its strongest gene, as a fraction of all counts, shape (n_features,).
    genes, feature_of
        Counts of the single genes of the lineages, CSR, shape (n_cells, n_genes), and the feature that each belongs to,
        in ascending order, shape (n_genes,). Ambient-prone genes of a lineage are one column.
    measured
        Is the marker (or enough of the lineage) in the feature table of the cell's library?
        Shape (n_cells, n_features).
    """

    names: list[str]
    kind: np.ndarray
    tau: np.ndarray
    x: np.ndarray
    distinct: np.ndarray
    second: np.ndarray
    tau_second: np.ndarray
    genes: sp.csr_matrix
    feature_of: np.ndarray
    measured: np.ndarray

    def part(self, cells: np.ndarray, features: np.ndarray) -> Features:
        """Pick some cells and some features."""
        pick = np.ix_(cells, features)
        kept = np.isin(self.feature_of, features)
        return Features(
            names=[self.names[f] for f in features],
            kind=self.kind[features],
            tau=self.tau[features],
            x=self.x[pick],
            distinct=self.distinct[pick],
            second=self.second[pick],
            tau_second=self.tau_second[features],
            genes=self.genes[cells][:, kept],
            feature_of=np.searchsorted(features, self.feature_of[kept]),
            measured=self.measured[pick],
        )

    def columns(self, names: Iterable[str]) -> list[int]:
        """Positions of some features."""
        return [self.names.index(name) for name in names]


def read_markers(path: str | Path, extra: Iterable[str | Path] = ()) -> tuple[dict, dict]:
    """Read the panels and lineages of the resource file and of the user's own files.

    Parameters
    ----------
    path
        ``resources/markers.yaml``.
    extra
        Files with ``panels:`` or ``lineages:`` of the same form. An entry with the same id replaces the earlier one.

    Returns
    -------
    panels, lineages
        Raw entries by id.

    Raises
    ------
    UserError
        If a file of the user's cannot be read as panels.
    """
    panels: dict[str, dict] = {}
    lineages: dict[str, dict] = {}
    for file in (path, *extra):
        content, faults = (yaml_file.read(Path(file)), []) if file == path else yaml_file.read_given(Path(file))
        if faults:
            msg = f"Panel file {str(file)!r}: {' '.join(faults[:5])} Expected YAML with `panels:` or `lineages:`."
            raise UserError(msg)
        if not isinstance(content, dict) or not ({"panels", "lineages"} & set(content)):
            msg = f"Panel file {str(file)!r} has neither `panels:` nor `lineages:` at the top; see docs/gating.md."
            raise UserError(msg)
        panels.update(content.get("panels") or {})
        lineages.update(content.get("lineages") or {})
    return panels, lineages


def choose_panel(panels: Mapping[str, dict], panel: str, *, organism: str, culture: str, tissues: Iterable[str]) -> str:
    """Resolve ``panel: auto`` to the id of a panel: by organism, and ``adipose_svf`` for uncultured adipose tissue."""
    if panel != "auto":
        if panel not in panels:
            msg = (
                f"gate.panel is {panel!r}; known panels are {sorted(panels)}. Name one of them, or add your own file "
                "to gate.panel_files."
            )
            raise UserError(msg)
        return panel
    tissues = [str(tissue).lower() for tissue in tissues]
    fresh_fat = culture == "fresh" and tissues and all("adipos" in t or "fat" in t or "svf" in t for t in tissues)
    default = species(organism).panel
    return "adipose_svf" if fresh_fat and default == "isct2006" else default


def make_panel(panel_id: str, entry: Mapping) -> Panel:
    """Turn a raw entry into a panel.

    Raises
    ------
    UserError
        If a key is missing or a threshold is no positive number.
    """
    missing = [key for key in ("title", "organism", "verdict", "positive", "negative") if key not in entry]
    if missing:
        msg = f"Panel {panel_id!r} lacks {missing}; a panel needs title, organism, verdict, positive and negative."
        raise UserError(msg)
    try:
        positive = {gene: float(marker["cpm"]) for gene, marker in entry["positive"].items()}
        proteins = {gene: str(marker.get("protein", gene)) for gene, marker in entry["positive"].items()}
        negative = {name: {g: float(t) for g, t in genes.items()} for name, genes in entry["negative"].items()}
        allowed = {
            name: {g: float(t) for g, t in genes.items()} for name, genes in (entry.get("allowed") or {}).items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        msg = (
            f"Panel {panel_id!r} is malformed ({error!r}); expected positive: {{GENE: {{protein: X, cpm: 4}}}} and "
            "negative: {GROUP: {GENE: 20}}."
        )
        raise UserError(msg) from None
    panel = Panel(
        id=panel_id,
        title=str(entry["title"]),
        organism=str(entry["organism"]),
        verdict=bool(entry["verdict"]),
        positive=positive,
        proteins=proteins,
        negative=negative,
        allowed=allowed,
        min_positive=float(entry.get("min_positive", 0.95)),
        max_negative=float(entry.get("max_negative", 0.02)),
        note=str(entry.get("note", "")).strip(),
        basis=str(entry.get("basis", "")).strip(),
        doi=str(entry.get("doi", "")),
    )
    bad = [gene for gene, cpm in panel.thresholds.items() if not cpm > 0]
    if bad or not panel.positive:
        msg = (
            f"Panel {panel_id!r} needs at least one positive marker and thresholds above 0 CPM; check "
            f"{bad or 'positive'}."
        )
        raise UserError(msg)
    return panel


def make_lineages(entries: Mapping[str, Mapping], *, organism: str) -> list[Lineage]:
    """Turn raw entries into lineages, with the mouse genes where the organism is mouse."""
    key = species(organism).marker_key or species("human").marker_key
    return [
        Lineage(
            id=lineage_id,
            name=entry["name"],
            group=entry["group"],
            cpm=float(entry["cpm"]),
            genes=tuple(entry.get(key) or ()),
            fails=bool(entry["fails"]),
            min_genes=int(entry.get("min_genes", 2)),
            supports=tuple(entry.get("supports") or ()),
            ambient_prone=tuple(entry.get("ambient_prone") or ()),
            second_cpm=None if entry.get("second_cpm") is None else float(entry["second_cpm"]),
        )
        for lineage_id, entry in entries.items()
        if entry.get(key)
    ]


def make_features(
    panel: Panel, lineages: Iterable[Lineage], counts: sp.csc_matrix, genes: list[str], measured: np.ndarray
) -> Features:
    """Lay out the columns that are pooled.

    Parameters
    ----------
    panel, lineages
        What is asked for.
    counts
        Counts of ``genes``, CSC, shape (n_cells, n_genes).
    genes
        Names of the columns; a gene that is not among them is not in any feature table.
    measured
        Is the gene in the feature table of the cell's library? Shape (n_cells, n_genes).
    """
    where = {gene: i for i, gene in enumerate(genes)}
    names, kind, tau, x, distinct, there = [], [], [], [], [], []
    n_cells = counts.shape[0]

    def column(i: int) -> np.ndarray:
        out = np.zeros(n_cells, np.int32)
        span = slice(counts.indptr[i], counts.indptr[i + 1])
        out[counts.indices[span]] = counts.data[span]
        return out

    for gene, cpm in panel.thresholds.items():
        col = column(where[gene]) if gene in where else np.zeros(n_cells, np.int32)
        names.append(gene)
        kind.append(POSITIVE if gene in panel.positive else NEGATIVE)
        tau.append(cpm * 1e-6)
        x.append(col)
        distinct.append((col > 0).astype(np.int32))
        there.append(measured[:, where[gene]] if gene in where else np.zeros(n_cells, bool))
    second, tau_second = [np.zeros(n_cells, np.int32)] * len(names), [np.inf] * len(names)
    single, feature_of = [], []
    for lineage in lineages:
        total, largest, seen, enough = (np.zeros(n_cells, np.int32) for _ in range(4))
        for group in _independent(lineage, where):
            col = sum((column(where[gene]) for gene in group), np.zeros(n_cells, np.int32))
            total += col
            largest = np.maximum(largest, col)
            seen += col > 0
            enough += measured[:, [where[gene] for gene in group]].any(axis=1)
            single.append(sp.csc_matrix(col[:, None]))
            feature_of.append(len(names))
        names.append(lineage.id)
        kind.append(LINEAGE)
        tau.append(lineage.cpm * 1e-6)
        tau_second.append(lineage.threshold_without_strongest * 1e-6)
        x.append(total)
        second.append(total - largest)
        distinct.append(seen)
        there.append(enough >= lineage.min_genes)
    return Features(
        names=names,
        kind=np.array(kind),
        tau=np.array(tau),
        x=np.column_stack(x),
        distinct=np.column_stack(distinct),
        second=np.column_stack(second),
        tau_second=np.array(tau_second),
        genes=sp.hstack(single, format="csr") if single else sp.csr_matrix((n_cells, 0), dtype=np.int32),
        feature_of=np.array(feature_of, dtype=int),
        measured=np.column_stack(there),
    )


def _independent(lineage: Lineage, known: Mapping[str, int]) -> list[list[str]]:
    """Group the genes of a lineage that are in the data: each by itself, the ambient-prone ones together."""
    genes = [gene for gene in lineage.genes if gene in known]
    groups = [[gene] for gene in genes if gene not in lineage.ambient_prone]
    together = [gene for gene in genes if gene in lineage.ambient_prone]
    return [*groups, together] if together else groups
