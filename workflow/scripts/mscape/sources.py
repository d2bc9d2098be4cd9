"""Which code a step consists of, as a digest."""

from __future__ import annotations

import hashlib
from modulefinder import ModuleFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def digest_sources(script: Path) -> str:
    """Digest a script and the local modules that it imports, directly or through each other.

    Snakemake looks at a script's time stamp and never at what it imports; as a param this digest reruns just the steps
    whose code has changed, however the files were copied.

    Parameters
    ----------
    script
        A step; modules are looked for in its folder only, so that installed packages do not count.

    Returns
    -------
    Sixteen hexadecimal digits.
    """
    finder = ModuleFinder(path=[str(script.parent)])
    finder.run_script(str(script))
    files = {module.__file__ for module in finder.modules.values() if module.__file__}
    digest = hashlib.sha256()
    for file in sorted(map(type(script), files)):
        digest.update(file.relative_to(script.parent).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
