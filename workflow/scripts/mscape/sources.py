"""Which code a step consists of, as a digest."""

from __future__ import annotations

import ast
import functools
import hashlib
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
    folder, found, new = script.parent, set(), {script}
    while new:
        found |= new
        new = {file for one in new for file in _imported(one, folder)} - found
    digest = hashlib.sha256()
    for file in sorted(found):
        digest.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@functools.cache  # steps share most modules; within one run of Snakemake no file changes
def _imported(file: Path, folder: Path) -> frozenset[Path]:
    """Files in a folder that a file imports, wherever in the file it does so, with their packages."""
    names = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = file.relative_to(folder).parts[: -node.level] if node.level else ()
            base = [*package, *filter(None, [node.module])]
            names |= {".".join([*base, *more]) for more in ([], *([alias.name] for alias in node.names))}
    parents = {".".join(name.split(".")[:n]) for name in names for n in range(1, name.count(".") + 2)}
    paths = [folder / name.replace(".", "/") for name in parents]
    files = [candidate for path in paths for candidate in (path.with_suffix(".py"), path / "__init__.py")]
    return frozenset(candidate for candidate in files if candidate.is_file())
