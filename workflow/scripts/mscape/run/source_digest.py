"""Digest of the code and of the resource files that a step consists of."""

from __future__ import annotations

import ast
import functools
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = {"resource": "resources", "schema": "workflow/schemas"}  # functions of mscape.paths


def digest_sources(script: Path, *, home: Path | None = None) -> str:
    """Digest a script, the local modules that it imports, directly or through each other, and the files that they name.

    Snakemake looks at a script's time stamp and never at what it imports; as a param this digest reruns just the steps
    whose code has changed, however the files were copied.

    Parameters
    ----------
    script
        A step; modules are looked for in its folder only, so that installed packages do not count.
    home
        Where ``resources/`` and ``workflow/schemas/`` are. Files that code names literally, as
        ``resource("genes.tsv")`` or ``schema("markers.schema.yaml")``, are read by it without being inputs of a rule;
        none count if not given.

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
    if home:
        for name in sorted({name for one in found for name in _named_files(one)}):
            digest.update(name.encode() + b"\0" + (home / name).read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@functools.cache
def _named_files(file: Path) -> frozenset[str]:
    """Files, relative to the package's home, that a module names by a literal."""
    named = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function, value = getattr(node.func, "attr", getattr(node.func, "id", "")), node.args[0].value
            if function in FOLDERS and isinstance(value, str):
                named.add(f"{FOLDERS[function]}/{value}")
    return frozenset(named)


@functools.cache  # steps share most modules; within one run of Snakemake no file changes
def _imported(file: Path, folder: Path) -> frozenset[Path]:
    """Files in a folder that a file imports, wherever in the file it does so, with their packages.

    ``members("package", ...)`` of :mod:`mscape.modules` imports all modules of a package.
    """
    names = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "members" and node.args:
            package = ast.literal_eval(node.args[0]) if isinstance(node.args[0], ast.Constant) else ""
            modules = (folder / package.replace(".", "/")).glob("*.py") if package else ()
            names |= {f"{package}.{module.stem}" for module in modules}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = file.relative_to(folder).parts[: -node.level] if node.level else ()
            base = [*package, *filter(None, [node.module])]
            names |= {".".join([*base, *more]) for more in ([], *([alias.name] for alias in node.names))}
    parents = {".".join(name.split(".")[:n]) for name in names for n in range(1, name.count(".") + 2)}
    paths = [folder / name.replace(".", "/") for name in parents]
    files = [candidate for path in paths for candidate in (path.with_suffix(".py"), path / "__init__.py")]
    return frozenset(candidate for candidate in files if candidate.is_file())
