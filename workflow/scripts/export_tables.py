"""Write every table of a dataset as CSV and Parquet, and one of all cells: what other programs read without help."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from mscape.data import counts
from mscape.data.json_file import read_json
from mscape.data.table_io import read_table
from mscape.run import step

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with what a spreadsheet begins one
SHOWN = ("verdict", "value", "low", "high", "unit", "n", "threshold", "reason", "next_action", "weight")


def tabulate_passports(document: dict) -> pd.DataFrame:
    """One row a lot and attribute, from passports.json."""
    rows = [
        {"lot_id": lot["lot_id"], "lot_verdict": lot.get("verdict"), "attribute": attribute["name"]}
        | {key: attribute.get(key) for key in SHOWN}
        for lot in document["lots"]
        for attribute in lot["attributes"]
    ]
    return pd.DataFrame(rows, columns=["lot_id", "lot_verdict", "attribute", *SHOWN])


def tabulate_lots(document: dict) -> dict:
    """Write the lots as MultiQC's custom content: a table of verdicts and of the values that bear on them."""
    rows, heads = {}, {"verdict": {"title": "Verdict"}}
    for lot in document["lots"]:
        row = {"verdict": lot["verdict"]}
        for attribute in lot["attributes"]:
            if attribute.get("weight") != "describes" and attribute.get("value") is not None:
                row[attribute["name"]], unit = attribute["value"], attribute.get("unit", "")
                heads.setdefault(
                    attribute["name"],
                    {
                        "title": attribute.get("title", attribute["name"]),
                        "description": attribute.get("definition", ""),
                        "format": "{:,.4g}",
                        "suffix": f" {unit}" if len(unit) <= 6 else "",
                    },
                )
        rows[lot["lot_id"]] = row
    return {
        "id": "mscape_lots",
        "section_name": "mscape: lots",
        "description": "Transcript-level concordance with the ISCT phenotype; for research.",
        "plot_type": "table",
        "pconfig": {"id": "mscape_lots_table", "title": "mscape: verdict of each lot", "col1_header": "Lot"},
        "headers": heads,
        "data": rows,
    }


def tabulate_cells(path: str | Path) -> pd.DataFrame:
    """One row a cell: its name, all of ``obs``, calibrated scores as ``z_<signature>``, the maps.

    Parameters
    ----------
    path
        The assembled dataset.
    """
    whole = counts.read_light(path)
    parts = [whole.obs]
    if "score_z" in whole.obsm:
        parts.append(whole.obsm["score_z"].add_prefix("z_"))
    for key in ("X_umap", "X_umap_msc"):
        if key in whole.obsm:
            places = np.asarray(whole.obsm[key], dtype=np.float32)
            parts.append(pd.DataFrame(places, index=whole.obs_names, columns=[f"{key[2:]}_1", f"{key[2:]}_2"]))
    return pd.concat(parts, axis=1).rename_axis("cell").reset_index()


def guard(table: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before text that a spreadsheet would run as a formula."""

    def safe(text: object) -> object:
        return f"'{text}" if isinstance(text, str) and text.startswith(FORMULA) else text

    words = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    return table.assign(**{name: table[name].astype(object).map(safe) for name in words}).rename(columns=safe)


def main(input, output, params):
    """Read each table with its names as text, and write it twice."""
    folder = Path(output.folder)
    folder.mkdir(parents=True, exist_ok=True)
    tables = {Path(path).stem: read_table(path) for path in input.tables}
    tables["passports"] = tabulate_passports(read_json(input.passports))
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
        guard(table).to_csv(folder / f"{name}.csv", index=False)
    for_multiqc = tabulate_lots(read_json(input.passports))
    (folder / "mscape_mqc.json").write_text(json.dumps(for_multiqc, indent=1, ensure_ascii=False), encoding="utf-8")
    tabulate_cells(input.h5ad).to_parquet(folder / "cells.parquet", index=False)


if "snakemake" in globals():
    step.run(main, snakemake)
