"""Reference of lots: what is kept of lots, and where a further lot lies among them (``mscape.reference.judge``)."""

VERBS = ("build", "judge")


def __getattr__(name: str) -> object:
    """Import the room's public functions at their first use, as the package does."""
    import importlib

    if name in VERBS:
        return getattr(importlib.import_module("mscape.reference.verbs"), name)
    msg = f"module 'mscape.reference' has no attribute {name!r}"
    raise AttributeError(msg)
