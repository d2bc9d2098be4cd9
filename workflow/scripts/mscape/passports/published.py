"""Passport rules that place a lot among published MSC: its marker rates, and its shares among clinical lots by flow.

They describe: no published rate is a threshold, and flow cytometry sees protein where the lot's share is of RNA.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape import numbers, paths
from mscape.data.reference_table import read_reference
from mscape.genes.species import species
from mscape.passports.rules import DESCRIBED, DESCRIBES, NOT_ASSESSABLE, Assessment, Attribute, LotEvidence
from mscape.passports.sentences import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

RATES = paths.resource("published_marker_rates.tsv")
FLOW = paths.resource("clinical_lot_flow.tsv")
TERMS = paths.resource("ontology_terms.tsv")
PERCENTILES = tuple(range(0, 101, 5))
JUDGED = ("positive", "negative")


@cache
def published_rates() -> pd.DataFrame:
    """Read the rates of published MSC: columns ``gene tissue study protocol cells donors cpm detected``."""
    return read_reference(RATES).astype({"cpm": float})


@cache
def clinical_lots() -> pd.DataFrame:
    """Read the percentiles of clinical lots by flow: ``lots reports p0 p5 ... p100`` in per cent, index = marker."""
    return read_reference(FLOW).set_index("marker").astype(float)


@cache
def name_tissues() -> dict[str, str]:
    """Read which tissue each word of a sheet names, lower case."""
    terms = read_reference(TERMS)
    terms = terms[terms["kind"] == "tissue"]
    return dict(zip(terms["name"].str.lower(), terms["label"], strict=True))


def rank_among(value: float, quantiles: np.ndarray) -> tuple[int, int]:
    """Find the percentiles between which a value lies.

    Parameters
    ----------
    value
        In the unit of the quantiles.
    quantiles
        At :data:`PERCENTILES`, ascending, shape (21,).

    Returns
    -------
    The highest percentile below the value (0 where there is none) and the lowest above it (100 where there is none): of
    a value that many lots have, all of its percentiles lie between.
    """
    below, above = np.flatnonzero(quantiles < value), np.flatnonzero(quantiles > value)
    return PERCENTILES[below[-1]] if below.size else 0, PERCENTILES[above[0]] if above.size else 100


def judge_rates(evidence: LotEvidence, settings: dict) -> Assessment:
    """Compare the lot's rate of each marker with that of published MSC of its tissue."""
    known, n = published_rates(), len(evidence.cells)
    if not species(evidence.organism).isct:
        return _not_known("The published rates are of human MSC.", ACTIONS["species"], n)
    tissues = evidence.cells["tissue"].astype(str).str.lower().unique() if "tissue" in evidence.cells else []
    tissue = name_tissues().get(tissues[0].strip(), "") if len(tissues) == 1 else ""
    said = []
    for gene, rate in _lot_rates(evidence.gate):
        if len(of_gene := known[known["gene"] == gene]):
            said.append(f"{gene} {_cpm(rate)} CPM: {_say_published(of_gene, tissue)}.")
    if not said:
        return _not_known("No marker that was measured has a published rate.", ACTIONS["default"], n)
    return Assessment(verdict=DESCRIBED, reason=" ".join(said), n=n)


def _lot_rates(gate: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """Give each gene of a criterion that all cells were measured for, with its rate in the lot.

    Of several genes of a criterion one may be missing from the feature table: where none is seen, it is left out.
    """
    rows = gate[gate["kind"].isin(JUDGED) & (gate["verdict"] != "not_assessable")]
    for row in rows[rows["n_judged"] == rows["n_cells"]].itertuples():
        rates = dict(zip(str(row.genes).split(";"), map(float, str(row.gene_rate_cpm).split(";")), strict=True))
        yield from ((gene, rate) for gene, rate in rates.items() if rate > 0 or len(rates) == 1)


def _say_published(rates: pd.DataFrame, tissue: str) -> str:
    """Say the rates of one gene in published MSC of a tissue, or their range where there are none of it."""
    same = rates[rates["tissue"] == tissue]
    if same.empty:
        which = "other tissues" if tissue else "all tissues"
        return f"{_range(rates)} in {len(rates)} published populations of MSC of {which}"
    by_study = same.groupby("study", sort=False)
    each = ", ".join(
        f"{_range(own)} ({study}{f', {len(own)} populations' if len(own) > 1 else ''})" for study, own in by_study
    )
    return f"{each} in published MSC of {tissue}"


def _range(rates: pd.DataFrame) -> str:
    """Write the lowest and the highest of some rates, or the one that both are."""
    return " to ".join(dict.fromkeys(_cpm(rate) for rate in (rates["cpm"].min(), rates["cpm"].max())))


def judge_clinical(evidence: LotEvidence, settings: dict) -> Assessment:
    """Place the lot's share of cells with each marker among clinical lots by flow cytometry."""
    known, n = clinical_lots(), len(evidence.cells)
    if not species(evidence.organism).isct:
        return _not_known("The clinical lots are of human MSC.", ACTIONS["species"], n)
    said = []
    for row in evidence.gate[evidence.gate["kind"].isin(JUDGED)].itertuples():
        if row.criterion not in known.index or pd.isna(row.estimate):
            continue
        lots = known.loc[row.criterion]
        quantiles = lots[[f"p{p}" for p in PERCENTILES]].to_numpy()
        low, high = rank_among(float(row.estimate) * 100, quantiles)
        middle, ends = lots["p50"], (lots["p5"], lots["p95"])
        said.append(
            f"{row.criterion} {numbers.percent(row.estimate)} of cells by RNA: percentile {low} to {high} of "
            f"{lots['lots']:.0f} clinical lots by flow cytometry (median {middle:g}%, 5th to 95th percentile "
            f"{ends[0]:g}% to {ends[1]:g}%)."
        )
    if not said:
        return _not_known("No marker of the clinical lots was measured.", ACTIONS["default"], n)
    return Assessment(verdict=DESCRIBED, reason=" ".join(said), n=n)


def _not_known(reason: str, action: str, n: int) -> Assessment:
    return Assessment(verdict=NOT_ASSESSABLE, reason=reason, next_action=action, n=n)


def _cpm(rate: float) -> str:
    """Write a rate with three digits, below 0.1 as that: a protocol's noise is no rate."""
    return "< 0.1" if rate < 0.1 else numbers.decimal(rate, 0 if rate >= 100 else 1)


PUBLISHED_ATTRIBUTES = (
    Attribute(
        name="published_rates",
        title="Marker rates beside published MSC",
        group="identity",
        unit="counts per million",
        weight=DESCRIBES,
        definition=(
            "Rate of each marker's gene in the sum of the lot's cells, beside published cultures of human MSC of the "
            "same tissue: medians over donors of single-cell studies by their accession (GSE182158, GSE199071), and "
            "means over donors of bulk tags of FANTOM5 (doi:10.1038/ncomms8866). A description: protocols catch a gene "
            "in different measure, up to tenfold within one tissue."
        ),
        judge=judge_rates,
    ),
    Attribute(
        name="clinical_lots",
        title="Among clinical lots by flow cytometry",
        group="identity",
        unit="percentile of lots",
        weight=DESCRIBES,
        definition=(
            "Where the share of cells with a marker's RNA above its threshold lies among the shares of positive cells "
            "by flow cytometry in lots of MSC that were given to patients (one value a patient, 9 trial reports, "
            "doi:10.5281/zenodo.4012398). These lots had passed release. RNA is not protein: the percentile describes "
            "and decides nothing."
        ),
        judge=judge_clinical,
    ),
)
