"""Digest of the code and of the resource files that a step consists of."""

from __future__ import annotations

import functools
import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = {"resource": "resources", "schema": "workflow/schemas"}  # functions of mscape.paths
# Lines are read, not syntax trees: these take half a second of each start. A line of a docstring that reads like
# code counts, too, which can only rerun a step too often.
IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]*(\([^)]*\)|.*)|import[ \t]+(.*))", re.MULTILINE
)
NAMED = re.compile(r"""\b(resource|schema)\(\s*["']([^"'{}]+)["']""")
MEMBERS = re.compile(r"""\bmembers\(\s*["']([\w.]+)["']""")
COMMENT = re.compile(r"#.*")


def digest_sources(script: Path, *, home: Path | None = None) -> str:
    """Digest a script, the local modules that it imports, directly or through each other, and the files that they name.

    Snakemake looks at a script's time stamp and never at what it imports; as a param this digest reruns just the steps
    whose code has changed, however the files were copied.

    Parameters
    ----------
    script
        A step; modules are looked for in its folder only, so that installed packages do not count.
    home
        Where ``resources/`` and ``workflow/schemas/`` are. Files that code names literally, by the functions of
        :mod:`mscape.paths`, are read by it without being inputs of a rule; none count if not given.

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
            if (home / name).is_file():
                digest.update(name.encode() + b"\0" + (home / name).read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@functools.cache
def _named_files(file: Path) -> frozenset[str]:
    """Files, relative to the package's home, that a module names by a literal."""
    return frozenset(f"{FOLDERS[function]}/{name}" for function, name in NAMED.findall(file.read_text("utf-8")))


@functools.cache  # steps share most modules; within one run of Snakemake no file changes
def _imported(file: Path, folder: Path) -> frozenset[Path]:
    """Files in a folder that a file imports, wherever in the file it does so, with their packages.

    ``members("package", ...)`` of :mod:`mscape.modules` imports all modules of a package.
    """
    text = file.read_text("utf-8")
    names = set()
    for package in MEMBERS.findall(text):
        names |= {f"{package}.{module.stem}" for module in (folder / package.replace(".", "/")).glob("*.py")}
    for dots, base, what, plain in IMPORT.findall(text):
        package = file.relative_to(folder).parts[: -len(dots)] if dots else ()
        start = ".".join([*package, *filter(None, [base])])
        names |= (
            {start} | {".".join(filter(None, [start, name])) for name in _words(what)} if not plain else _words(plain)
        )
    parents = {".".join(name.split(".")[:n]) for name in names for n in range(1, name.count(".") + 2)}
    own = {one.stem for one in folder.iterdir()}
    paths = [folder / name.replace(".", "/") for name in parents if name.split(".")[0] in own]
    files = [candidate for path in paths for candidate in (path.with_suffix(".py"), path / "__init__.py")]
    return frozenset(candidate for candidate in files if candidate.is_file())


def _words(imported: str) -> set[str]:
    """Names of a statement's list, without what they are called here."""
    return {name.split()[0] for name in COMMENT.sub("", imported).strip("()").split(",") if name.strip()}
