"""Figures of what the verbs found, the same that the report draws: each function returns a matplotlib figure.

A notebook shows the figure as it is; no backend is chosen (:class:`mscape.report.notebook_figure.NotebookFigure`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mscape.errors import UserError
from mscape.report import lot_figures

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.figure import Figure


def gate(adata: AnnData) -> Figure:
    """Draw the share of cells per lot and criterion with its interval and limit; needs :func:`mscape.gate`."""
    table = _found(adata, "gate")["table"]
    return lot_figures.draw_intervals(table, list(dict.fromkeys(table["lot_id"])))


def passport(adata: AnnData) -> Figure:
    """Draw the verdict of each lot and attribute; needs :func:`mscape.passport`."""
    return lot_figures.draw_verdicts(json.loads(_found(adata, "passport")))


def scores(adata: AnnData) -> Figure:
    """Draw the z of each lot and signature against the average of the lots; needs :func:`mscape.score`.

    Raises
    ------
    ValueError
        If there is one lot only.
    """
    summary = _found(adata, "score")["summary"]
    return lot_figures.draw_scores(summary, list(dict.fromkeys(summary["lot_id"])))


def _found(adata: AnnData, verb: str) -> Any:
    found = adata.uns.get("mscape", {}).get(verb)
    if found is None:
        msg = f"there is nothing to draw yet: run mscape.{verb}(adata) first."
        raise UserError(msg)
    return found
