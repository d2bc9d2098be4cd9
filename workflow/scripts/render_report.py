"""Write the report of a dataset: one HTML file that opens anywhere, and static figures for papers."""

import logging
from pathlib import Path

from mscape.report import page, paper_figures
from mscape.report.context import describe
from mscape.report.dataset import read_dataset
from mscape.report.options import ReportOptions
from mscape.run import step

logger = logging.getLogger("mscape")


def main(input, output, params):
    """Read the stage files, write the page, and the static figures where asked for."""
    options = ReportOptions(**params.settings)
    dataset = read_dataset(input, name=params.dataset)
    context = describe(dataset, options, title=params.title)
    text = page.render("report.html.j2", **context)
    Path(output.html).write_text(text, encoding="utf-8")
    logger.info("%s: %.1f MB, %d cells on the map", output.html, len(text.encode()) / 1e6, context["header"]["cells"])
    Path(output.figures).mkdir(parents=True, exist_ok=True)
    if options.figures:
        paper_figures.write_figures(dataset, Path(output.figures), seed=int(dataset.config.get("seed", 0)))


if "snakemake" in globals():
    step.run(main, snakemake)
