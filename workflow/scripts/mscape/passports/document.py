"""Judge all lots: evidence of each from the tables of the stages, then its record."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mscape.passports import donor_rules, rules
from mscape.passports.passport import write_lot
from mscape.passports.reporting_items import describe_lot, report_items

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from mscape.passports.options import PassportOptions

logger = logging.getLogger(__name__)

OF_LOT = (  # tables with a column ``lot_id``
    "accounting",
    "gate",
    "contaminants",
    "hidden_mixture",
    "flow_agreement",
    "composition",
)


def gather_evidence(
    tables: Mapping[str, pd.DataFrame],
    cells: pd.DataFrame,
    *,
    scored: Mapping[str, int],
    doublets: Mapping[str, int],
    ambient: Mapping[str, float],
    limits: dict[str, float],
    places: Mapping[str, Mapping[str, Any]] | None = None,
    organism: str = "human",
    culture: str = "unknown",
    quality: Mapping[str, Mapping] | None = None,
) -> Iterator[rules.LotEvidence]:
    """Gather what was found about each lot.

    Parameters
    ----------
    tables
        ``accounting gate contaminants hidden_mixture flow_agreement composition`` with ``lot_id``;
        ``stability signature_scores signatures priming``; empty where a stage did not run; ``certificate`` where it was
        asked for.
    cells
        ``obs`` of all cells that pass quality control, with ``isct_call``, ``isct_reason`` and, where scored,
        ``phase``.
    scored, doublets, ambient
        Cells with a doublet score, predicted doublets among them, and ambient fraction (NaN where it could not be
        estimated), of each sample.
    limits
        ``min_positive`` and ``max_negative`` of the gate's panel.
    places
        Row of reference_lots.tsv by lot, where lots are judged against a reference and ``signature_scores`` is relative
        to it (:func:`mscape.passports.reference_rules.relate_scores`).
    organism, culture
        Of the dataset.
    quality
        What quality control found in each sample: ``sex_mixture``, and ``doublets`` with ``detectable``.

    Yields
    ------
    LotEvidence of one lot, in the order of the accounting.
    """
    accounting, copies = tables["accounting"], tables.get("certificate")
    quality = quality or {}
    of_sample = {sample: one["sex_mixture"] for sample, one in quality.items() if one["sex_mixture"]}
    detectable = {sample: float(one["doublets"]["detectable"]) for sample, one in quality.items()}
    donors = donor_rules.group_lots(accounting, cells)
    for lot_id in dict.fromkeys(accounting["lot_id"]):
        own = {name: tables[name][tables[name]["lot_id"] == lot_id] for name in OF_LOT}
        samples = own["accounting"]["sample_id"]
        yield rules.LotEvidence(
            lot_id=lot_id,
            gate=own["gate"],
            contaminants=own["contaminants"],
            cells=cells[cells["lot_id"].astype(str) == lot_id],
            loaded=int(own["accounting"]["loaded"].sum()),
            scored=sum(scored.get(sample, 0) for sample in samples),
            doublets=sum(doublets.get(sample, 0) for sample in samples),
            ambient=[float(ambient.get(sample, float("nan"))) for sample in samples],
            hidden=own["hidden_mixture"],
            flow=own["flow_agreement"],
            certificate=None if copies is None else copies[copies["lot_id"] == lot_id],
            composition=own["composition"],
            priming=tables["priming"][tables["priming"]["lot_id"] == lot_id],
            stability=tables["stability"].set_index("cluster"),
            scores=tables["signature_scores"],
            signatures=tables["signatures"].set_index("id"),
            organism=organism,
            culture=culture,
            detectable=[detectable.get(sample, float("nan")) for sample in samples],
            sexes={sample: of_sample[sample] for sample in samples if sample in of_sample},
            donor_sexes=donor_rules.sexes_of_donor(lot_id, donors, of_sample),
            limits=limits,
            place=(places or {}).get(lot_id),
        )


def judge_lots(evidence: Iterator[rules.LotEvidence], options: PassportOptions) -> list[dict]:
    """Judge each lot and write its record, as the passport's schema wants it."""
    lots = []
    for one in evidence:
        record = write_lot(one, asdict(options))
        record["reporting"] = report_items(one.cells, record["attributes"], culture=one.culture)
        lots.append(record | describe_lot(one.cells, culture=one.culture))
        logger.info("%s: %s. %s", one.lot_id, record["verdict"], record["verdict_reason"])
    return lots
