"""Pool the contrasts of the study's datasets by a random-effects meta-analysis."""

from pathlib import Path

import pandas as pd

from mscape.comparison.meta import MIN_STUDIES, meta
from mscape.data.table_io import read_table, write_table
from mscape.report.charts.svg import Interval, forest
from mscape.report.numbers import finite, percent, signature_name
from mscape.report.statement import Number, Part, render_statement
from mscape.report.tables import from_frame
from mscape.run import step

MOST_FIGURES = 12  # forest plots of a contrast: the scores with the smallest p-values; the table has all
COLUMNS = (
    ("feature", "Score", "text", ""),
    ("n_studies", "Datasets", "number", ""),
    ("estimate", "Pooled", "number", ""),
    ("low", "Low", "number", ""),
    ("high", "High", "number", ""),
    ("predicted_low", "A further dataset: low", "number", ""),
    ("predicted_high", "high", "number", ""),
    ("tau2", "Variance between", "number", ""),
    ("i2", "I2", "percent", ""),
    ("pvalue", "p", "number", ""),
    ("pvalue_adj", "FDR", "number", ""),
    ("note", "Note", "text", ""),
)


def draw_forest(rows: pd.DataFrame) -> object:
    """Draw the datasets of one score, the pooled effect, and where a further dataset is expected."""
    pooled = rows[rows["role"] == "pooled"].iloc[0]
    bars = [
        Interval(row.study, finite(row.estimate), finite(row.low), finite(row.high))
        for row in rows[rows["role"] == "study"].itertuples()
    ]
    bars.append(Interval("pooled", finite(pooled["estimate"]), finite(pooled["low"]), finite(pooled["high"]), "PASS"))
    ends = finite(pooled["predicted_low"]), finite(pooled["predicted_high"])
    bars.append(Interval("a further one", finite(pooled["estimate"]), *ends))
    return forest(bars, title=f"Datasets: {pooled['feature']}", axis=str(pooled["unit"]))


def write_page(table: pd.DataFrame, params: object) -> str:
    """Write the page: of each contrast the pooled scores, the strongest as forest plots."""
    pooled = table[table["role"] == "pooled"]
    known = pooled[pooled["estimate"].notna()]
    parts = []
    for contrast, rows in table[table["kind"] == "score"].groupby("contrast", sort=True):
        whole = rows[rows["role"] == "pooled"]
        order = whole[whole["estimate"].notna()].sort_values("pvalue", kind="stable").head(MOST_FIGURES)
        figures = []
        for one in order.itertuples():
            without = rows[(rows["feature"] == one.feature) & (rows["role"] == "without")]
            ends = (
                f" Without one dataset: {without['estimate'].min():.3g} to {without['estimate'].max():.3g}."
                if len(without)
                else ""
            )
            note = f"I2 {percent(one.i2)}: share of the variance of the estimates that lies between datasets.{ends}"
            figures.append((signature_name(one.feature), draw_forest(rows[rows["feature"] == one.feature]), note))
        tables = [from_frame(whole, id=f"pooled-{contrast}", caption="Scores over datasets", columns=COLUMNS)]
        parts.append(Part(str(contrast), figures=figures, tables=tables))
    method = Part(
        "How it was computed",
        [
            "Each dataset is one study: its estimate and standard error over donors. Cells of datasets are never put "
            "together for a test.",
            "Variance between studies: Paule and Mandel; interval: Knapp and Hartung, Student's t with k - 1 degrees "
            "of freedom, never narrower than sampling alone makes it; prediction interval: where the effect in a "
            f"further dataset is expected. Nothing is pooled under {MIN_STUDIES} datasets.",
        ],
    )
    shown = known[known["kind"] == "score"]
    n = len(shown)
    certain = int((shown["pvalue_adj"] < 0.05).sum())
    statement = (
        f"{params.datasets} datasets: {certain} of {n} pooled scores differ from 0 at a false discovery rate of 5%."
        if n
        else f"{params.datasets} datasets: no contrast has {MIN_STUDIES} datasets with an interval; nothing is pooled."
    )
    numbers = [Number(str(n), "scores pooled"), Number(str(int((known["kind"] == "gene").sum())), "genes pooled")]
    return render_statement(
        kind="datasets together",
        title=params.title,
        statement=statement,
        numbers=numbers,
        parts=[*parts, method],
        simulated=params.simulated,
    )


def main(input, output, params):
    """Read the contrasts of each dataset, pool them, write table and page."""
    contrasts = {Path(path).parent.name: read_table(path) for path in input.contrasts}
    table = meta(contrasts, confidence=params.confidence)
    write_table("meta", table, output.table)
    params.datasets = len(contrasts)
    Path(output.page).write_text(write_page(table, params), encoding="utf-8")


if "snakemake" in globals():
    step.run(main, snakemake)
