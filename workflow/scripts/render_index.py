"""Write the page over all datasets: one row each, with its verdicts and a link to its report."""

import os
from pathlib import Path

from mscape.data.json_file import read_json
from mscape.report import page
from mscape.report.sections import summary
from mscape.report.sections.alerts import ORDER
from mscape.report.tables import Cell, Table
from mscape.run import step

VERDICTS = ("PASS", "WARN", "FAIL", "NOT ASSESSABLE")


def tabulate_datasets(passports: list[dict], links: list[str]) -> Table:
    """Make one row per dataset.

    Parameters
    ----------
    passports
        ``passports.json`` of each dataset.
    links
        Path of each dataset's report, relative to the page.
    """
    rows = []
    for document, link in zip(passports, links, strict=True):
        counts = summary.verdict_counts(document)
        note = f"run {document.get('run_id', 'not recorded')}" + (" · simulated" if document.get("simulated") else "")
        row = [Cell(document["dataset"], link=link, note=note), Cell(str(len(document["lots"])), len(document["lots"]))]
        row += [Cell(str(counts[verdict]), counts[verdict]) for verdict in VERDICTS]
        cells = [lot.get("n_cells") for lot in document["lots"]]
        total = sum(cells) if all(isinstance(n, int) for n in cells) else None
        row.append(Cell("n/a" if total is None else f"{total:,}".replace(",", "\u202f"), total))
        tissues = sorted(
            {str(lot["tissue"]) for lot in document["lots"] if lot.get("tissue") not in (None, "", "unknown")}
        )
        row.append(Cell(", ".join(tissues)))
        rows.append(row)
    columns = [("Dataset", "text", ""), ("Lots", "number", "lot")]
    columns += [(verdict, "number", "verdict") for verdict in VERDICTS]
    columns += [("Cells", "number", "cells"), ("Tissues", "text", "")]
    return Table("datasets", "Datasets of this study", columns, rows, classes="datasets")


def tabulate_lots(passports: list[dict], links: list[str]) -> Table:
    """Make one row per lot of all datasets, the ones that need attention first."""
    rows = []
    for document, link in zip(passports, links, strict=True):
        for lot in document["lots"]:
            verdict = lot.get("verdict", "NOT ASSESSABLE")
            rows.append(
                [
                    Cell(lot["lot_id"], link=f"{link}#{page.lot_anchor(lot['lot_id'])}"),
                    Cell(verdict, ORDER.index(verdict), verdict=verdict),
                    Cell(document["dataset"]),
                    *(Cell(str(lot.get(key) or "")) for key in ("donor_id", "tissue", "passage", "condition")),
                    Cell(lot.get("verdict_reason") or ""),
                ]
            )
    rows.sort(key=lambda row: row[1].sort)
    names = ["Dataset", "Donor", "Tissue", "Passage", "Condition", "Reason"]
    columns = [("Lot", "text", "lot"), ("Verdict", "verdict", "verdict"), *((name, "text", "") for name in names)]
    return Table("all-lots", "All lots", columns, rows)


def main(input, output, params):
    """Read the passports and write the index, with links relative to it."""
    passports = [read_json(path) for path in input.passports]
    here = Path(output.html).parent
    links = [Path(os.path.relpath(path, here)).as_posix() for path in input.reports]
    context = {
        "title": params.title,
        "datasets": tabulate_datasets(passports, links),
        "lots": tabulate_lots(passports, links),
        "counts": {v: sum(summary.verdict_counts(p)[v] for p in passports) for v in VERDICTS},
        "total": sum(len(p["lots"]) for p in passports),
        "simulated": [p["dataset"] for p in passports if p.get("simulated")],
        "number": len(passports),
        "terms": page.glossary(),
        "version": page.version(),
    }
    scripts = ("00_base.js", "10_tables.js", "20_save.js", "30_cells.js")
    Path(output.html).write_text(page.render("index.html.j2", scripts=scripts, **context), encoding="utf-8")


if "snakemake" in globals():
    step.run(main, snakemake)
