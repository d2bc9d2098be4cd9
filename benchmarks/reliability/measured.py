"""Write what was tried, how often, and what did not hold, to docs/reliability.md."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reliability.md"


def write(found: list[tuple[str, int, list[str]]], command: str, *, block: str) -> None:
    """Put a table between the two marks of the page that bear the name of a block.

    Parameters
    ----------
    found
        What was tried, how often, and what did not hold.
    command
        That measured it.
    block
        ``reliability`` or ``kills``.
    """
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = [f"{datetime.now(UTC):%d %B %Y}, commit {commit.stdout.strip()}, by `{command}`.", ""]
    lines += ["| tried | number | did not hold |", "|---|---|---|"]
    lines += [
        f"| {what} | {tried:,} | {len(failed)}{': ' + ', '.join(failed) if failed else ''} |"
        for what, tried, failed in found
    ]
    start, end = f"<!-- {block}: start -->", f"<!-- {block}: end -->"
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.partition(start)[0], text.partition(end)[2]
    PAGE.write_text(before + start + "\n" + "\n".join(lines) + "\n" + end + after, encoding="utf-8")
