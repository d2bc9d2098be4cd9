"""Draw control charts of the lots of the study, and of earlier runs, in order of time."""

from pathlib import Path

from mscape.data.table_io import write_table
from mscape.report.charts.control import control_chart
from mscape.report.statement import Number, Part, render_statement
from mscape.report.tables import from_frame
from mscape.run import step
from mscape.tracking.options import TrackOptions
from mscape.tracking.track import BEYOND, DRIFT, FINDINGS, NOT_ASSESSABLE, WARNING, Tracked, track

COLUMNS = (
    ("lot_id", "Lot", "text", ""),
    ("date", "Date", "text", ""),
    ("attribute", "What", "text", ""),
    ("stratum", "Among", "text", ""),
    ("finding", "Finding", "text", ""),
    ("reason", "Why", "text", ""),
)
SIGHT_COLUMNS = (
    ("attribute", "What", "text", ""),
    ("n_lots", "Lots", "number", ""),
    ("n_history", "Lots of history", "number", ""),
    ("sentence", "What could have been seen", "text", ""),
)


def describe(found: Tracked, n_charts: int, options: TrackOptions) -> str:
    """Say in one sentence what the charts show, and what they would show if nothing changed."""
    n = found.lots["lot_id"].nunique()
    judged = found.lots[found.lots["finding"] != NOT_ASSESSABLE]
    counts = {name: int((found.lots["finding"] == name).sum()) for name in (BEYOND, DRIFT, WARNING)}
    if judged.empty:
        return f"{n} lots: no chart has the {options.min_history} lots of history that a limit takes."
    said = ", ".join(f"{k} times {name}" for name, k in counts.items() if k) or "all within limits"
    expected = len(judged) * options.false_alarms
    return (
        f"{n} lots in {n_charts} charts: {said}. Of {len(judged)} judged numbers, {expected:.1f} would be beyond their "
        "limits by chance."
    )


def draw_parts(found: Tracked) -> list[Part]:
    """Make a section of each stratum: its charts, and what they could have shown."""
    parts = []
    for stratum, lots in found.lots.groupby("stratum", sort=True):
        figures = []
        for name, rows in lots.groupby("attribute", sort=True):
            if rows["value"].isna().all():
                continue
            limits = list(zip(rows["low"], rows["center"], rows["high"], strict=True))
            title = f"{name} ({stratum})"
            svg = control_chart(
                list(rows["lot_id"]),
                [float(value) for value in rows["value"]],
                limits=limits,
                findings=list(rows["finding"]),
                axis=str(rows["unit"].iloc[0])[:28],
                title=title,
            )
            figures.append((title, svg, "Dashed: limits that the lots before each lot set. In order of time."))
        sight = found.sight[found.sight["stratum"] == stratum]
        table = from_frame(
            sight, id=f"sight-{stratum}", caption="What each chart could have shown", columns=SIGHT_COLUMNS
        )
        parts.append(Part(f"Lots of {stratum}", figures=figures, tables=[table]))
    return parts


def write_page(found: Tracked, params: object, options: TrackOptions) -> str:
    """Write the page: findings first, then each chart."""
    lots = found.lots
    shown = lots[lots["finding"].isin([BEYOND, DRIFT, WARNING])]
    order = shown.assign(rank=shown["finding"].map(FINDINGS.index)).sort_values(["rank", "date"], kind="stable")
    table = from_frame(order, id="findings", caption="Lots to look into", columns=COLUMNS)
    rules = [
        f"Beyond limits: outside the prediction interval of the next lot, Student's t with sqrt(1 + 1/n), probability "
        f"{options.false_alarms:g} a lot and chart while nothing changes and lots are normal. The lot does not enter "
        "the history of later ones.",
        f"Drift: the self-starting EWMA leaves limits that alarm first {options.false_alarms:g} times a lot; drift "
        f"warning: {options.drift_warnings:g} times.",
        "Fractions are judged as logits, counts as logarithms. A finding is a reason to look into a lot, no verdict.",
    ]
    numbers = [Number(str(int((lots["finding"] == name).sum())), name) for name in FINDINGS]
    return render_statement(
        kind="lots over time",
        title=params.title,
        statement=describe(found, len(found.sight), options),
        numbers=numbers,
        parts=[Part("Findings", rules, tables=[table] if len(shown) else []), *draw_parts(found)],
        simulated=params.simulated,
    )


def main(input, output, params):
    """Gather, judge, write tables and page."""
    options = TrackOptions(**params.settings)
    found = track([*options.history, *(Path(file).parent for file in input.passports)], options=options)
    write_table("track", found.lots, output.table)
    write_table("track_sight", found.sight, output.sight)
    Path(output.page).write_text(write_page(found, params, options), encoding="utf-8")


if "snakemake" in globals():
    step.run(main, snakemake)
