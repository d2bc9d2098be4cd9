"""Signature scores per lot as heat tables, one per axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from mscape.genes.registry import USER_DEFAULTS
from mscape.report.dataset import natural
from mscape.report.numbers import finite, signature_name
from mscape.report.section import Section
from mscape.report.sections.enrichment import sums
from mscape.report.tables import Cell, Table, from_frame, heat_cell
from mscape.scoring import consensus

if TYPE_CHECKING:
    from mscape.report.dataset import Dataset
    from mscape.report.options import ReportOptions

AXES = (  # title, words in the axis name, glossary term
    ("Immunoregulatory axes", ("immun", "licens", "interferon", "inflam", "sasp"), "immunoregulation"),
    ("Senescence", ("senesc", "arrest"), "senescence"),
    ("Trilineage and commitment", ("trilineage", "osteo", "adipo", "chondro"), "trilineage"),
    ("Cycle, stress and other confounders", ("confound", "cycl", "prolif", "stress", "dissoc", "hypox"), "confounder"),
    ("Further programmes", ("",), "score_z"),
)
Z_EDGES = (1.0, 2.0, 4.0, 8.0)  # z at which the colour deepens; lots differ by orders of magnitude
VARIANT = "__"  # between the id of a signature and that of its variant
CURATED = " (C)"  # behind the names of sets that are curated here
CALLED = consensus.HIGH_Z  # a list counts as raised above this z
MAX_ROWS = 500
NUMBERS = (
    ("lot_id", "Lot", "text", "lot"),
    ("signature", "Signature", "text", ""),
    ("z", "z", "number", "score_z"),
    ("z_low", "Low", "number", "interval"),
    ("z_high", "High", "number", "interval"),
    ("pvalue", "p", "number", "score_p"),
    ("mean", "Mean score", "number", "score_mean"),
    ("low", "Low", "number", "interval"),
    ("high", "High", "number", "interval"),
    ("n_cells", "Cells", "number", "cells"),
)
HEADLINE = (*consensus.SENESCENCE.values(), *consensus.IMMUNE.values(), *sum(consensus.LINEAGES.values(), ()))
OF_LOTS = (
    "z of the lot's mean: how far the signature departs, in this lot, from the average of the lots, "
    "in units of random gene sets of the same expression. It is no test between donors."
)
OF_CLUSTERS = (
    "One lot has no others to be compared with, so rows are its sub-populations: mean z of their cells against random "
    "gene sets, which is zero for the average cell of the lot."
)


def scores(dataset: Dataset, options: ReportOptions) -> dict:
    """Heat tables of lots, one per axis, of sub-populations and of sums; all numbers, and the table of signatures."""
    summary, sets = dataset.tables["signature_scores"], dataset.tables["signatures"]
    by_lot = bool(summary["z"].notna().any())
    wide = pivot(summary, "z", dataset.lots) if by_lot else cluster_means(dataset)
    if wide is None:
        return {"missing": "With one lot and no sub-populations there is nothing to compare a score with."}
    hints = _hints(summary) if by_lot else {}
    rows = "Lot" if by_lot else "Sub-population"
    group = sets["axis"].str.lower().map(axis_group)
    scored = [c for c in wide.columns if wide[c].notna().any()]
    heats = []
    for i, (title, _, term) in enumerate(AXES):
        part = sets[(group == i) & sets["id"].isin(scored)]
        if len(part):
            part = _by_axis(part)
            heats.append(_heat(wide, hints, part, title=title, term=term, id=f"heat-{i}", rows=rows))
    columns = (
        ("id", "Signature", "text", ""),
        ("axis", "Axis", "text", ""),
        ("direction", "Direction", "text", ""),
        ("evidence", "Evidence", "text", "evidence"),
        ("n_found", "Genes found", "number", "coverage"),
        ("n_genes", "of", "number", "coverage"),
        ("coverage", "Coverage", "percent", "coverage"),
        ("used", "Scored", "flag", ""),
        ("reason", "Reason", "text", ""),
        ("source", "Source", "text", ""),
        ("licence", "Licence", "text", ""),
    )
    return {
        "heats": heats,
        "table": from_frame(sets, id="signatures", caption="Signatures, their source and coverage", columns=columns),
        "unused": int((~sets["id"].isin(scored)).sum()),
        "edges": Z_EDGES,
        "meaning": OF_LOTS if by_lot else OF_CLUSTERS,
        "cells": _stand_ins(summary),
        "numbers": _numbers(summary) if by_lot else None,
        "cluster_states": cluster_heat(dataset),
        "sums": sums(dataset),
    }


def cluster_heat(dataset: Dataset) -> Table | None:
    """Tabulate the headline signatures of the sub-populations, with what they say together."""
    scores, together = dataset.tables.get("cluster_scores"), dataset.tables.get("cluster_states")
    if scores is None or together is None or scores.empty:
        return None
    found = scores.set_index(["cluster", "signature"]).to_dict("index")
    together = together.set_index("cluster").to_dict("index")
    names = [name for name in HEADLINE if name in set(scores["signature"])]
    columns = [("Sub-population", "text", "leiden"), ("Cells", "number", "cells"), ("Lots", "number", "lot_count")]
    columns += [("Lineage", "text", "trilineage"), ("Senescence", "text", "senescence")]
    columns += [("Immunoregulation", "text", "immunoregulation"), *((signature_name(n), "heat", "") for n in names)]
    rows = []
    for cluster in natural(together):
        row = together[cluster]
        line = [Cell(cluster), *(Cell(str(int(row[key])), int(row[key])) for key in ("n_cells", "n_lots"))]
        line += [Cell(str(row[key])) for key in ("lineage_bias", "senescence", "immune_profile")]
        for name in names:
            score = found[cluster, name]
            said = with_interval("z", score, ("z", "low", "high"), 2)
            hint = f"{signature_name(name)} in {cluster}: {said}; {row['n_lots']} lots, {row['n_cells']} cells"
            line.append(heat_cell(finite(score["z"]), Z_EDGES, hint))
        rows.append(line)
    note = (
        "z of the sub-population's departure from its lots' average, lot by lot, in units of random gene sets; the "
        "95 % interval is over lots (with one lot there is no interval, because nothing repeats). Lineage bias is of "
        "RNA at harvest; it is no evidence of differentiation capacity."
    )
    caption = "Programmes of the sub-populations"
    return Table("cluster-programmes", caption, columns, rows, note=note, classes="heat", term="score_z")


def axis_group(axis: str) -> int:
    """Place of an axis among ``AXES``."""
    return next(i for i, (_, words, _) in enumerate(AXES) if any(word in axis for word in words))


def pivot(summary: pd.DataFrame, key: str, lots: list[str]) -> pd.DataFrame:
    """Lots x signatures, lots in the order of the passports, signatures in the order of the table."""
    wide = summary.drop_duplicates(["lot_id", "signature"]).pivot(index="lot_id", columns="signature", values=key)
    return wide.reindex(index=lots, columns=list(dict.fromkeys(summary["signature"])))


def cluster_means(dataset: Dataset) -> pd.DataFrame | None:
    """Mean z of the cells of each sub-population, sub-populations x signatures; None where there are none."""
    scores = dataset.light.get("scores")
    if scores is None or not scores.obsm or "leiden" not in dataset.obs:
        return None
    (frame,) = scores.obsm.values()
    cluster = dataset.obs["leiden"].iloc[scores.rows].to_numpy()
    means = frame.groupby(cluster).mean()
    names = [name for name in natural(means.index) if name]
    return means.loc[names] if names else None


def _by_axis(part: pd.DataFrame) -> pd.DataFrame:
    """Keep signatures of an axis together, axes in the order of their first signature."""
    order = {axis: i for i, axis in enumerate(dict.fromkeys(part["axis"]))}
    return part.sort_values("axis", key=lambda axis: axis.map(order), kind="stable")


def _hints(summary: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Text behind each square: z, p against random sets, mean score with its interval, cells."""
    hints = {}
    for row in summary.to_dict("records"):
        parts = [f"{row['signature']} in {row['lot_id']}"]
        parts.append(with_interval("z", row, ("z", "z_low", "z_high"), 2) or "not scored")
        if (p := finite(row.get("pvalue"))) is not None:
            parts.append(f"p {p:.2g} against random sets")
        if said := with_interval("mean score", row, ("mean", "low", "high"), 3):
            parts.append(said)
        if row.get("n_cells"):
            parts.append(f"{int(row['n_cells'])} cells")
        hints[row["lot_id"], row["signature"]] = "; ".join(parts)
    return hints


def with_interval(what: str, row: dict, keys: tuple[str, str, str], digits: int) -> str:
    """Write a number with its 95 % interval; nothing where it is missing."""
    value, low, high = (finite(row.get(key)) for key in keys)
    if value is None:
        return ""
    ends = "" if low is None or high is None else f" ({low:+.{digits}f} to {high:+.{digits}f})"
    return f"{what} {value:+.{digits}f}{ends}"


def _numbers(summary: pd.DataFrame) -> Table:
    """Tabulate the scores of the lots with interval, p and cells; variants are left to signature_scores.tsv."""
    bases = summary[summary["z"].notna() & ~summary["signature"].str.contains(VARIANT, regex=False)]
    shown = bases.head(MAX_ROWS).assign(signature=bases["signature"].map(signature_name))
    more = f"{len(shown)} of {len(summary)} rows. All are in signature_scores.tsv." if len(shown) < len(summary) else ""
    return from_frame(shown, id="score-numbers", caption="Scores of the lots", columns=NUMBERS, more=more)


def _stand_ins(summary: pd.DataFrame) -> list[str]:
    """Lots whose scores are not of MSC only, with the cells that represent them."""
    if "cells" not in summary:
        return []
    kinds = summary.drop_duplicates("lot_id").set_index("lot_id")["cells"]
    words = {"not failing": "cells that do not fail", "all": "all cells"}
    return [f"{lot} ({words.get(kind, kind)})" for lot, kind in kinds.items() if kind != "MSC"]


def _heat(wide: pd.DataFrame, hints: dict, part: pd.DataFrame, *, title: str, term: str, id: str, rows: str) -> Table:
    ids = list(part["id"])
    consensus = term == "senescence" and len(ids) > 1
    columns = [(rows, "text", "lot" if rows == "Lot" else "leiden")] + (
        [("Lists raised", "text", "senescence")] if consensus else []
    )
    curated = set(part.loc[(part["evidence"] == "C") & (part["licence"] != USER_DEFAULTS["licence"]), "id"])
    columns += [(signature_name(i) + CURATED * (i in curated), "heat", "evidence" * (i in curated)) for i in ids]
    groups = [("", 2 if consensus else 1)]
    for axis in part["axis"].str.replace("_", " "):
        if groups[-1][0] == axis:
            groups[-1] = (axis, groups[-1][1] + 1)
        else:
            groups.append((axis, 1))
    direction = part["direction"] if "direction" in part else pd.Series("up", index=part.index)
    sign = dict(zip(ids, direction.astype(str).map(lambda d: -1.0 if d == "down" else 1.0), strict=True))
    lines = []
    for lot in wide.index:
        values = {i: finite(wide.at[lot, i]) for i in ids}
        row = [Cell(lot)]
        if consensus:
            bases = [i for i in ids if VARIANT not in i and values[i] is not None]
            raised = sum(_raised(values, sign, i) for i in bases)
            row.append(Cell(f"{raised} of {len(bases)}", raised))
        row += [heat_cell(z, Z_EDGES, hints.get((lot, i), i)) for i, z in values.items()]
        lines.append(row)
    note = ""
    if consensus:
        note = (
            f"A list counts as raised above z = {CALLED:g} (below −{CALLED:g} where its genes fall in senescence), "
            "with and without the genes that it shares with inflammation, stress and the cell cycle (· depleted)."
        )
    if curated:
        note = f"{note} {CURATED.strip()}: members chosen for mscape, not a published list.".strip()
    return Table(id, title, columns, lines, note=note, classes="heat", groups=groups, term=term)


def _raised(values: dict[str, float | None], sign: dict[str, float], id: str) -> bool:
    """Whether a list, and its variant without shared genes where there is one, point to senescence."""
    both = [z * sign[i] for i in (id, f"{id}{VARIANT}DEPLETED") if (z := values.get(i)) is not None]
    return min(both) > CALLED


SECTION = Section(
    id="scores",
    title="Signature scores",
    order=70,
    term="score_z",
    tables=("signature_scores", "signatures", "cluster_scores", "cluster_states", "lot_enrichment"),
    needs=("signature_scores", "signatures"),
    build=scores,
)
