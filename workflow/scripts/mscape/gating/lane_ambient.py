"""How much ambient RNA the other lots of a lane may give to a lot, and what that adds to the rate of each marker.

Lots that are loaded together share one suspension: each droplet holds some RNA of all of them. How much is unknown, and
two facts limit it. What a lot cannot express itself (genes nearly exclusive to another lot) is at most that other
lot's ambient RNA: an upper bound that assumes nothing of the cells. And ambient RNA is the same number of counts in
a small and in a large cell, while a cell's own RNA grows with it: counts that do not grow are a lower bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.optimize import nnls

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anndata import AnnData

    from mscape.gating.panels import Features, Lineage
    from mscape.gating.pooling import Pools

UNKNOWN = {"unknown", "", "nan", "none"}
MAX_FRACTION = {True: 0.3, False: 0.1}  # of a lot's counts, from the other lots of a stated lane, and of a possible one
MAX_SOURCES = 6  # other lots that are examined for one lot: those with the highest rates of the gate's features
MAX_GENES = 1200  # columns that are read beside the gate's own
FEWEST_GENES, FEW_GENES, MOST_GENES = 12, 40, 150  # of a pair of lots; many where many are equally exclusive
MIN_SOURCE_COUNTS = 30
N_EDGE = 8  # genes by which the upper bound is made
MIN_CELLS = 50  # from which growth with the cell's size is examined
SUM_DISPERSION = 0.04  # of the summed exclusive genes of typical cells
EVIDENT = 3.0  # standard errors
PROFILE_ERROR = 0.1  # relative error of the ambient rate of a feature: the suspension is not the mean cell
MAX_SHARP = 0.2  # ratio above which it is likelier that two lots are of one kind
MATERIAL = 0.05  # of a threshold: a narrower range of ambient RNA changes no side
SAME = 0.5  # sources that have half of each other's exclusive RNA are not separated
COLUMNS = [
    "lot_id",
    "lane",
    "lane_stated",
    "source",
    "low",
    "estimate",
    "high",
    "constant",
    "spread",
    "n_genes",
    "basis",
]


@dataclass
class LaneAmbient:
    """Ambient RNA of other lots.

    Attributes
    ----------
    table
        One row a lot, lane and source: columns ``COLUMNS``; fractions of the lot's counts.
    unit
        Part of a lot that was loaded together, by cell: row of the other arrays; shape (n_cells,).
    low, center, high
        Rate of each feature from other lots at the lower end, the estimate and the upper end, as a fraction of
        all         counts; shape (n_units, n_features).
    fraction
        Total fraction at the same three, shape (3, n_units).
    constant
        Part of it that is the same number of counts in each cell; the rest grows with the cell. Shape (n_units,).
    mean_total
        Mean total counts of the cells, shape (n_units,).
    material
        Whether the range is wide enough to matter, shape (n_units,); where it is not, the three are one.
    """

    table: pd.DataFrame
    unit: np.ndarray
    low: np.ndarray
    center: np.ndarray
    high: np.ndarray
    fraction: np.ndarray
    constant: np.ndarray
    mean_total: np.ndarray
    material: np.ndarray

    def at(
        self, end: str, rho: np.ndarray, ambient: np.ndarray, totals: np.ndarray, pools: Pools | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Add it to the lot's own ambient RNA, as much of it in a small cell as in a large one.

        Parameters
        ----------
        end
            ``low``, ``center`` or ``high``.
        rho, ambient
            Own ambient fraction, shape (n_cells,), and rate, shape (n_cells, n_features).
        totals
            Total counts, shape (n_cells,).
        pools
            Pools of the cells; without them each cell is its own pool.

        Returns
        -------
        Fraction and rate of all ambient RNA in the cell's pools, and what it adds to the rate in the cell itself.
        """
        rate = getattr(self, end)[self.unit]
        share = self.fraction[("low", "center", "high").index(end)][self.unit]
        constant, mean = self.constant[self.unit], self.mean_total[self.unit]
        own_scale = 1 - constant + constant * mean / totals
        own = rho[:, None] * ambient + rate * own_scale[:, None]
        if pools is None:
            scale = np.broadcast_to(own_scale[:, None], rate.shape)
        else:
            scale = 1 - constant[:, None] + constant[:, None] * mean[:, None] * pools.size / pools.exposure
        total = np.minimum(rho + share * scale.mean(axis=1), 0.9)
        added = rho[:, None] * ambient + rate * scale
        return total, added / np.maximum(total, 1e-12)[:, None], own

    def ends(self, cells: np.ndarray | slice = slice(None)) -> tuple[str, ...]:
        """Name the ends of the range that differ from the estimate and could change the side of a rate in a cell."""
        units = np.unique(self.unit[cells])
        units = units[self.material[units]]
        rows = {"low": 0, "high": 2}
        return tuple(
            end
            for end, row in rows.items()
            if (getattr(self, end)[units] != self.center[units]).any()
            or (self.fraction[row, units] != self.fraction[1, units]).any()
        )


def lane_units(obs: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """Find the parts of each lot that were loaded together.

    Parameters
    ----------
    obs
        ``lot_id`` and, where the sheet has it, ``batch``.

    Returns
    -------
    code
        Unit of each cell, shape (n_cells,).
    units
        ``lot_id lane stated``, one row a unit. Lots without a known batch form one lane that is possible, not stated.
    """
    lot = obs["lot_id"].astype(str).to_numpy()
    batch = obs["batch"].astype(str).to_numpy() if "batch" in obs else np.full(len(obs), "unknown")
    stated = ~np.isin(np.char.lower(batch.astype(str)), list(UNKNOWN))
    key = pd.MultiIndex.from_arrays([lot, np.where(stated, batch, "")], names=["lot_id", "lane"])
    code, names = pd.factorize(key, sort=True)
    units = pd.DataFrame(list(names), columns=["lot_id", "lane"])
    units["stated"] = units["lane"] != ""
    return code, units


def choose_sources(units: pd.DataFrame, rates: np.ndarray, tau: np.ndarray) -> list[list[int]]:
    """Choose for each unit the other lots of its lane that could matter: the richest of each feature.

    Parameters
    ----------
    units
        As of :func:`lane_units`.
    rates
        Rate of each feature in each unit, shape (n_units, n_features).
    tau
        Thresholds, shape (n_features,).
    """
    out: list[list[int]] = []
    for _, row in units.iterrows():
        others = np.flatnonzero((units["lane"] == row["lane"]) & (units["lot_id"] != row["lot_id"]))
        if not len(others):
            out.append([])
            continue
        relative = rates[others] / tau
        richest = others[relative.argmax(axis=0)]
        order = np.argsort(-relative.max(axis=0), kind="stable")
        out.append([int(s) for s in dict.fromkeys(richest[order])][:MAX_SOURCES])
    return out


def exclusive_genes(of_unit: np.ndarray, of_source: np.ndarray, n_unit: float, n_source: float, k: int) -> np.ndarray:
    """Choose the genes that a source has and a unit hardly: the lowest upper bounds of the ratio of their rates.

    Parameters
    ----------
    of_unit, of_source
        Counts by gene, shape (n_genes,).
    n_unit, n_source
        All counts of both.
    k
        Most genes.

    Returns
    -------
    Positions, at most ``k``; more than ``FEW_GENES`` only as far as they are as exclusive as the best.
    """
    expected = n_unit * of_source / n_source
    bound = (of_unit + 2 * np.sqrt(of_unit + 1) + 1) / np.maximum(expected, 1e-9)
    bound[of_source < MIN_SOURCE_COUNTS] = np.inf
    order = np.argsort(bound, kind="stable")[:k]
    order = order[np.isfinite(bound[order])]
    similar = bound[order] <= 2 * bound[order[min(FEWEST_GENES, len(order)) - 1]] if len(order) else np.array([], bool)
    return order[similar | (np.arange(len(order)) < FEW_GENES)]


@dataclass(frozen=True)
class Growth:
    """Counts of a cell that are the same in all (``constant``), and that grow with it, at the mean size (``grows``).

    With their standard errors, and the cells that were used, bool, shape (n_cells,).
    """

    constant: float
    constant_error: float
    grows: float
    grows_error: float
    used: np.ndarray


def growth(y: np.ndarray, n: np.ndarray, *, dispersion: float = 0.3) -> Growth:
    """Split counts into a part that is the same in each cell and one that grows with the cell.

    Weighted least squares of ``y = a + b n`` with errors that do not rest on the weights (sandwich), over typical
    cells: those far above the others, as cells of another kind are, are left out, starting from the lower half.

    Parameters
    ----------
    y, n
        Counts of some genes and total counts, shape (n_cells,).
    dispersion
        Squared coefficient of variation of y that typical cells are granted.
    """
    size = n / n.mean()
    design = np.column_stack([np.ones(len(n)), size])
    rate = y / size
    mean = np.full(len(y), max(float(np.sort(rate)[: max(len(y) // 2, 1)].mean()), 0.0))
    for _ in range(6):
        keep = y <= mean + 5 * np.sqrt(mean + dispersion * mean**2) + 2
        weight = keep / np.maximum(mean, 0.1 * y[keep].mean() + 1e-9)
        gram = (design * weight[:, None]).T @ design
        beta = np.linalg.lstsq(gram, (design * weight[:, None]).T @ y, rcond=None)[0]
        mean = np.maximum(design @ beta, 0.05 * y[keep].mean())
    inverse = np.linalg.pinv(gram)
    score = design * ((y - design @ beta) * weight)[:, None]
    covariance = inverse @ (score.T @ score) @ inverse
    error = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return Growth(float(beta[0]), float(error[0]), float(beta[1]), float(error[1]), keep)


def edge(x: np.ndarray, n: np.ndarray, rates: np.ndarray) -> tuple[float, float]:
    """Bound a source's fraction by the genes that show it least.

    The genes are chosen on half of the cells and counted on the other half, both ways, so that the choice of the lowest
    does not make the bound too low.

    Parameters
    ----------
    x, n
        Counts of the exclusive genes (n_cells, n_genes) and total counts (n_cells,) of typical cells.
    rates
        Rates of the genes in the source, shape (n_genes,).

    Returns
    -------
    Fraction that the counts would mean if all of them were ambient RNA, and its upper bound (two standard errors).
    """
    odd = np.arange(len(n)) % 2 == 1
    seen = expected = 0.0
    for choose, count in ((odd, ~odd), (~odd, odd)):
        chosen = x[choose].sum(axis=0)
        bound = (chosen + 2 * np.sqrt(chosen + 1) + 1) / np.maximum(n[choose].sum() * rates, 1e-9)
        least = np.argsort(bound, kind="stable")[:N_EDGE]
        seen += float(x[count][:, least].sum())
        expected += float(n[count].sum() * rates[least].sum())
    expected = max(expected, 1e-9)
    return seen / expected, (seen + 2 * np.sqrt(seen + 1) + 1) / expected


def same_sources(overlap: np.ndarray) -> np.ndarray:
    """Group the sources that have much of each other's exclusive RNA; codes from 0, shape (n_sources,)."""
    from scipy.sparse.csgraph import connected_components

    return connected_components((overlap > SAME) & (overlap.T > SAME), directed=False)[1]


def estimate(
    obs: pd.DataFrame, totals: np.ndarray, tracers: sp.csc_matrix | None, features: Features, own: np.ndarray
) -> LaneAmbient:
    """Estimate what the other lots of each lane add to each lot.

    Parameters
    ----------
    obs
        ``lot_id`` and ``batch`` by cell.
    totals
        Total counts, shape (n_cells,).
    tracers
        Counts of genes that may distinguish lots, without the panel's markers, CSC, shape (n_cells, n_genes).
        Without them any fraction up to ``MAX_FRACTION`` is possible.
    features
        What the gate judges by.
    own
        Rate that the lot's own ambient RNA is taken to add, shape (n_cells, n_features).
    """
    code, units = lane_units(obs)
    x, tau = features.x, features.tau
    n_units, n_features = len(units), x.shape[1]
    sums = np.array([np.bincount(code, x[:, f], n_units) for f in range(n_features)]).T
    size = np.bincount(code, totals, n_units)
    rates = sums / size[:, None]
    sources = choose_sources(units, rates, tau)
    low, center, high = (np.zeros((n_units, n_features)) for _ in range(3))
    fraction, constant, rows = np.zeros((3, n_units)), np.ones(n_units), []
    if tracers is None:
        tracers = sp.csc_matrix((len(code), 0))
    gene_sums = np.asarray((_indicator(code, n_units) @ tracers).todense(), float)
    for u in range(n_units):
        cells = np.flatnonzero(code == u)
        n = totals[cells]
        if sources[u]:
            most = MAX_FRACTION[bool(units["stated"][u])]
            fit = _fit_unit(u, cells, n, sources=sources[u], counts=tracers, gene_sums=gene_sums, size=size, most=most)
            for group in fit:
                of = rates[group["members"]]
                low[u] += group["low"] * of.min(axis=0) * (1 - group["spread"])
                center[u] += group["estimate"] * of.mean(axis=0)
                spread = group["spread"] * group["estimate"] * of.max(axis=0)
                more = (group["high"] - group["estimate"]) * of.max(axis=0)
                high[u] = np.maximum(high[u], more + spread)
                fraction[:, u] += group["low"], group["estimate"], group["high"]
                rows.append(
                    {
                        "lot_id": units["lot_id"][u],
                        "lane": units["lane"][u],
                        "lane_stated": bool(units["stated"][u]),
                        "source": ";".join(units["lot_id"][group["members"]]),
                        **{
                            key: group[key]
                            for key in ("low", "estimate", "high", "constant", "spread", "n_genes", "basis")
                        },
                    }
                )
            high[u] += center[u]
            evident = [group for group in fit if group["estimate"] > 0]
            if evident:
                constant[u] = _constant_part(evident)
        if len(cells) >= MIN_CELLS:
            high[u] = np.maximum(high[u], _unknown(x[cells], n, rates[u], tau) - own[cells].mean(axis=0))
    material = (high - low > MATERIAL * tau).any(axis=1)
    for end in (low, high):
        end[~material] = center[~material]
    fraction[:, ~material] = fraction[1, ~material]
    mean_total = size / np.bincount(code, minlength=n_units)
    table = pd.DataFrame(rows, columns=COLUMNS)
    return LaneAmbient(table, code, low, center, high, fraction, constant, mean_total, material)


def _constant_part(groups: list[dict]) -> float:
    """Part of the ambient RNA of some sources that is the same number of counts in each cell."""
    weight = np.array([group["estimate"] for group in groups])
    part = np.array([group["constant"] / max(group["constant"], group["lowest"], 1e-12) for group in groups])
    return float(np.clip(part @ weight / weight.sum(), 0, 1))


def _indicator(code: np.ndarray, n_units: int) -> sp.csr_matrix:
    return sp.csr_matrix((np.ones(len(code)), (code, np.arange(len(code)))), shape=(n_units, len(code)))


def _fit_unit(u, cells, n, *, sources, counts, gene_sums, size, most) -> list[dict]:
    """Fit the fractions of a unit's sources, those that cannot be separated together."""
    k = MOST_GENES
    genes = [exclusive_genes(gene_sums[u], gene_sums[s], size[u], size[s], k) for s in sources]
    kept = [i for i, g in enumerate(genes) if len(g)]
    untold = [s for i, s in enumerate(sources) if i not in kept]
    sources, genes = [sources[i] for i in kept], [genes[i] for i in kept]
    bounds = {
        "low": 0.0,
        "estimate": 0.0,
        "high": most,
        "constant": np.nan,
        "n_genes": 0,
        "basis": "no informative gene",
    }
    open_ = [{**bounds, "members": [s], "spread": PROFILE_ERROR} for s in untold]
    if not sources:
        return open_
    rate = gene_sums / size[:, None]
    overlap = np.array(
        [[rate[t, g].sum() / rate[s, g].sum() for t in sources] for s, g in zip(sources, genes, strict=True)]
    )
    groups = same_sources(overlap)
    fits = []
    rows = counts[cells]
    for group in np.unique(groups):
        inside = np.flatnonzero(groups == group)
        members = [sources[i] for i in inside]
        columns = np.unique(np.concatenate([genes[i] for i in inside]))
        profile = gene_sums[np.ix_(members, columns)].sum(axis=0) / size[members].sum()
        x = np.asarray(rows[:, columns].todense(), float)
        total = float(profile.sum())
        if len(cells) >= MIN_CELLS:
            split = growth(x.sum(axis=1), n, dispersion=SUM_DISPERSION)
            keep = split.used
            scale = total * n[keep].mean()
            constant, error = split.constant / scale, split.constant_error / scale
        else:
            constant, error, keep = 0.0, 1.0, np.ones(len(n), bool)
        lowest, upper = edge(x[keep], n[keep], profile)
        fits.append(
            {
                "members": members,
                "columns": columns,
                "total": total,
                "constant": constant,
                "error": float(np.sqrt(error**2 + (0.02 * constant) ** 2 + 3e-4**2)),
                "lowest": lowest,
                "upper": upper,
                "spread": _spread_at_one_ratio(
                    x[keep].sum(axis=0), n[keep].sum() * profile, gene_sums[np.ix_(members, columns)].sum(axis=0)
                ),
                "n_genes": len(columns),
            }
        )
    return _share_out(fits, rate, most) + open_


def _spread_at_one_ratio(seen: np.ndarray, expected: np.ndarray, of_source: np.ndarray) -> float:
    """Tell whether exclusive genes are seen at one ratio to their source, and how much they differ beyond counting.

    Ambient RNA shows all of them at one ratio; a lot's own weak expression shows them at ratios that differ by
    orders of magnitude.

    Parameters
    ----------
    seen, expected
        Counts of each gene, and counts if all RNA were the source's; shape (n_genes,).
    of_source
        Counts of each gene in the source, shape (n_genes,).

    Returns
    -------
    Relative standard deviation of the ratios, at least 0.03; NaN where they are not one.
    """
    middle = float(np.median(seen / expected))
    informative = expected * middle >= 8
    if informative.sum() < FEWEST_GENES or middle > MAX_SHARP:
        return np.nan
    mean = expected[informative] * middle
    apart = np.log(np.maximum(seen[informative], 0.5) / mean)
    if np.mean(np.abs(apart) < np.log(1.6)) < 0.85:
        return np.nan
    square = (1.4826 * float(np.median(np.abs(apart)))) ** 2 - float(np.median(1 / mean + 1 / of_source[informative]))
    return float(np.clip(np.sqrt(max(square, 0.0)), 0.03, 0.3))


def _share_out(fits: list[dict], rate: np.ndarray, most: float) -> list[dict]:
    """Let the sources explain each other's exclusive counts (non-negative least squares), and set the ranges."""
    m = np.array(
        [[rate[np.ix_(t["members"], s["columns"])].mean(axis=0).sum() / s["total"] for t in fits] for s in fits]
    )
    error = np.array([fit["error"] for fit in fits])
    constant = np.array([fit["constant"] for fit in fits])
    sharp = np.array([np.isfinite(fit["spread"]) for fit in fits])
    seen = np.where(sharp, np.maximum(constant, [fit["lowest"] for fit in fits]), constant)
    share = nnls(m / error[:, None], seen / error)[0]
    low = np.where(share > EVIDENT * error, np.maximum(share - 2 * error, 0), 0.0)
    for i, fit in enumerate(fits):
        fit["spread"] = fit["spread"] if sharp[i] else PROFILE_ERROR
        explained = float(m[i] @ low - m[i, i] * low[i])
        upper, lowest = (max(fit[key] - explained, 0.0) for key in ("upper", "lowest"))
        if low[i] > 0:
            fit["low"], fit["high"] = float(low[i]), max(upper, float(share[i] + 2 * error[i]))
            fit["estimate"] = float(np.clip((share[i] + lowest) / 2, fit["low"], fit["high"]))
            at_one_ratio, grow_not = (
                "{} genes at one ratio to their source",
                "counts of {} genes do not grow with the cell",
            )
            fit["basis"] = (at_one_ratio if sharp[i] else grow_not).format(fit["n_genes"])
        else:
            fit["low"], fit["estimate"], fit["high"] = 0.0, 0.0, min(upper, most)
            fit["basis"] = f"no more than {fit['n_genes']} genes allow"
    return fits


def _unknown(x: np.ndarray, n: np.ndarray, rates: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """Rate of each feature that is the same number of counts in every typical cell, regardless of its source.

    Shape (n_features,); 0 where that is not evident, or where the part that grows with the cell is above the threshold.
    """
    out = np.zeros(x.shape[1])
    for f in range(x.shape[1]):
        y = x[:, f].astype(float)
        if y.sum() < 20:
            continue
        split = growth(y, n)
        evident = split.constant > EVIDENT * split.constant_error
        if evident and split.grows + 2 * split.grows_error < tau[f] * n.mean():
            out[f] = min((split.constant + 2 * split.constant_error) / n.mean(), rates[f])
    return out


def genes_to_read(cells: AnnData, markers: Iterable[str], lineages: Iterable[Lineage]) -> pd.Index:
    """Choose the genes by which the lots of a lane differ, beside those that the gate reads anyway.

    Parameters
    ----------
    cells
        ``obs`` with ``lot_id sample_id`` and, where the sheet has it, ``batch``; ``varm["counts"]``, the counts of each
        gene in each sample, without which no further gene is chosen.
    markers
        Genes of the panel, which are not chosen.
    lineages
        Panels whose genes show which lots are rich in what.
    """
    if "counts" not in cells.varm:
        return cells.var_names[:0]
    table = pd.DataFrame(cells.varm["counts"], index=cells.var_names)
    samples = cells.obs.drop_duplicates("sample_id")
    code, units = lane_units(samples)
    n_units = len(units)
    if n_units < 2:
        return cells.var_names[:0]
    known = samples["sample_id"].astype(str).isin(table.columns).to_numpy()
    by_sample = table[samples["sample_id"].astype(str)[known]].to_numpy(float)
    sums = by_sample @ np.eye(n_units)[code[known]]
    size = np.maximum(sums.sum(axis=0), 1)
    features = [[g] for g in markers] + [[*lineage.genes] for lineage in lineages]
    rows = [cells.var_names.get_indexer(genes) for genes in features]
    rates = np.array([sums[r[r >= 0]].sum(axis=0) for r in rows]).T / size[:, None]
    sources = choose_sources(units, rates, np.full(len(features), 1e-6))
    sums[cells.var_names.get_indexer([g for g in markers if g in cells.var_names])] = 0
    k = int(np.clip(MAX_GENES // max(sum(map(len, sources)), 1), FEWEST_GENES, MOST_GENES))
    chosen = [exclusive_genes(sums[:, u], sums[:, s], size[u], size[s], k) for u in range(n_units) for s in sources[u]]
    return cells.var_names[np.unique(np.concatenate(chosen))] if chosen else cells.var_names[:0]


def join_answers(answers: list[list[dict]]) -> list[dict]:
    """Join the answers of a lot at the estimate of the ambient RNA of other lots and at both ends of its range.

    The interval holds those of all three. A criterion whose verdict is not the same at all three is open.

    Parameters
    ----------
    answers
        Rows of :func:`mscape.gating.lots.judge_lot`, those at the estimate first.
    """
    rows = []
    for row, *others in zip(*answers, strict=True):
        joined = dict(row)
        for end, pick in (("low", np.fmin), ("high", np.fmax), ("max_hidden_fraction", np.fmax)):
            joined[end] = float(pick.reduce([r[end] for r in (row, *others)]))
        verdicts = {r["verdict"] for r in (row, *others)}
        if len(verdicts) > 1 and row["verdict"] != "not_assessable":
            joined |= {"verdict": "inconclusive", "reason": "AMBIENT_RISK"}
        rows.append(joined)
    phenotype, criteria = rows[-1], rows[:-1]
    failing = any(row["verdict"] == "fails" for row in criteria)
    at_risk = any(row["reason"] == "AMBIENT_RISK" for row in criteria)
    if phenotype["verdict"] == "fails" and at_risk and not failing:
        rows[-1] = phenotype | {"verdict": "inconclusive", "reason": "AMBIENT_RISK"}
    return rows
