"""Find what the modules of a package offer, so that a new module is one file and no list of names is kept."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any


def members(package: str, name: str) -> list[Any]:
    """Import all modules of a package and collect what each calls ``name``.

    Parameters
    ----------
    package
        Its dotted name, a literal: the digest of a step (:mod:`mscape.run.source_digest`) takes in all modules of a
        package that is named here.
    name
        Of the member; modules without it are left out.

    Returns
    -------
    In the order of the modules' names.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__))
    modules = [importlib.import_module(f"{package}.{one}") for one in names]
    return [getattr(module, name) for module in modules if hasattr(module, name)]
