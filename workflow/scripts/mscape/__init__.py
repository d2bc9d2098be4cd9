"""mscape: from single-cell RNA-seq of mesenchymal stromal cells to a trustworthy answer per lot.

The verbs work on an AnnData with raw counts, in the manner of scanpy, and are what the workflow's steps call too::

    import mscape as ms

    adata = ms.read("sample/")
    ms.qc(adata)
    ms.embed(adata)
    ms.gate(adata)
    ms.passport(adata)

Verbs are imported when they are first used, so that ``import mscape`` takes no time and a workflow step depends on the
code that it runs and on nothing else.
"""

VERBS = {
    **dict.fromkeys(("read", "qc", "embed", "gate", "certify"), "mscape.api"),
    **dict.fromkeys(("cluster", "score", "compare", "passport"), "mscape.api"),
    "explain": "mscape.gating.reasons",
    "diff": "mscape.diffing.diff",
    "track": "mscape.tracking.track",
    "equivalence": "mscape.comparison.equivalence",
    "meta": "mscape.comparison.meta",
}
MODULES = ("pl", "reference")
__all__ = [*VERBS, *MODULES]


def __getattr__(name: str) -> object:
    """Import a verb, or a module of further ones, at its first use."""
    import importlib

    if name in MODULES:
        return importlib.import_module(f"mscape.{name}")
    if name in VERBS:
        return getattr(importlib.import_module(VERBS[name]), name)
    msg = f"module 'mscape' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
