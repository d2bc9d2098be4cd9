"""Read the JSON files that steps write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mscape.data.checksum import verify
from mscape.errors import UserError


def read_json(path: str | Path) -> Any:
    """Read a file that a step has written.

    Raises
    ------
    mscape.errors.UserError
        If it is no JSON, or not as it was written.
    """
    verify(path)
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:  # also of text that is not UTF-8
        msg = f"{path} is damaged ({error}). Delete the file and run again."
        raise UserError(msg) from error
