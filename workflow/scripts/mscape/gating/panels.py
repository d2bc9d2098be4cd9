"""The gate's panels: which genes, which rates, and which lineages fail a cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml

from mscape.data import yaml_file
from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import scipy.sparse as sp

POSITIVE, NEGATIVE, LINEAGE = 0, 1, 2


@dataclass(frozen=True)
class Lineage:
    """A panel of genes that tells a lineage; see ``lineages`` in ``resources/markers.yaml``."""

    id: str
    name: str
    group: str
    cpm: float
    genes: tuple[str, ...]
    fails: bool
    min_genes: int = 2
    supports: tuple[str, ...] = ()


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
    measured
        Is the marker (or enough of the lineage) in the feature table of the cell's library?
        Shape (n_cells, n_features).
    """

    names: list[str]
    kind: np.ndarray
    tau: np.ndarray
    x: np.ndarray
    distinct: np.ndarray
    measured: np.ndarray

    def part(self, cells: np.ndarray, features: np.ndarray) -> Features:
        """Pick some cells and some features."""
        pick = np.ix_(cells, features)
        return Features(
            [self.names[f] for f in features],
            self.kind[features],
            self.tau[features],
            self.x[pick],
            self.distinct[pick],
            self.measured[pick],
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
    panels, lineages = {}, {}
    for file in (path, *extra):
        try:
            content = yaml_file.read(Path(file))
        except (OSError, yaml.YAMLError) as error:
            msg = f"Panel file {str(file)!r} cannot be read ({error}). Expected YAML with `panels:` or `lineages:`."
            raise UserError(msg) from None
        if not isinstance(content, dict) or not ({"panels", "lineages"} & set(content)):
            msg = f"Panel file {str(file)!r} has neither `panels:` nor `lineages:` at its top level; see docs/gate.md."
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
    if organism == "mouse":
        return "mouse_stroma"
    tissues = [str(tissue).lower() for tissue in tissues]
    fresh_fat = culture == "fresh" and tissues and all("adipos" in t or "fat" in t or "svf" in t for t in tissues)
    return "adipose_svf" if fresh_fat else "isct2006"


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
    key = "mouse" if organism == "mouse" else "genes"
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
    for lineage in lineages:
        found = [where[g] for g in lineage.genes if g in where]
        total, seen, enough = (np.zeros(n_cells, np.int32) for _ in range(3))
        for i in found:
            col = column(i)
            total += col
            seen += col > 0
            enough += measured[:, i]
        names.append(lineage.id)
        kind.append(LINEAGE)
        tau.append(lineage.cpm * 1e-6)
        x.append(total)
        distinct.append(seen)
        there.append(enough >= min(lineage.min_genes, len(lineage.genes)))
    return Features(
        names=names,
        kind=np.array(kind),
        tau=np.array(tau),
        x=np.column_stack(x),
        distinct=np.column_stack(distinct),
        measured=np.column_stack(there),
    )
