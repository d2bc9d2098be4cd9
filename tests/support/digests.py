"""Digests of what files say, so that two runs of one study can be compared wherever they ran.

An h5ad is compared by its content, since compression and time stamps change its bytes; every other file by its bytes.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import h5py
import numpy as np

from mscape.data import counts


def digest_file(path: str | Path) -> str:
    """Digest a file: its content if it is an h5ad, its bytes if not."""
    digest = hashlib.sha256()
    if str(path).endswith(".h5ad"):
        with counts.open_file(path) as file:
            _add(file, digest)
    else:
        content = Path(path).read_bytes()
        digest.update(re.sub(rb" of \d{4}-\d\d-\d\d \d\d:\d\d UTC|<time>[^<]*</time>", b"", content))  # when it ran
    return digest.hexdigest()


def digest_results(folder: str | Path) -> dict[str, str]:
    """Digest every file under a folder, by its path relative to the folder; but ``.checksums``, which are of bytes."""
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file() and ".checksums" not in path.parts)
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in files}


def _add(group: h5py.Group, digest: hashlib._Hash) -> None:
    """Add names, attributes, types, shapes and values of all that a group holds, in the order of the names."""
    for name, value in sorted(group.attrs.items()):
        digest.update(f"{group.name}@{name}={np.asarray(value).tolist()!r}\0".encode())
    for name in sorted(group):
        item = group[name]
        if isinstance(item, h5py.Group):
            _add(item, digest)
            continue
        for key, value in sorted(item.attrs.items()):
            digest.update(f"{item.name}@{key}={np.asarray(value).tolist()!r}\0".encode())
        digest.update(f"{item.name}:{item.dtype}{item.shape}\0".encode())
        values = np.asarray(item[()])
        digest.update(repr(values.tolist()).encode() if values.dtype.hasobject else values.tobytes())
