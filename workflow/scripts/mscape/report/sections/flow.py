"""Flow cytometry: the share of each marker by RNA beside that of the sample sheet, and what it makes of thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from mscape.gating.flow_calibration import name_donors, summarize_agreement
from mscape.report.charts.agreement import differences
from mscape.report.numbers import finite, number, percent
from mscape.report.section import Section
from mscape.report.tables import from_frame

if TYPE_CHECKING:
    from mscape.report.dataset import Dataset
    from mscape.report.options import ReportOptions

COLUMNS = (
    ("lot_id", "Lot", "text", "lot"),
    ("criterion", "Marker", "text", ""),
    ("flow", "Flow cytometry", "percent", "flow"),
    ("estimate", "RNA", "percent", "gate"),
    ("low", "Low", "percent", "interval"),
    ("high", "High", "percent", "interval"),
    ("threshold_cpm", "Threshold, CPM", "text", ""),
    ("basis", "It rests on", "text", "flow"),
    ("used", "Set from this lot", "text", "flow"),
)


def flow(dataset: Dataset, options: ReportOptions) -> dict | None:
    """Draw the agreement of each marker over donors; nothing where the sheet gives no flow cytometry."""
    table = dataset.tables["flow_agreement"]
    if table.empty:
        return None
    fits = dataset.stage("gate", "gate_msc").get("flow_calibration", pd.DataFrame())
    fits = {fit["criterion"]: fit for fit in fits.to_dict("records")}
    figures = []
    for row in summarize_agreement(table).to_dict("records"):
        own = table[table["criterion"] == row["criterion"]]
        figures.append(
            {
                "id": f"flow-{row['criterion']}",
                "title": f"{row['criterion']}: RNA minus flow cytometry",
                "svg": _draw(own, row),
                "note": _say_agreement(row) + " " + _say_threshold(own.iloc[0], fits.get(row["criterion"])),
            }
        )
    shown = table.assign(used=table["used"].map({True: "yes", False: "no"}))
    return {
        "figures": figures,
        "table": from_frame(shown, id="flow-agreement", caption="RNA beside flow cytometry", columns=COLUMNS),
    }


def _draw(own: pd.DataFrame, row: dict):
    donors = own.groupby(name_donors(own["lot_id"], own["donor_id"]))[["estimate", "flow", "difference"]].mean() * 100
    points = [
        ((one.estimate + one.flow) / 2, one.difference, f"{one.Index}: RNA {one.estimate:.1f} %, flow {one.flow:.1f} %")
        for one in donors.itertuples()
    ]
    named = {"bias": "bias", "high": "upper limit", "low": "lower limit"}
    lines = [(row[key] * 100, text) for key, text in named.items() if finite(row[key]) is not None]
    return differences(
        points,
        lines=lines,
        title=f"Agreement of RNA and flow cytometry in {row['criterion']}, one point a donor",
        x_axis="mean of RNA and flow cytometry, %",
        y_axis="RNA minus flow, points",
    )


def _say_agreement(row: dict) -> str:
    said = f"{number(row['n_lots'])} lots of {number(row['n_donors'])} donors: bias {row['bias'] * 100:+.1f} points"
    if finite(row["low"]) is None:
        return f"{said}; limits of agreement take three donors."
    return f"{said}, limits of agreement {row['low'] * 100:+.1f} to {row['high'] * 100:+.1f}."


def _say_threshold(own: pd.Series, fit: dict | None) -> str:
    if own["reason"] or fit is None:
        return f"The flow cytometry does not set the threshold: {own['reason']}."
    left_out = f"lots that were left out of the fit differ by {percent(fit['error'])} of cells on average"
    interval = f"{fit['low']:.3g} to {fit['high']:.3g}, bootstrap over donors"
    if not own["basis"].startswith("flow cytometry"):
        return f"It would set the threshold to {fit['cpm']:.3g} CPM ({interval}); used are {own['basis']}."
    return f"It set the threshold to {fit['cpm']:.3g} CPM ({interval}): the lots are not independent of it; {left_out}."


SECTION = Section(
    id="flow",
    title="Flow cytometry",
    order=35,
    term="flow",
    tables=("flow_agreement",),
    needs=("flow_agreement",),
    build=flow,
)
