"""Judge whether two kinds of lots of the same donors are equivalent, within the margins of the config."""

from pathlib import Path

import pandas as pd

from mscape.comparison.equivalence import DIFFERENT, EQUIVALENT, UNDECIDED, equivalence, power_table
from mscape.data.json_file import read_json
from mscape.data.table_io import read_table, write_table
from mscape.errors import UserError
from mscape.report.charts.svg import Interval, forest
from mscape.report.numbers import finite
from mscape.report.statement import Number, Part, render_statement
from mscape.report.tables import from_frame
from mscape.run import step

MARKS = {EQUIVALENT: "PASS", DIFFERENT: "FAIL", UNDECIDED: "WARN"}
COLUMNS = (
    ("attribute", "What", "text", ""),
    ("verdict", "Verdict", "text", ""),
    ("n_donors", "Donors", "number", ""),
    ("difference", "Difference", "number", ""),
    ("low", "Low", "number", ""),
    ("high", "High", "number", ""),
    ("margin", "Margin", "number", ""),
    ("pvalue", "p", "number", ""),
    ("donors_needed", "Donors that would do", "number", ""),
    ("reason", "Why", "text", ""),
)


def gather_lots(document: dict, record: dict, scores: pd.DataFrame) -> pd.DataFrame:
    """Make one row a lot: columns of its sample sheet, attributes of its passport, mean of each signature."""
    sheet = pd.DataFrame(record["samples"])
    sheet["lot_id"] = sheet["lot_id"].where(sheet["lot_id"] != "", sheet["sample_id"])
    of_lot = sheet.groupby("lot_id").first()
    values = {lot["lot_id"]: {one["name"]: one["value"] for one in lot["attributes"]} for lot in document["lots"]}
    attributes = pd.DataFrame.from_dict(values, orient="index").astype(float)
    means = scores.pivot_table(index="lot_id", columns="signature", values="mean")
    return of_lot.join(attributes, how="inner").join(means)


def write_page(table: pd.DataFrame, params: object) -> str:
    """Write the page: verdicts first, intervals against the margins, and what how many donors can show."""
    parts = []
    for (factor, reference, other), rows in table.groupby(["factor", "reference", "other"], sort=False):
        bars = [
            Interval(row.attribute, *(finite(value / row.margin) for value in (row.difference, row.low, row.high)),
                     MARKS.get(row.verdict, ""))
            for row in rows.itertuples()
        ]  # fmt: skip
        chart = forest(
            bars, title=f"{other} minus {reference}", axis="difference in margins; equivalent within -1 to 1"
        )
        note = "Bars: 90% interval of the donors' mean difference, divided by the margin."
        verdicts = from_frame(rows, id=f"{factor}-{other}", caption=f"{other} against {reference}", columns=COLUMNS)
        figures = [(f"{other} minus {reference}", chart, note)]
        parts.append(Part(f"{factor}: {other} against {reference}", figures=figures, tables=[verdicts]))
    power = power_table().reset_index()
    columns = [("donors", "Donors", "number", "")]
    columns += [(name, f"margin {name} SD", "percent", "") for name in power.columns[1:]]
    before = Part(
        "Before a study",
        ["Probability of EQUIVALENT for kinds that do not differ, by donors and margin in standard deviations of the "
         "donors' differences."],
        tables=[from_frame(power, id="power", caption="Power", columns=columns)],
    )  # fmt: skip
    counts = {name: int((table["verdict"] == name).sum()) for name in MARKS}
    statement = f"Of {len(table)} numbers, " + ", ".join(f"{n} {name}" for name, n in counts.items() if n) + "."
    return render_statement(
        kind="equivalence",
        title=params.title,
        statement=statement if any(counts.values()) else "No donor has both kinds of lots: nothing can be judged.",
        numbers=[Number(str(n), name) for name, n in counts.items()],
        parts=[*parts, before],
        simulated=[params.dataset] if params.simulated else [],
    )


def main(input, output, params):
    """Judge each comparison of ``compare.equivalence``, write table and page."""
    if not params.asked:
        msg = "compare.equivalence is empty. Name factor, reference, other and margins there: docs/comparison.md."
        raise UserError(msg)
    lots = gather_lots(read_json(input.passports), read_json(input.run), read_table(input.scores))
    table = pd.concat([equivalence(lots, **one) for one in params.asked], ignore_index=True)
    write_table("equivalence", table, output.table)
    Path(output.page).write_text(write_page(table, params), encoding="utf-8")


if "snakemake" in globals():
    step.run(main, snakemake)
