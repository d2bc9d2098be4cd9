"""Where the package's data files are: in the repository, or inside the installed wheel.

The only place that counts parent folders. A step that calls :func:`resource` or :func:`schema` with a literal name is
run again when that file changes (:mod:`mscape.run.source_digest`).
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
INSTALLED = PACKAGE / "_files"  # made when the wheel is built; a checkout has none
HOME = INSTALLED if INSTALLED.is_dir() else PACKAGE.parents[2]
TEMPLATES = HOME / "workflow" / "report"


def resource(name: str) -> Path:
    """Path of a file in ``resources/``."""
    return HOME / "resources" / name


def schema(name: str) -> Path:
    """Path of a file in ``workflow/schemas/``."""
    return HOME / "workflow" / "schemas" / name
