"""The middle of the report: identity, purity, sub-populations, scores, comparisons, confounders, quality."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.report import charts, colours
from mscape.report.charts import MEETS, Interval
from mscape.report.collect import finite, natural
from mscape.report.tables import Cell, Table, from_frame, guess_columns, number

if TYPE_CHECKING:
    from mscape.report.collect import Dataset

AXES = (  # title, words in the axis name, glossary term
    ("Immunoregulatory axes", ("immun", "licens", "interferon", "inflam", "sasp"), "immunoregulation"),
    ("Senescence", ("senesc", "arrest"), "senescence"),
    ("Trilineage and commitment", ("trilineage", "osteo", "adipo", "chondro", "differentiation"), "trilineage"),
    ("Confounders and controls", ("confound", "control", "cycle", "prolif", "stress", "dissoc"), "confounder"),
    ("Other signatures", ("",), "score_z"),
)
HEAT_LIMIT = 3.0  # z at which the colour saturates
CALLED = 2.0  # a list counts as raised above this z


def identity(dataset: Dataset) -> dict:
    """Interval charts per criterion and the gate table."""
    table = dataset.tables.get("gate_table")
    if table is None:
        return {"missing": dataset.missing["gate_table"]}
    panel = dataset.stage("gate", "gate_msc")
    limits = {
        "positive": finite(panel.get("min_positive")) or 0.95,
        "negative": finite(panel.get("max_negative")) or 0.02,
    }
    figures = []
    order = {lot: i for i, lot in enumerate(dataset.lots)}
    for (kind, criterion), part in _ordered(table).groupby(["kind", "criterion"], sort=False):
        part = part.sort_values("lot_id", key=lambda lots: lots.map(order), kind="stable")
        rows = [
            Interval(r.lot_id, finite(r.estimate), finite(r.low), finite(r.high), MEETS.get(r.verdict, ""),
                     finite(getattr(r, "detected_fraction", None)), f"{r.verdict} {getattr(r, 'reason', '')}")
            for r in part.itertuples(index=False)
        ]  # fmt: skip
        title = {"overall": "All criteria together"}.get(kind, f"{criterion} ({kind})")
        svg = charts.fractions(
            rows, kind=kind, limit=limits.get(kind), title=f"{title}: share of cells per lot with interval"
        )
        term = {"positive": "positive_marker", "negative": "negative_marker"}.get(kind, "hero_cells")
        figures.append({"id": f"gate-{kind}-{criterion}", "title": title, "svg": svg, "term": term, "kind": kind})
    columns = (
        ("lot_id", "Lot", "text", "lot"), ("criterion", "Criterion", "text", ""), ("kind", "Kind", "text", ""),
        ("verdict", "Verdict", "verdict", "verdict"), ("estimate", "Estimate", "percent", "gate"), ("low", "Low", "percent", "interval"),
        ("high", "High", "percent", "interval"), ("detected_fraction", "Naive detection", "percent", "naive"),
        ("n_cells", "Cells", "number", ""), ("reason", "Reason", "text", "isct_reason"),
    )  # fmt: skip
    reasons = None
    if "isct_reason" in dataset.obs:
        reasons = _reasons(dataset.obs)
    return {
        "figures": figures,
        "table": from_frame(table, id="gate", caption="Gate criteria per lot", columns=columns),
        "reasons": reasons,
        "limits": limits,
    }


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    rank = table["kind"].map({"overall": 0, "positive": 1, "negative": 2}).fillna(3)
    return table.assign(_rank=rank).sort_values("_rank", kind="stable")


def _reasons(obs: pd.DataFrame) -> Table:
    count = obs.groupby(["isct_call", "isct_reason"], observed=True).size().reset_index(name="n_cells")
    count["share"] = count["n_cells"] / len(obs)
    count["isct_reason"] = count["isct_reason"].replace("", "no remark")
    count = count.sort_values("n_cells", ascending=False)
    columns = (("isct_call", "Call", "text", "isct_call"), ("isct_reason", "Reason", "text", "isct_reason"),
               ("n_cells", "Cells", "number", ""), ("share", "Share", "percent", ""))  # fmt: skip
    return from_frame(count, id="reasons", caption="Calls and their reasons, all cells", columns=columns)


def purity(dataset: Dataset) -> dict:
    """Identities per lot as stacked bars, and the contaminant table."""
    table = dataset.tables.get("contaminants")
    if table is None:
        return {"missing": dataset.missing["contaminants"]}
    shares = (
        table.pivot_table(index="lot_id", columns="identity", values="fraction", aggfunc="sum")
        .reindex(dataset.lots)
        .fillna(0.0)
    )
    names = [n for n in shares.columns if n != "MSC-like" and shares[n].max() > 0]
    names = sorted(names, key=lambda n: -shares[n].sum())
    palette = dict(zip(names, colours.categories(names), strict=True))
    rows = [(lot, [(n, float(shares.at[lot, n]), palette[n]) for n in names]) for lot in dataset.lots]
    figure = (
        charts.stacks(_zoomed(rows), title="Cells of other identity per lot", axis=_zoom_axis(rows)) if names else None
    )
    columns = (
        ("lot_id", "Lot", "text", "lot"), ("identity", "Identity", "text", "isct_identity"), ("n_cells", "Cells", "number", ""),
        ("fraction", "Share", "percent", "contaminants"), ("low", "Low", "percent", "interval"), ("high", "High", "percent", "interval"),
    )  # fmt: skip
    found = table[table["n_cells"] > 0].sort_values(["fraction"], ascending=False)
    return {
        "figure": figure,
        "legend": list(palette.items()),
        "table": from_frame(found, id="contaminants", caption="Cells of other identity, per lot", columns=columns),
    }


def _scale(rows) -> float:
    top = max((sum(s for _, s, _ in shares) for _, shares in rows), default=1.0)
    return next(limit for limit in (0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if top <= limit or limit == 1.0)


def _zoomed(rows):
    scale = _scale(rows)
    return [(lot, [(n, min(s / scale, 1.0), c) for n, s, c in shares]) for lot, shares in rows]


def _zoom_axis(rows) -> str:
    scale = _scale(rows)
    return (
        "share of cells (%)" if scale == 1.0 else f"per cent of the full width = {scale * 100:g} % of the lot's cells"
    )


def subpopulations(dataset: Dataset, *, max_markers: int) -> dict:
    """Choice of resolution, stability, markers and enriched terms."""
    result: dict = {"missing": dataset.missing.get("clusters", ""), "stage": dataset.stage("clusters", "cluster_cells")}
    result["scope"] = dataset.stage("embedding_msc", "embed_cells")
    curve = dataset.tables.get("resolutions")
    if curve is not None and len(curve):
        curve = curve.sort_values("resolution")
        chosen = (
            curve.get("chosen", pd.Series(False, index=curve.index)).astype(str).str.lower().isin(["true", "1", "1.0"])
        )
        points = [
            (float(r.resolution), float(r.ari_mean), _or(getattr(r, "ari_low", None), r.ari_mean), _or(getattr(r, "ari_high", None), r.ari_mean),
             f"{r.resolution:g}, {int(r.n_clusters)} cluster{'s' if r.n_clusters != 1 else ''}", bool(c))
            for r, c in zip(curve.itertuples(index=False), chosen, strict=True) if finite(r.ari_mean) is not None
        ]  # fmt: skip
        if points:
            result["curve"] = charts.curve(
                points,
                title="Agreement of resampled clusterings by resolution",
                x_axis="Leiden resolution",
                y_axis="mean ARI",
            )
    stability = dataset.tables.get("stability")
    if stability is not None:
        columns = (
            ("cluster", "Sub-population", "text", "leiden"), ("n_cells", "Cells", "number", ""), ("jaccard", "Jaccard", "number", "stability"),
            ("stable", "Stable", "flag", "stability"), ("n_lots", "Lots", "number", ""),
            ("largest_lot_fraction", "Largest lot's share", "percent", ""), ("reason", "Remark", "text", ""),
        )  # fmt: skip
        result["stability"] = from_frame(
            stability, id="stability", caption="Sub-populations and their stability", columns=columns
        )
    for key, caption, sort, columns in (
        ("markers", "Marker genes", "rank", (("cluster", "Sub-population", "text", "leiden"), ("gene", "Gene", "text", "markers"), ("rank", "Rank", "number", ""),
            ("log2_fold_change", "log2 fold change", "number", ""), ("fraction_in", "Cells with counts, in", "percent", ""),
            ("fraction_out", "and outside", "percent", ""), ("pvalue_adj", "Adjusted p (ranks only)", "number", "markers"), ("surface", "Surface protein", "flag", ""))),
        ("enrichment", "Enriched gene sets", None, (("cluster", "Sub-population", "text", "leiden"), ("term", "Gene set", "text", "enrichment"), ("method", "Method", "text", "enrichment"),
            ("nes", "NES", "number", "enrichment"), ("fdr", "FDR", "number", "enrichment"), ("n_genes", "Genes", "number", ""), ("genes", "Leading genes", "text", ""))),
    ):  # fmt: skip
        table = dataset.tables.get(key)
        if table is None:
            continue
        if sort is None:
            sort = "fdr" if "fdr" in table else "term"
        shown = table.sort_values(sort, kind="stable").groupby("cluster", sort=False).head(max_markers)
        shown = shown.assign(
            _order=shown["cluster"].map({c: i for i, c in enumerate(natural(table["cluster"].unique()))})
        )
        shown = shown.sort_values("_order", kind="stable")
        if "genes" in shown:
            shown["genes"] = (
                shown["genes"].astype(str).str.replace(";", ", ").map(lambda text: charts.shorten(text, 90))
            )
        more = (
            f"{len(shown)} of {len(table)} rows: the first {max_markers} per sub-population. All are in {key}.tsv."
            if len(shown) < len(table)
            else ""
        )
        result[key] = from_frame(shown, id=key, caption=caption, columns=columns, more=more)
    return result


def _or(value: object, other: float) -> float:
    value = finite(value)
    return float(other) if value is None else value


def scores(dataset: Dataset) -> dict:
    """Lot x signature heat tables, one per axis, and the table of signatures."""
    summary, sets = dataset.tables.get("score_summary"), dataset.tables.get("signatures")
    if summary is None or sets is None:
        return {"missing": dataset.missing.get("score_summary") or dataset.missing.get("signatures")}
    wide = summary.pivot_table(index="lot_id", columns="signature", values="z", dropna=False).reindex(dataset.lots)
    low = (
        summary.pivot_table(index="lot_id", columns="signature", values="low", dropna=False).reindex(dataset.lots)
        if "low" in summary
        else None
    )
    high = (
        summary.pivot_table(index="lot_id", columns="signature", values="high", dropna=False).reindex(dataset.lots)
        if "high" in summary
        else None
    )
    group = (
        sets["axis"]
        .str.lower()
        .map(lambda axis: next(i for i, (_, words, _) in enumerate(AXES) if any(w in axis for w in words)))
    )
    scored = [c for c in wide.columns if wide[c].notna().any()]
    heats = []
    for i, (title, _, term) in enumerate(AXES):
        part = sets[(group == i) & sets["id"].isin(scored)].sort_values("axis", kind="stable")
        if not len(part):
            continue
        heats.append(_heat(wide, low, high, part, title, term, f"heat-{i}"))
    columns = (
        ("id", "Signature", "text", ""), ("axis", "Axis", "text", ""), ("direction", "Direction", "text", ""), ("n_found", "Genes found", "number", ""),
        ("n_genes", "of", "number", ""), ("coverage", "Coverage", "percent", "coverage"), ("used", "Scored", "flag", ""),
        ("reason", "Reason", "text", ""), ("source", "Source", "text", ""),
    )  # fmt: skip
    table = from_frame(sets, id="signatures", caption="Signatures, their source and coverage", columns=columns)
    unused = sets[~sets["id"].isin(scored)]
    return {"heats": heats, "table": table, "unused": len(unused), "limit": HEAT_LIMIT}


def _heat(wide, low, high, part, title: str, term: str, id: str) -> Table:
    ids = list(part["id"])
    consensus = term == "senescence" and len(ids) > 1
    columns = [("Lot", "text", "lot")] + ([("Lists raised", "text", "senescence")] if consensus else [])
    columns += [(i.replace("_", " "), "heat", "") for i in ids]
    groups = [("", 2 if consensus else 1)]
    for axis in part["axis"]:
        if groups[-1][0] == axis:
            groups[-1] = (axis, groups[-1][1] + 1)
        else:
            groups.append((axis, 1))
    up = {r.id: -1.0 if str(getattr(r, "direction", "up")) == "down" else 1.0 for r in part.itertuples(index=False)}
    rows = []
    for lot in wide.index:
        row = [Cell(lot)]
        if consensus:
            known = [wide.at[lot, i] * up[i] for i in ids if np.isfinite(wide.at[lot, i])]
            raised = sum(v > CALLED for v in known)
            row.append(Cell(f"{raised} of {len(known)}", raised))
        for i in ids:
            z = finite(wide.at[lot, i])
            text = "n/a" if z is None else f"{z:+.1f}"
            ends = (finite(t.at[lot, i]) if t is not None and i in t else None for t in (low, high))
            a, b = ends
            note = f"{i} in {lot}: z {number(z)}" + (
                f", 95 % interval {a:+.2f} to {b:+.2f}" if a is not None and b is not None else ""
            )
            row.append(Cell(text, z, bin=colours.ramp_bin(z, HEAT_LIMIT), note=note))
        rows.append(row)
    note = f"A list counts as raised above z = {CALLED:g}." if consensus else ""
    return Table(id, title, columns, rows, note=note, classes="heat", groups=groups)


def compared(dataset: Dataset) -> dict:
    """Contrasts as forest charts and table; composition of the lots."""
    result: dict = {"missing": dataset.missing.get("contrasts", ""), "figures": []}
    table = dataset.tables.get("contrasts")
    if table is not None:
        words = {"score": "signature scores", "composition": "sub-populations", "gene": "genes"}
        for (contrast, kind), part in table.groupby(["contrast", "kind"], sort=False):
            part = part[part["estimate"].notna()]
            part = part.reindex(part["estimate"].abs().sort_values(ascending=False).index).head(25)
            if not len(part) or len(result["figures"]) >= 24:
                continue
            rows = [Interval(r.feature, finite(r.estimate), finite(getattr(r, "low", None)), finite(getattr(r, "high", None)), "",
                             None, getattr(r, "note", "")) for r in part.itertuples(index=False)]  # fmt: skip
            title = f"{contrast}: {words.get(kind, kind)}"
            axis = {"score": "difference of z", "gene": "log2 fold change"}.get(kind, "difference")
            result["figures"].append(
                {"title": title, "svg": charts.forest(rows, title=title, axis=axis), "term": "contrast"}
            )
        columns = (
            ("contrast", "Contrast", "text", "contrast"), ("kind", "Kind", "text", ""), ("feature", "Feature", "text", ""), ("estimate", "Difference", "number", "contrast"),
            ("low", "Low", "number", "interval"), ("high", "High", "number", "interval"), ("n_reference", "Donors, reference", "number", ""),
            ("n_other", "Donors, other", "number", ""), ("pvalue", "p", "number", ""), ("pvalue_adj", "Adjusted p", "number", ""), ("note", "Note", "text", ""),
        )  # fmt: skip
        order = table.assign(_size=-table["estimate"].abs()).sort_values(["contrast", "kind", "_size"], kind="stable")
        shown = order.groupby(["contrast", "kind"], sort=False).head(100)
        more = (
            f"{len(shown)} of {len(table)} rows: the largest 100 of each kind. All are in contrasts.tsv."
            if len(shown) < len(table)
            else ""
        )
        result["table"] = from_frame(
            shown, id="contrasts", caption="Contrasts between groups of donors", columns=columns, more=more
        )
    table = dataset.tables.get("composition")
    if table is None:
        result["no_composition"] = dataset.missing["composition"]
        return result
    names = natural(table["cluster"].unique())
    palette = dict(zip(names, colours.categories(names), strict=True))
    shares = (
        table.pivot_table(index="lot_id", columns="cluster", values="fraction", aggfunc="sum")
        .reindex(dataset.lots)
        .fillna(0.0)
    )
    rows = [(lot, [(n, float(shares.at[lot, n]), palette[n]) for n in names]) for lot in dataset.lots]
    result["composition"] = charts.stacks(
        rows, title="Sub-populations per lot", axis="share of the lot's clustered cells (%)"
    )
    result["legend"] = list(palette.items())
    columns = (
        ("lot_id", "Lot", "text", "lot"), ("cluster", "Sub-population", "text", "leiden"), ("n_cells", "Cells", "number", ""),
        ("fraction", "Share", "percent", "composition"), ("low", "Low", "percent", "interval"), ("high", "High", "percent", "interval"),
    )  # fmt: skip
    result["composition_table"] = from_frame(
        table, id="composition", caption="Composition of the lots", columns=columns
    )
    return result


def confounders(dataset: Dataset) -> dict:
    """The confounder table as it is: its columns are the step's."""
    table = dataset.tables.get("confounders")
    if table is None:
        return {"missing": dataset.missing["confounders"]}
    more = f"{500} of {len(table)} rows." if len(table) > 500 else ""
    return {
        "table": from_frame(
            table.head(500),
            id="confounders",
            caption="Association of scores with confounders",
            columns=guess_columns(table),
            more=more,
        )
    }
