"""All lots by all attributes: what each square of the matrix shows, and what sorts, groups and pairs the lots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mscape.report.numbers import finite, interval_text, value_text
from mscape.report.page import lot_anchor, to_json
from mscape.report.sections.alerts import DESCRIBES, ORDER

if TYPE_CHECKING:
    from markupsafe import Markup

FACTS = {"tissue": "tissue", "passage": "passage", "condition": "condition", "donor_id": "donor"}
CRITERION = "criterion_"


@dataclass(frozen=True)
class Square:
    """An attribute of a lot.

    Attributes
    ----------
    verdict, text, span
        Its verdict, and value and interval as they are written everywhere; "" where there is none.
    value, low, high, n
        The numbers behind them.
    reason
        The sentence of the passport.
    """

    verdict: str
    text: str = ""
    span: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    reason: str = ""

    @property
    def said(self) -> str:
        """Verdict, value, interval and reason in one line."""
        value = f", {self.text}" if self.text else ""
        span = f" ({self.span})" if self.span else ""
        return f"{self.verdict or 'no entry'}{value}{span}. {self.reason}".strip()


@dataclass(frozen=True)
class MatrixLot:
    """A lot: its name, the place of its passport, its verdict, what the sheet says, and a square for each attribute."""

    lot_id: str
    anchor: str
    verdict: str
    facts: dict[str, str]
    squares: list[Square]

    @property
    def severity(self) -> int:
        """Place of the verdict in the order of severity."""
        return ORDER.index(self.verdict)


def lot_matrix(passports: dict) -> dict:
    """Make the matrix of a dataset's lots.

    Parameters
    ----------
    passports
        Document of passports.json.

    Returns
    -------
    ``columns``, one an attribute that any lot has, with ``name title unit chosen`` (whether it is shown at first: what
    bears on the verdict, and the criteria); ``lots`` (:class:`MatrixLot`) in the order of the passports; ``groups``,
    titles of the facts in which lots differ; ``json``, the same for the page's script.
    """
    attributes: dict[str, dict] = {}
    for lot in passports["lots"]:
        for one in lot["attributes"]:
            attributes.setdefault(one["name"], one)
    columns = [
        {
            "name": name,
            "title": one.get("title") or name,
            "unit": one.get("unit") or "",
            "chosen": one.get("weight") != DESCRIBES or name.startswith(CRITERION),
        }
        for name, one in attributes.items()
    ]
    lots = [_lot(lot, list(attributes)) for lot in passports["lots"]]
    groups = {key: title for key, title in FACTS.items() if len({lot.facts[key] for lot in lots}) > 1}
    return {"columns": columns, "lots": lots, "groups": groups, "json": _json(columns, lots)}


def _lot(lot: dict, names: list[str]) -> MatrixLot:
    own = {one["name"]: one for one in lot["attributes"]}
    facts = {key: str(lot.get(key) or "unknown") for key in FACTS}
    squares = [_square(own.get(name)) for name in names]
    return MatrixLot(lot["lot_id"], lot_anchor(lot["lot_id"]), lot.get("verdict", "NOT ASSESSABLE"), facts, squares)


def _square(attribute: dict | None) -> Square:
    if attribute is None:
        return Square("")
    unit, apart = attribute.get("unit") or "", attribute.get("limits") or ()
    value, low, high = (finite(attribute.get(key)) for key in ("value", "low", "high"))
    return Square(
        attribute["verdict"],
        text="" if value is None else value_text(value, unit, apart=apart),
        span=interval_text(low, high, unit, apart=apart),
        value=value,
        low=low,
        high=high,
        n=attribute.get("n"),
        reason=attribute.get("reason") or "",
    )


def _json(columns: list[dict], lots: list[MatrixLot]) -> Markup:
    squares = [
        [[one.verdict, one.value, one.low, one.high, one.n, one.text, one.span] for one in lot.squares] for lot in lots
    ]
    known = [
        {"lot_id": lot.lot_id, "anchor": lot.anchor, "verdict": lot.verdict, **lot.facts, "squares": own}
        for lot, own in zip(lots, squares, strict=True)
    ]
    return to_json({"columns": columns, "facts": FACTS, "lots": known})
