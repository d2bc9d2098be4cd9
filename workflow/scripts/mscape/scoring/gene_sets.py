"""From the registry to the columns of the scores: which sets a dataset can score, with which genes, or why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mscape.genes.registry import SCORED, panel_genes
from mscape.genes.species import species
from mscape.scoring.methods import GeneSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mscape.genes.names import GeneIndex
    from mscape.genes.registry import Markers

SIGNED = "__SIGNED"  # a set minus the set that it is paired with
DEPLETED = "__DEPLETED"  # a set without the genes that it shares with other programmes
TITLES = {"": "", SIGNED: ", up minus down", DEPLETED: ", without shared genes"}
DESCRIBED = ("axis", "direction", "use", "evidence", "source", "doi", "licence")


def build_sets(
    markers: Markers,
    index: GeneIndex,
    var_names: Sequence[str],
    measured: np.ndarray,
    *,
    min_genes: int = 10,
    min_coverage: float = 0.6,
) -> tuple[list[GeneSet], pd.DataFrame]:
    """Find each signature's genes in a dataset and decide which signatures can be scored.

    Parameters
    ----------
    markers
        The registry.
    index
        The dataset's genes, to look names up. For species other than human and mouse no signature is scored.
    var_names
        Names of the dataset's genes.
    measured
        Whether each gene is in the feature table of every sample, shape (n_genes,). A gene that some sample does not
        know is left out everywhere: absent is not zero.
    min_genes, min_coverage
        A set with fewer genes, or with a smaller part of its genes, is not scored.

    Returns
    -------
    sets
        One for each column that can be scored: signatures, signed pairs, depleted variants.
    table
        One row for each signature and variant, scored or not: id, name, axis, direction, use, evidence, source, doi,
        licence, n_genes, n_found, coverage, used, reason (empty if scored), lost (gene: reason), genes (names found).
    """
    place = {str(name): i for i, name in enumerate(var_names)}
    sets: dict[str, GeneSet] = {}
    rows: list[dict[str, Any]] = []
    for key, variant, asked, down in _columns(markers):
        entry = markers.signatures[key]
        found, lost = index.resolve(asked)
        lost |= {
            gene: "not in every sample's feature table" for gene, name in found.items() if not measured[place[name]]
        }
        columns = np.array([place[name] for gene, name in found.items() if gene not in lost], dtype=np.int64)
        reason = _refuse(
            entry["use"],
            columns.size,
            len(asked),
            min_genes=min_genes,
            min_coverage=min_coverage,
            organism=index.organism,
        )
        if not reason and down and down not in sets:
            reason = f"its opposite set {down} is not scored"
        if not reason:
            sets[key + variant] = GeneSet(key + variant, columns, sets[down].up if down else columns[:0])
        rows.append(
            {"id": key + variant, "name": entry["name"] + TITLES[variant]}
            | {field: entry.get(field, "") for field in DESCRIBED}
            | {
                "n_genes": len(asked),
                "n_found": columns.size,
                "coverage": columns.size / len(asked),
                "used": not reason,
                "reason": reason,
                "lost": "; ".join(f"{gene}: {why}" for gene, why in lost.items()),
                "genes": ";".join(str(var_names[column]) for column in columns),
            }
        )
    order = {key: i for i, key in enumerate(markers.signatures)}
    rows.sort(key=lambda row: order[row["id"].split("__")[0]])  # variants behind their set
    return [sets[row["id"]] for row in rows if row["used"]], pd.DataFrame(rows)


def scored_genes(table: pd.DataFrame, var_names: Sequence[str]) -> np.ndarray:
    """Tell for each gene of a dataset whether any scored signature holds it."""
    found = table.loc[table["use"].isin(SCORED), "genes"].str.split(";").explode()
    return np.isin(np.asarray(var_names, dtype=str), found.to_numpy(dtype=str))


def _columns(markers: Markers) -> Iterator[tuple[str, str, list[str], str | None]]:
    """List signature, variant, genes asked for and opposite set; plain sets first, so that opposites exist."""
    for key, entry in markers.signatures.items():
        yield key, "", entry["genes"], None
    for key, entry in markers.scored().items():
        if "pair" in entry:
            yield key, SIGNED, entry["genes"], entry["pair"]
        if "without" in entry:
            taken = {gene for other in entry["without"] for gene in _genes_of(markers, other)}
            yield key, DEPLETED, [gene for gene in entry["genes"] if gene not in taken], None


def _genes_of(markers: Markers, key: str) -> set[str]:
    return panel_genes(markers) if key == "panels" else set(markers.signatures[key]["genes"])


def _refuse(use: str, n: int, size: int, *, min_genes: int, min_coverage: float, organism: str) -> str:
    """Say in one phrase why a set is not scored, or nothing."""
    if use not in SCORED:
        return "reported gene by gene, never averaged"
    if not species(organism).has_markers:
        return f"no signatures for organism {organism!r}"
    if size < min_genes:
        return f"the set has {size} genes, fewer than {min_genes}"
    if n < min_genes:
        return f"{n} of {size} genes found, fewer than {min_genes}"
    if n < min_coverage * size:
        return f"{n} of {size} genes found ({n / size:.0%}), less than {min_coverage:.0%}"
    return ""
