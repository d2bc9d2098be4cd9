"""Sub-populations: how their number was chosen, how stable they are, what marks them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from mscape.report.charts import colours
from mscape.report.charts.curves import curve
from mscape.report.dataset import natural
from mscape.report.numbers import finite, shorten, signature_name
from mscape.report.section import Section
from mscape.report.sections.cluster_structure import structure
from mscape.report.sections.enrichment import pictures
from mscape.report.tables import from_frame

if TYPE_CHECKING:
    from mscape.report.dataset import Dataset
    from mscape.report.options import ReportOptions
    from mscape.report.tables import Table

TOP_GENES = 8
TOP_TERMS = 3
STABILITY = (
    ("cluster", "Sub-population", "text", "leiden"),
    ("n_cells", "Cells", "number", "cells"),
    ("jaccard", "Jaccard", "number", "stability"),
    ("stable", "Stable", "flag", "stability"),
    ("n_lots", "Lots", "number", "n_lots"),
    ("largest_lot_fraction", "Largest lot's share", "percent", "largest_lot"),
    ("doublet_fraction", "Doublets", "percent", "predicted_doublet"),
    ("reason", "Remark", "text", ""),
)
RESOLUTIONS = (
    ("resolution", "Resolution", "number", "resolution"),
    ("n_clusters", "Clusters", "number", "resolution"),
    ("ari_mean", "Mean ARI", "number", "ari"),
    ("ari_low", "Low", "number", "interval"),
    ("ari_high", "High", "number", "interval"),
    ("chosen", "Chosen", "flag", "resolution"),
)
MARKERS = (
    ("cluster", "Sub-population", "text", "leiden"),
    ("gene", "Gene", "text", "markers"),
    ("rank", "Rank", "number", "markers"),
    ("log2_fold_change", "log2 fold change", "number", "fold_change"),
    ("fraction_in", "Cells with counts, in", "percent", "fraction_in"),
    ("fraction_out", "and outside", "percent", "fraction_in"),
    ("pvalue_adj", "Adjusted p (ranks only)", "number", "markers"),
    ("n_donors_up", "Donors with it up", "number", "donors_up"),
    ("n_donors", "of", "number", "donors_up"),
    ("surface", "On the surface", "flag", ""),
    ("protein", "Protein", "text", ""),
)
TERMS = (
    ("cluster", "Sub-population", "text", "leiden"),
    ("term", "Gene set", "text", "enrichment"),
    ("method", "Method", "text", "enrichment"),
    ("nes", "NES", "number", "enrichment"),
    ("odds_ratio", "Odds ratio", "number", "odds_ratio"),
    ("odds_low", "Low", "number", "interval"),
    ("odds_high", "High", "number", "interval"),
    ("fdr", "FDR", "number", "enrichment"),
    ("n_leading", "Genes that lead", "number", "leading"),
    ("n_genes", "Genes of the set", "number", "enrichment"),
    ("n_list", "Genes ranked or chosen", "number", "enrichment"),
    ("genes", "Leading or shared genes", "text", "leading"),
)


def subpopulations(dataset: Dataset, options: ReportOptions) -> dict:
    """Choice of resolution, an overview of each sub-population, its structure, markers and enriched terms.

    Parameters
    ----------
    dataset
        The stage files, read.
    options
        ``max_markers``: rows per sub-population in the tables.
    """
    result = {
        "missing": dataset.missing.get("clusters", ""),
        "stage": dataset.stage("clusters", "cluster_cells"),
        "scope": dataset.stage("embedding_msc", "embed_cells"),
        "curve": _curve(dataset.tables.get("resolutions")),
        "overview": _overview(dataset),
        "structure": structure(dataset),
        "enriched": pictures(dataset, "cluster"),
    }
    resolutions = dataset.tables.get("resolutions")
    if resolutions is not None and len(resolutions):
        caption = "Agreement of resampled clusterings"
        result["resolutions"] = from_frame(resolutions, id="resolutions", caption=caption, columns=RESOLUTIONS)
    stability = dataset.tables.get("stability")
    if stability is not None:
        caption = "Sub-populations and their stability"
        result["stability"] = from_frame(stability, id="stability", caption=caption, columns=STABILITY)
    markers = dataset.tables.get("markers")
    if markers is not None and len(markers):
        result["markers"] = _top(
            markers.sort_values("rank", kind="stable"), "markers", "Marker genes", MARKERS, options.max_markers
        )
    terms = _cluster_terms(dataset)
    if terms is not None and len(terms):
        terms = terms.sort_values("fdr", kind="stable")
        result["enrichment"] = _top(terms, "enrichment", "Enriched gene sets", TERMS, options.max_markers)
    return result


def _cluster_terms(dataset: Dataset) -> pd.DataFrame | None:
    """Enriched terms of clusters; those of contrasts are distinguished by ``scope``."""
    terms = dataset.tables.get("enrichment")
    return None if terms is None else terms[terms["scope"] == "cluster"]


def _curve(table: pd.DataFrame | None):
    if table is None:
        return None
    table = table[table["ari_mean"].notna()].sort_values("resolution")
    if len(table) < 2:
        return None
    points = []
    for row, mark in zip(table.to_dict("records"), table["chosen"], strict=True):
        mean = float(row["ari_mean"])
        low, high = (v if (v := finite(row.get(k))) is not None else mean for k in ("ari_low", "ari_high"))
        n = int(row["n_clusters"])
        points.append(
            (
                float(row["resolution"]),
                mean,
                low,
                high,
                f"{row['resolution']:g}, {n} cluster{'s' if n != 1 else ''}",
                bool(mark),
            )
        )
    title = "Agreement of resampled clusterings by resolution"
    return curve(points, title=title, x_axis="Leiden resolution", y_axis="mean ARI")


def _overview(dataset: Dataset) -> list[dict]:
    """One card per sub-population: size, stability, first marker genes, surface markers, enriched terms."""
    stability, markers, terms = dataset.tables.get("stability"), dataset.tables.get("markers"), _cluster_terms(dataset)
    if stability is None:
        return []
    names = natural(stability["cluster"])
    palette = dict(zip(names, colours.categories(names), strict=True))
    total = max(float(stability["n_cells"].sum()), 1.0)
    labels = dataset.tables.get("cluster_names")
    labels = {} if labels is None else labels.set_index("cluster").to_dict("index")
    cards = []
    for row in stability.to_dict("records"):
        name = row["cluster"]
        card = {
            "name": name,
            "label": label if (label := labels.get(name, {}).get("name", "")) != name else "",
            "confidence": labels.get(name, {}).get("confidence", ""),
            "colour": palette[name],
            "n_cells": int(row["n_cells"]),
            "share": float(row["n_cells"]) / total,
            "jaccard": finite(row["jaccard"]),
            "stable": None if pd.isna(row["stable"]) else bool(row["stable"]),
            "reason": row.get("reason") or "",
            "genes": [],
            "surface": [],
            "terms": [],
        }
        if markers is not None:
            own = markers[markers["cluster"] == name].sort_values("rank", kind="stable")
            own = own[own["log2_fold_change"].isna() | (own["log2_fold_change"] > 0)]
            card["genes"] = list(own["gene"].head(TOP_GENES))
            card["surface"] = list(own.loc[own["surface"], "gene"].head(4))
        if terms is not None:
            own = terms[(terms["cluster"] == name) & (terms["fdr"] < 0.05)]
            own = own[own["nes"].isna() | (own["nes"] > 0)]
            own = own.sort_values("fdr", kind="stable").drop_duplicates("term")
            card["terms"] = [signature_name(term) for term in own["term"].head(TOP_TERMS)]
        cards.append(card)
    return cards


def _top(table: pd.DataFrame, key: str, caption: str, columns: tuple, limit: int) -> Table:
    """Show the first rows of each sub-population, in the order of the sub-populations."""
    order = {name: i for i, name in enumerate(natural(table["cluster"].unique()))}
    shown = table.groupby("cluster", sort=False).head(limit)
    shown = shown.sort_values("cluster", key=lambda names: names.map(order), kind="stable")
    if "genes" in shown:
        shown = shown.assign(
            genes=shown["genes"].astype(str).str.replace(";", ", ").map(lambda text: shorten(text, 90))
        )
    more = ""
    if len(shown) < len(table):
        more = f"{len(shown)} of {len(table)} rows: the first {limit} per sub-population. All are in {key}.tsv."
    return from_frame(shown, id=key, caption=caption, columns=columns, more=more)


SECTION = Section(
    id="clusters",
    title="Sub-populations",
    order=60,
    term="leiden",
    tables=(
        *("resolutions", "stability", "markers", "enrichment", "enrichment_genes"),
        *("cluster_names", "surface", "heterogeneity", "paga"),
    ),
    build=subpopulations,
)
