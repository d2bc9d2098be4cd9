"""Place lots among those of a reference: one alarm for each lot, its signatures, the numbers of its passport."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.comparison import pseudobulk
from mscape.data.tables import TABLES
from mscape.errors import UserError
from mscape.genes.names import GeneIndex
from mscape.reference import departure
from mscape.reference.sentences import say_place
from mscape.scoring import consensus
from mscape.scoring.gene_sets import build_sets

if TYPE_CHECKING:
    from mscape.genes.registry import Markers
    from mscape.reference.folder import Reference
    from mscape.reference.lots import Lots
    from mscape.reference.options import ReferenceOptions
    from mscape.scoring.methods import GeneSet

PROGRAMMES = (  # the signatures that passports speak of, and the phases of the cycle
    consensus.SIGNED,
    *consensus.SENESCENCE.values(),
    *consensus.IMMUNE.values(),
    *(name for names in consensus.LINEAGES.values() for name in names),
    consensus.GLUCOCORTICOID,
    "MSC_DISSOCIATION_STRESS",
    "TIROSH_S",
    "TIROSH_G2M",
)
MIN_CPM = 20.0  # mean of the lots, from which on a gene's own departure is counted
LEAST_VARIANCE = 1e-3  # of a gene within a tissue: a gene that no lot shows has none
MOST_T = 1e3  # a gene or programme in which the reference lots are equal would depart without end
SHARES = ("fraction", "share")  # units whose values lie between 0 and 1
MOST_THINNING = 4.0  # times that a lot or the middle reference lot may be deeper than the shallowest one used
SHOWN = 3  # signatures that a sentence names
HALF_INTERVAL = 1.959964
STRATA = (("tissue", "assay"), ("tissue",), ("assay",), ())
INSIDE, OUTSIDE, NO_PROMISE = "inside", "outside", "no promise"


@dataclass(frozen=True)
class Departure:
    """Departure of a lot from a number of reference lots.

    Attributes
    ----------
    signatures
        Index = signature; ``level`` (mean log2 expression of its genes), ``z``, ``z_low``, ``z_high`` (95 % interval
        over the lot's cells), ``percentile``, ``low``, ``high`` (95 % prediction interval of a further lot's level).
    p
        Share of lots, this one among them, that depart as far.
    by
        ``programmes`` or ``genes``: which of the two departures is the larger one.
    depth
        Counts to which all lots were thinned.
    measures
        Both departures of each reference lot and, last, of the lot, shape (n_lots + 1, 2).
    """

    signatures: pd.DataFrame
    p: float
    by: str
    depth: float
    measures: np.ndarray


def judge_lots(
    lots: Lots, reference: Reference, options: ReferenceOptions, *, markers: Markers, seed: int = 0
) -> dict[str, pd.DataFrame]:
    """Place lots among the lots of a reference.

    Parameters
    ----------
    lots
        The lots to judge.
    reference
        The reference. A lot of the same id in it is left out of the comparison.
    options
        Settings.
    markers
        Registry with the signatures.
    seed
        Of the thinning.

    Returns
    -------
    ``reference_lots`` and ``reference_signatures`` (:data:`mscape.data.tables.TABLES`). Each lot is judged by itself:
    it does not depend on the lots beside it.
    """
    placed, scored = [], []
    for name in lots.names:
        lot = lots.take([name])
        others = _deep_enough(reference.lots.drop(name), lot)
        row, signatures = _judge_lot(lot, others, reference, options, markers=markers, seed=seed)
        placed.append(row)
        if signatures is not None:
            scored.append(signatures.reset_index().assign(lot_id=name))
    columns = TABLES["reference_signatures"].names
    whole = pd.concat(scored, ignore_index=True) if scored else pd.DataFrame(columns=columns)
    return {"reference_lots": pd.DataFrame(placed), "reference_signatures": whole.reindex(columns=columns)}


def _judge_lot(
    lot: Lots, others: Lots, reference: Reference, options: ReferenceOptions, *, markers: Markers, seed: int
) -> tuple[dict, pd.DataFrame | None]:
    about = lot.about.iloc[0]
    stratum, kept = choose_stratum(others.about, about, least=options.min_stratum)
    wide, wanted = choose_stratum(
        others.about, about, least=max(options.min_stratum, departure.lots_needed(options.alpha))
    )
    row = {
        "lot_id": lot.names[0],
        "reference": reference.name,
        "version": reference.record["version"],
        "alpha": options.alpha,
        "stratum": stratum,
        "n_lots": len(kept),
        "alarm_stratum": wide,
        "alarm_lots": len(wanted),
        "smallest_rate": departure.smallest_rate(len(wanted)),
        "tissue": about["tissue"],
    }
    signatures = None
    if min(len(kept), len(wanted)) >= departure.LEAST_LOTS:
        found = depart(lot, others.take(kept), markers=markers, seed=seed)
        whole = found if wanted == kept else depart(lot, others.take(wanted), markers=markers, seed=seed)
        signatures = found.signatures.assign(stratum=stratum, n_lots=len(kept))
        top = found.signatures["z"].abs().sort_values(ascending=False, kind="stable").index[:SHOWN]
        row |= {
            "p": whole.p,
            "decided_by": whole.by,
            "depth": whole.depth,
            "top": ";".join(f"{name} {found.signatures.at[name, 'z']:+.1f}" for name in top),
            "nearest_tissue": find_nearest_tissue(lot, others, seed=seed),
        }
        promised = row["smallest_rate"] <= options.alpha
        far = whole.p <= options.alpha + 1e-9
        row["place"] = (OUTSIDE if far else INSIDE) if promised else NO_PROMISE
    else:
        row |= {"p": np.nan, "decided_by": "", "depth": np.nan, "top": "", "nearest_tissue": "", "place": NO_PROMISE}
    row["sentence"] = say_place(row)
    return row, signatures


def choose_stratum(about: pd.DataFrame, lot: pd.Series, *, least: int) -> tuple[str, list[str]]:
    """Choose the reference lots that a lot is compared with: of its tissue and chemistry, as far as there are enough.

    Parameters
    ----------
    about
        Of the reference lots.
    lot
        ``tissue`` and ``assay`` of the lot.
    least
        Fewest lots of a stratum; all lots are taken where none has so many.

    Returns
    -------
    What the lots share (``all lots``, or as ``tissue bone marrow, assay 10x``), and their ids.
    """
    for keys in STRATA:
        if any(lot[key] == "unknown" for key in keys):
            continue
        same = (about[list(keys)] == lot[list(keys)]).all(axis=1)  # of no keys: all lots
        if not keys or same.sum() >= least:
            words = ", ".join(f"{key} {lot[key]}" for key in keys)
            return words or "all lots", list(about.index[same])
    raise AssertionError  # the last stratum is of all lots


def depart(lot: Lots, others: Lots, *, markers: Markers, seed: int = 0) -> Departure:
    """Measure how far a lot departs from others, and how far each of these departs from all but itself.

    Two departures are measured in each lot: the mean squared z of the programmes that passports speak of, and the mean
    log(1 + t^2 / df) of single genes. Their cube roots are near normal (Wilson and Hilferty 1931,
    doi:10.1073/pnas.17.12.684); standardized over the lots, the larger one is the lot's departure.

    Parameters
    ----------
    lot
        One lot.
    others
        Three reference lots or more.
    markers
        Registry with the signatures.
    seed
        Of the thinning.

    Raises
    ------
    mscape.errors.UserError
        If lot and reference share too few genes for any signature.
    """
    sums, totals, depth = _at_one_depth(lot, others, seed=seed)
    sets, _ = build_sets(markers, GeneIndex(list(sums.columns)), list(sums.columns), np.ones(sums.shape[1], dtype=bool))
    if not sets:
        msg = (
            f"lot {lot.names[0]!r} and the reference share {sums.shape[1]} genes of the registry, too few for any "
            "signature. Give a reference of the same species and annotation."
        )
        raise UserError(msg)
    expression = pseudobulk.log_expression(sums.to_numpy(), totals)
    levels = np.column_stack([_level(expression, one) for one in sets])
    t = departure.studentize(levels)
    z = departure.as_normal(t, len(t) - 2)
    expressed = (sums.to_numpy() / totals[:, None] * 1e6).mean(axis=0) >= MIN_CPM
    names = [one.name for one in sets]
    spoken = np.isin(names, PROGRAMMES)
    of_programmes = np.minimum(np.abs(t[:, spoken]), MOST_T)
    of_genes = np.minimum(np.abs(departure.studentize(expression[:, expressed])), MOST_T)
    both = np.column_stack(
        [
            (of_programmes**2).mean(axis=1) if spoken.any() else np.zeros(len(t)),
            np.log1p(of_genes**2 / (len(t) - 2)).mean(axis=1) if expressed.any() else np.zeros(len(t)),
        ]
    )
    far = _standardize(np.cbrt(both))
    return Departure(
        signatures=_table(levels, z, _error_of_levels(lot, sums.columns, sets), names=names),
        p=departure.conformal_p(far.max(axis=1)),
        by=("programmes", "genes")[int(far[-1].argmax())],
        depth=depth,
        measures=both,
    )


def find_nearest_tissue(lot: Lots, others: Lots, *, seed: int = 0) -> str:
    """Name the tissue whose reference lots a lot is nearest to; "" where fewer than two tissues have three lots."""
    tissue = others.about["tissue"]
    known = tissue[tissue != "unknown"].value_counts()
    candidates = sorted(known.index[known >= departure.LEAST_LOTS])
    if len(candidates) < 2:
        return ""
    others = others.take(list(tissue.index[tissue.isin(candidates)]))
    sums, totals, _ = _at_one_depth(lot, others, seed=seed)
    values = pseudobulk.log_expression(sums.to_numpy(), totals)
    of = others.about["tissue"].to_numpy()
    means = np.array([values[:-1][of == name].mean(axis=0) for name in candidates])
    centers = means[pd.Index(candidates).get_indexer(of)]
    spread = ((values[:-1] - centers) ** 2).sum(axis=0) / (len(of) - len(candidates)) + LEAST_VARIANCE
    return candidates[int((((values[-1] - means) ** 2) / spread).mean(axis=1).argmin())]


def place_attributes(
    attributes: pd.DataFrame, about: pd.DataFrame, reference: Reference, options: ReferenceOptions
) -> pd.DataFrame:
    """Place the passport's numbers of each lot among those of the reference.

    Parameters
    ----------
    attributes
        ``lot_id attribute title unit value`` (:func:`mscape.reference.lots.list_attributes`).
    about
        ``tissue`` and ``assay`` of each lot, index = lot id.
    reference
        The reference. A lot of the same id in it is left out of the comparison.
    options
        Settings.

    Returns
    -------
    ``reference_attributes``: the value, its percentile, and the 95 % prediction interval of a further lot, in the
    stratum of the lot; without an interval where fewer than three lots have a value.
    """
    rows = []
    for name in dict.fromkeys(attributes["lot_id"]):
        others = reference.lots.drop(name)
        stratum, kept = choose_stratum(others.about, about.loc[name], least=options.min_stratum)
        known = others.attributes[others.attributes["lot_id"].isin(kept)]
        for one in attributes[attributes["lot_id"] == name].itertuples():
            values = known.loc[known["attribute"] == one.attribute, "value"].to_numpy(dtype=float)
            enough = len(values) >= departure.LEAST_LOTS
            low, high = departure.prediction_interval(values) if enough else (np.nan, np.nan)
            if one.unit.startswith(SHARES):
                low, high = max(low, 0.0), min(high, 1.0)
            rows.append(
                {
                    "lot_id": name,
                    "attribute": one.attribute,
                    "title": one.title,
                    "unit": one.unit,
                    "value": one.value,
                    "percentile": departure.percentile(one.value, values) if enough else np.nan,
                    "low": low,
                    "high": high,
                    "inside": bool(low <= one.value <= high) if enough else None,
                    "stratum": stratum,
                    "n_lots": len(values),
                }
            )
    return pd.DataFrame(rows, columns=TABLES["reference_attributes"].names)


def _at_one_depth(lot: Lots, others: Lots, *, seed: int) -> tuple[pd.DataFrame, np.ndarray, float]:
    """Give the sums of the others and, last, the lot, of genes that all measured, thinned to the shallowest of them.

    All lots must have one depth: among deeper ones a lot would depart by its noise, among shallower ones it would hide.
    """
    sums = pd.concat([others.sums, lot.sums.reindex(columns=others.sums.columns)])
    sums = sums.loc[:, sums.notna().all()]
    totals = np.concatenate([others.about["total_counts"], lot.about["total_counts"]]).astype(float)
    depth, names = float(totals.min()), [*others.names, *lot.names]
    thinned, totals = departure.match_depth(sums.to_numpy(), totals, depth, names=names, seed=seed)
    return pd.DataFrame(thinned, sums.index, sums.columns), totals, depth


def _deep_enough(others: Lots, lot: Lots) -> Lots:
    """Leave out reference lots so shallow that thinning to them would take more than the lot's own depth allows."""
    totals, own = others.about["total_counts"], lot.about["total_counts"].iloc[0]
    least = min(own, totals.median()) / MOST_THINNING
    return others.take(list(totals.index[totals >= least]))


def _level(expression: np.ndarray, one: GeneSet) -> np.ndarray:
    return expression[:, one.genes] @ one.weights


def _standardize(values: np.ndarray) -> np.ndarray:
    spread = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)


def _error_of_levels(lot: Lots, genes: pd.Index, sets: list[GeneSet]) -> np.ndarray:
    """Estimate the standard error of the lot's levels over its cells: jackknife of blocks; NaN without blocks."""
    if lot.blocks is None or lot.block_totals is None:
        return np.full(len(sets), np.nan)
    columns = lot.sums.columns.get_indexer(genes)
    blocks, totals = lot.blocks[0][:, columns], lot.block_totals[0]
    left = pseudobulk.log_expression(blocks.sum(axis=0) - blocks, (totals.sum() - totals).astype(float))
    levels = np.column_stack([_level(left, one) for one in sets])
    n = len(levels)
    return np.sqrt((n - 1) / n * ((levels - levels.mean(axis=0)) ** 2).sum(axis=0))


def _table(levels: np.ndarray, z: np.ndarray, error: np.ndarray, *, names: list[str]) -> pd.DataFrame:
    others, own = levels[:-1], levels[-1]
    n = len(others)
    unit = others.std(axis=0, ddof=1) * np.sqrt(1 + 1 / n)
    unit = np.where(unit > 0, unit, np.nan)
    gap, half = own - others.mean(axis=0), HALF_INTERVAL * error
    ends = [departure.as_normal((gap + side * half) / unit, n - 1) for side in (-1, 1)]
    intervals = [departure.prediction_interval(others[:, column]) for column in range(len(names))]
    return pd.DataFrame(
        {
            "level": own,
            "z": z[-1],
            "z_low": ends[0],
            "z_high": ends[1],
            "percentile": [departure.percentile(own[k], others[:, k]) for k in range(len(names))],
            "low": [low for low, _ in intervals],
            "high": [high for _, high in intervals],
        },
        index=pd.Index(names, name="signature"),
    )
