"""Reasons of the gate as the report writes them: sentences, never codes."""

from __future__ import annotations

from mscape.gating import reasons

NO_REMARK = "no remark"


def of_lot(reason: str) -> str:
    """Say a reason of a lot's criterion; a reason that is a sentence already stays as it is."""
    try:
        code, name = reasons.parse(reason)
    except ValueError:
        return reason
    return code.lot.format(name=name.replace("|", " or ") or "the marker")


def of_cell(reason: str) -> str:
    """Say a cell's reason, led by the marker or lineage that it is about."""
    if not reason:
        return NO_REMARK
    code, name = reasons.parse(reason)
    return f"{name.replace('|', ' or ')}: {code.cell}" if name else code.cell


def definition() -> str:
    """Text behind the question mark of a gate reason."""
    return "The main reason for a call. " + " · ".join(reason.cell for reason in reasons.Reason) + "."
