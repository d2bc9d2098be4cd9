"""What else the scores follow: correlations with confounders, and the scores without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mscape.report.numbers import finite, number, signature_name
from mscape.report.section import Section
from mscape.report.sections.scores import HEADLINE, MAX_ROWS, with_interval
from mscape.report.tables import Cell, Table, from_frame, heat_cell

if TYPE_CHECKING:
    import pandas as pd

    from mscape.report.dataset import Dataset
    from mscape.report.options import ReportOptions

RHO_EDGES = (0.1, 0.2, 0.4, 0.6)  # correlation at which the colour deepens
CONFOUNDERS = (
    ("signature", "Signature", "text", ""),
    ("confounder", "Confounder", "text", "confounder"),
    ("rho", "Rank correlation", "number", "confounder_rho"),
    ("rho_low", "Low", "number", "interval"),
    ("rho_high", "High", "number", "interval"),
    ("rho_partial", "given the others", "number", "confounder_partial"),
    ("slope", "Change of z", "number", "confounder_slope"),
    ("r2", "Explained together", "percent", "confounder_r2"),
    ("n_cells", "Cells", "number", "cells"),
    ("n_lots", "Lots", "number", "lot_count"),
)
ADJUSTED = (
    ("signature", "Signature", "text", ""),
    ("lot_id", "Lot", "text", "lot"),
    ("z_cells", "Mean z of cells", "number", "z_cells"),
    ("z_cells_low", "Low", "number", "interval"),
    ("z_cells_high", "High", "number", "interval"),
    ("z_cells_adjusted", "without confounders", "number", "adjusted"),
    ("change", "Change", "number", "adjusted"),
    ("n_cells", "Cells", "number", "cells"),
)


def confounders(dataset: Dataset, options: ReportOptions) -> dict:
    """Signature x confounder correlations as a heat table, all their numbers, and the scores without confounders."""
    table = dataset.tables["confounders"]
    if not len(table):
        return {"missing": "No score could be related to a confounder."}
    more = f"{MAX_ROWS} of {len(table)} rows. All are in confounders.tsv." if len(table) > MAX_ROWS else ""
    caption = "Association of scores with confounders"
    shown = table.head(MAX_ROWS)
    return {
        "table": from_frame(shown, id="confounders", caption=caption, columns=CONFOUNDERS, more=more),
        "heat": _confounder_heat(table),
        "adjusted": _adjusted(dataset.tables.get("signature_scores")),
    }


def _confounder_heat(table: pd.DataFrame) -> Table:
    wide = table.drop_duplicates(["signature", "confounder"]).set_index(["signature", "confounder"])
    names, signatures = (list(dict.fromkeys(table[key])) for key in ("confounder", "signature"))
    shared = table.dropna(subset=["r2"]).drop_duplicates("signature").set_index("signature")["r2"].to_dict()
    columns = [("Signature", "text", ""), ("Explained together", "percent", "confounder_r2")]
    columns += [(name, "heat", "confounder_rho") for name in names]
    rows = []
    for signature in signatures:
        r2 = finite(shared.get(signature))
        row = [Cell(signature_name(signature)), Cell("n/a" if r2 is None else f"{r2 * 100:.0f} %", r2)]
        for name in names:
            found = wide.loc[(signature, name)].to_dict() if (signature, name) in wide.index else {}
            said = with_interval("rho", found, ("rho", "rho_low", "rho_high"), 2) or "not measured"
            n = next((f", {int(n)} {key[2:]}" for key in ("n_cells", "n_lots") if (n := finite(found.get(key)))), "")
            row.append(heat_cell(finite(found.get("rho")), RHO_EDGES, f"{signature} with {name}: {said}{n}", digits=2))
        rows.append(row)
    edges = ", ".join(map(str, RHO_EDGES))
    note = f"Rank correlation within lots; colours deepen at ±{edges}. n/a: the confounder is the signature itself."
    note += f" Measured in {number(table['n_cells'].max())} cells."
    caption = "Correlation of scores with confounders, within lots"
    return Table("confounder-heat", caption, columns, rows, note=note, classes="heat", term="confounder_rho")


def _adjusted(summary: pd.DataFrame | None) -> Table | None:
    """Tabulate the lots' mean z of the headline signatures, with and without the confounders."""
    if summary is None or "z_cells_adjusted" not in summary:
        return None
    own = summary[summary["signature"].isin(HEADLINE) & summary["z_cells"].notna()]
    order = {name: i for i, name in enumerate(HEADLINE)}
    own = own.sort_values("signature", key=lambda names: names.map(order), kind="stable")
    own = own.assign(change=own["z_cells_adjusted"] - own["z_cells"], signature=own["signature"].map(signature_name))
    note = "Depth, mitochondrial share, cycle, dissociation stress and hypoxia, set to the average of the lots."
    caption = "Scores of the lots with and without the confounders"
    return from_frame(own, id="adjusted", caption=caption, columns=ADJUSTED, note=note)


SECTION = Section(
    id="confounders",
    title="Confounders",
    order=90,
    term="confounder",
    tables=("confounders", "signature_scores"),
    needs=("confounders",),
    build=confounders,
)
