"""How large the report is and how fast it opens, for several studies; writes the table of docs/benchmarks/report.md.

The studies are noise in the form of stage files (tests/support/report_fixture.py), which compresses worst. A page
is opened five times in headless Chromium with an empty cache; it is interactive when the map is drawn and the
controls answer.
Run from the repository, on a machine that does nothing else:

    uv run python benchmarks/report/run.py --write
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from types import SimpleNamespace

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests" / "support")]

import report_fixture  # noqa: E402
import report_fixture_cells as fixture  # noqa: E402

import render_report  # noqa: E402

DOCUMENT = ROOT / "docs" / "benchmarks" / "report.md"
BEGIN, END = "<!-- benchmarks/report/run.py -->", "<!-- end of the table -->"
CHROMIUM = os.environ.get("MSCAPE_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
STUDIES = (  # cells, lots, clusters
    (1_000, 1, 1),
    (6_000, 6, 3),
    (20_000, 30, 12),
    (20_000, 100, 40),
    (100_000, 20, 12),
    (250_000, 20, 12),
)
REPEATS = 5


def fill_up(signatures: int, genes: int) -> None:
    """Give the fixture as many signatures and genes as the page carries at most."""
    for i in range(signatures - len(fixture.SIGNATURES)):
        fixture.SIGNATURES[f"SET_{i}"] = "further"
    fixture.GENES.extend(f"MORE{i}" for i in range(genes - len(fixture.GENES)))


def render(folder: Path, cells: int, lots: int, clusters: int) -> Path:
    """Write the report of a study of noise."""
    given = report_fixture.make(folder, cells=cells, lots=lots, clusters=clusters)
    page = folder / "report.html"
    settings = {"figures": False, "genes": list(fixture.GENES)}
    output = SimpleNamespace(html=str(page), figures=str(folder / "figures"))
    render_report.main(given, output, SimpleNamespace(settings=settings, dataset="noise", title="Benchmark"))
    return page


def open_page(driver, page: Path) -> tuple[float, float]:
    """Seconds until the page is interactive, and seconds that its main thread works."""
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    session = tab.context.new_cdp_session(tab)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    start = time.perf_counter()
    tab.goto(page.as_uri(), wait_until="commit")
    tab.wait_for_selector("html[data-ready]")
    wall = time.perf_counter() - start
    work = {row["name"]: row["value"] for row in session.send("Performance.getMetrics")["metrics"]}["TaskDuration"]
    browser.close()
    return wall, work


def main() -> None:
    """Render, open, print; write the table where asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks/report.md")
    parser.add_argument("--cells", type=int, default=250_000, help="largest study")
    given = parser.parse_args()
    fill_up(60, 60)
    rows = [
        "| Cells | Lots | Sub-populations | File, MB | Interactive, s | Main thread, s |",
        "| " + " | ".join(["---:"] * 6) + " |",
    ]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        for cells, lots, clusters in STUDIES:
            if cells > given.cells:
                continue
            page = render(Path(folder) / f"{cells}-{lots}", cells, lots, clusters)
            wall, work = (
                median(values) for values in zip(*(open_page(driver, page) for _ in range(REPEATS)), strict=True)
            )
            size = page.stat().st_size / 1e6
            rows.append(f"| {cells:,} | {lots} | {clusters} | {size:.1f} | {wall:.2f} | {work:.2f} |")
            print(rows[-1], flush=True)
    table = "\n".join(rows)
    if given.write:
        text = DOCUMENT.read_text(encoding="utf-8")
        text = re.sub(f"{BEGIN}.*?{END}", f"{BEGIN}\n{table}\n{END}", text, flags=re.DOTALL)
        DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
