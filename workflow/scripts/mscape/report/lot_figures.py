"""Static figures of lots, by matplotlib: shares with intervals, verdicts, scores. For the report and for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.report.charts import colours
from mscape.report.numbers import finite, signature_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

LIMITS = {"positive": 95.0, "negative": 2.0}  # % of cells, ISCT 2006 (doi:10.1080/14653240600855905)
KINDS = ("overall", "positive", "negative")
VERDICTS = {"meets": "PASS", "fails": "FAIL", "inconclusive": "WARN"}
LARGEST_Z = 10.0  # of the color scale of scores
MAX_SIGNATURES = 40


def draw_intervals(table: pd.DataFrame, lots: Sequence[str]) -> Figure:
    """Draw the share of cells per lot and criterion with its interval and limit.

    Parameters
    ----------
    table
        Criteria of the lots (``gate.tsv``).
    lots
        Rows, from the top.
    """
    from mscape.report.notebook_figure import NotebookFigure

    criteria = list(table.groupby(["kind", "criterion"], sort=False).groups)
    criteria.sort(key=lambda key: KINDS.index(key[0]) if key[0] in KINDS else len(KINDS))
    figure = NotebookFigure(figsize=(1.2 + 1.35 * len(criteria), 1.2 + 0.2 * len(lots)), layout="constrained")
    grid = np.atleast_1d(figure.subplots(1, len(criteria), sharey=True))
    for axes, (kind, criterion) in zip(grid, criteria, strict=True):
        part = (
            table[(table["kind"] == kind) & (table["criterion"] == criterion)]
            .drop_duplicates("lot_id")
            .set_index("lot_id")
            .reindex(lots)
        )
        value, low, high = (pd.to_numeric(part[c]) * 100 for c in ("estimate", "low", "high"))
        y = np.arange(len(lots))
        shades = [colours.VERDICT[VERDICTS.get(verdict, "NOT ASSESSABLE")] for verdict in part["verdict"]]
        axes.hlines(y, low, high, color="#555555", linewidth=0.8)
        axes.scatter(value, y, s=14, c=shades, zorder=3, linewidths=0)
        if kind in LIMITS:
            axes.axvline(LIMITS[kind], color="#222222", linewidth=0.7, linestyle="--")
        top = finite(high.max()) or 0.0
        axes.set_title("all criteria" if kind == "overall" else str(criterion), fontsize=7)
        axes.set_xlim((0, 101) if kind != "negative" else (0, max(5.0, top * 1.05)))
    grid[0].set_yticks(np.arange(len(lots)), [short(lot) for lot in lots], fontsize=6)
    grid[0].invert_yaxis()
    figure.supxlabel("cells (%)", fontsize=7)
    return figure


def draw_verdicts(records: Sequence[dict]) -> Figure:
    """Draw the verdict of each lot and attribute.

    Parameters
    ----------
    records
        Lots of ``passports.json``.
    """
    from mscape.report.notebook_figure import NotebookFigure

    shades = colours.VERDICT | {"DESCRIBED": colours.DESCRIBED}
    titles = {a["name"]: a["title"] for record in records for a in record["attributes"]}
    figure = NotebookFigure(figsize=(2 + 0.32 * (1 + len(titles)), 2 + 0.24 * len(records)), layout="constrained")
    axes = figure.add_subplot()
    for y, record in enumerate(records):
        verdicts = {"verdict": record["verdict"], **{a["name"]: a["verdict"] for a in record["attributes"]}}
        for x, name in enumerate(["verdict", *titles]):
            shade = shades.get(verdicts.get(name, ""))
            if shade:
                axes.scatter(x, y, marker="s", s=70, c=shade, linewidths=0)
    axes.set_xticks(range(1 + len(titles)), ["VERDICT", *titles.values()], rotation=60, ha="right", fontsize=6)
    axes.set_yticks(range(len(records)), [short(record["lot_id"]) for record in records], fontsize=6)
    axes.set(xlim=(-0.6, len(titles) + 0.6), ylim=(len(records) - 0.4, -0.6))
    for verdict, shade in shades.items():
        axes.scatter([], [], marker="s", s=30, c=shade, label=verdict, linewidths=0)
    figure.legend(loc="outside upper right", ncols=len(shades), frameon=False, fontsize=6)
    return figure


def draw_scores(summary: pd.DataFrame, lots: Sequence[str]) -> Figure:
    """Draw the z of each lot and signature: the departure from the average of the dataset's lots.

    Parameters
    ----------
    summary
        ``lot_id signature z`` (``signature_scores.tsv``).
    lots
        Rows, from the top.

    Raises
    ------
    ValueError
        If no signature has a z: with one lot there is no other to depart from.
    """
    from mscape.report.notebook_figure import NotebookFigure

    table = summary.pivot(index="lot_id", columns="signature", values="z").reindex(lots).dropna(axis=1, how="all")
    if table.empty:
        msg = "no signature has a z: a dataset of one lot has no other lots to compare it with."
        raise ValueError(msg)
    order = table.abs().max().sort_values(ascending=False, kind="stable").index[:MAX_SIGNATURES]
    table = table[sorted(order)]
    figure = NotebookFigure(figsize=(2.6 + 0.2 * table.shape[1], 2.4 + 0.24 * len(lots)), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(table, cmap="PuOr_r", vmin=-LARGEST_Z, vmax=LARGEST_Z, aspect="auto")
    axes.set_xticks(range(table.shape[1]), [short(signature_name(name), 40) for name in table], rotation=60, ha="right")
    axes.set_yticks(range(len(lots)), [short(lot) for lot in lots])
    axes.tick_params(labelsize=6)
    figure.colorbar(image, label="z, against the average of these lots", shrink=0.7)
    return figure


def short(text: str, length: int = 28) -> str:
    """Shorten a name, and take the meaning out of signs that matplotlib reads as mathematics."""
    text = str(text)
    text = text if len(text) <= length else text[: length - 1] + "…"
    text = text.replace("$", r"\$")
    return "\u200b" + text if text.startswith("_") else text
