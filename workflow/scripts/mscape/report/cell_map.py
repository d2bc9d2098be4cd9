"""Encode the cells for the page's map: which cells, which columns, and as few bytes as will do."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.data import counts
from mscape.genes.registry import load_markers
from mscape.report.charts import colours
from mscape.report.dataset import Dataset, natural
from mscape.report.reason_words import NO_REMARK, of_cell

if TYPE_CHECKING:
    from collections.abc import Iterable

GIVEN = ("donor_id", "tissue", "passage", "condition", "culture", "batch", "sex", "assay", "disease", "suspension_type")
MAX_LEVELS = 120  # a category with more levels (barcodes, free text) says nothing on a map
HIDDEN = 65535  # this cell is not in the embedding
NAN = 255
FINE, COARSE, FINE_CELLS = 254, 100, 40_000
MIN_STRATUM = 50


@dataclass
class Column:
    """One per-cell column of the page."""

    id: str
    title: str
    group: str
    kind: str  # category | number
    data: str  # base64 of zlib of the bytes
    wide: bool = False  # uint16 instead of uint8
    levels: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    help: str = ""
    steps: int = FINE
    also: str = ""  # other names by which it is found

    def header(self) -> dict:
        """Return what the script needs to decode the column, without the data."""
        keys = (
            "id",
            "title",
            "group",
            "kind",
            "wide",
            "levels",
            "colours",
            "low",
            "high",
            "unit",
            "help",
            "steps",
            "also",
        )
        return {key: getattr(self, key) for key in keys}


def choose_cells(obs: pd.DataFrame, *, max_cells: int, seed: int) -> np.ndarray:
    """Choose the cells that the map draws: all, or a sample stratified by lot and gate call.

    Each stratum gives its share, and at least 50 cells (all, if it has fewer), so that rare contaminants stay visible.

    Returns
    -------
    Row numbers, ascending.
    """
    if len(obs) <= max_cells:
        return np.arange(len(obs))
    keys = [obs["lot_id"].astype(str)] + ([obs["isct_call"].astype(str)] if "isct_call" in obs else [])
    strata = list(pd.Series(np.arange(len(obs))).groupby([k.to_numpy() for k in keys]).indices.values())
    sizes = np.array([len(rows) for rows in strata])
    least = np.minimum(sizes, min(MIN_STRATUM, max(1, max_cells // len(strata))))
    spare = sizes - least
    room = max(0, max_cells - least.sum())
    take = least + np.floor(spare * room / max(1, spare.sum())).astype(int)
    rng = np.random.default_rng(seed)
    return np.sort(np.concatenate([rng.choice(rows, n, replace=False) for rows, n in zip(strata, take, strict=True)]))


def encode(values: np.ndarray) -> str:
    """Compress an integer array, little endian, to base64 of zlib."""
    return base64.b64encode(zlib.compress(values.astype(values.dtype.newbyteorder("<")).tobytes(), 9)).decode("ascii")


def coordinates(umap: np.ndarray, rows: np.ndarray, total: int, at: np.ndarray) -> tuple[str, str]:
    """Quantise an embedding to 16 bits, keeping its aspect ratio.

    Parameters
    ----------
    umap
        Shape (n, 2).
    rows
        Row in the dataset of each row of ``umap``.
    total
        Cells of the dataset.
    at
        The chosen cells.
    """
    x = np.full(total, HIDDEN, np.uint16)
    y = x.copy()
    low = np.nanmin(umap, axis=0)
    span = float(np.nanmax(np.nanmax(umap, axis=0) - low)) or 1.0
    scaled = np.clip((umap - low) / span * (HIDDEN - 1), 0, HIDDEN - 1)
    good = np.isfinite(scaled).all(axis=1)
    x[rows[good]] = scaled[good, 0].round()
    y[rows[good]] = scaled[good, 1].round()
    return encode(x[at]), encode(y[at])


def category(
    values: pd.Series,
    *,
    id: str,
    title: str,
    group: str,
    help: str = "",
    order: Iterable[str] = (),
    absent: str = NO_REMARK,
) -> Column:
    """Encode a categorical column; levels come in ``order``, others after them in natural order, none as ``absent``."""
    text = values.astype(object).where(values.notna(), "").astype(str)
    first = {level: i for i, level in enumerate(order)}
    levels = sorted(natural(text.unique()), key=lambda level: first.get(level, len(first)))
    shown = [absent if level == "" else level for level in levels]
    codes = pd.Categorical(text, categories=levels).codes
    wide = len(levels) > 255
    data = encode(np.asarray(codes, np.uint16 if wide else np.uint8))
    return Column(id, title, group, "category", data, wide, tuple(shown), tuple(colours.categories(shown)), help=help)


def number(values: np.ndarray, *, id: str, title: str, group: str, unit: str = "", help: str = "") -> Column:
    """Encode a number column in steps between its smallest and largest value; missing is 255.

    With many cells the steps are coarser, because the bytes of noisy numbers do not compress: 254 steps up to 40,000
    cells, 100 above.
    """
    values = np.asarray(values, dtype=np.float64)
    good = np.isfinite(values)
    steps = FINE if len(values) <= FINE_CELLS else COARSE
    low, high = (float(values[good].min()), float(values[good].max())) if good.any() else (0.0, 0.0)
    codes = np.full(len(values), NAN, np.uint8)
    codes[good] = np.round((values[good] - low) / ((high - low) or 1.0) * steps)
    return Column(id, title, group, "number", encode(codes), low=low, high=high, unit=unit, help=help, steps=steps)


def columns(
    dataset: Dataset, at: np.ndarray, *, max_signatures: int, max_genes: int, genes: Iterable[str]
) -> list[Column]:
    """Encode what the map can be coloured by, in the order of the menu."""
    obs = dataset.obs.iloc[at]
    own = dataset.light["annotations"].obs.columns if "annotations" in dataset.light else ()
    result = list(_categories(obs, dataset.lots, own))
    measured = {
        "total_counts": ("Counts per cell (log10)", np.log10),
        "n_genes_by_counts": ("Genes per cell (log10)", np.log10),
        "pct_counts_mt": ("Mitochondrial counts (%)", None),
        "doublet_score": ("Doublet score", None),
    }
    for id, (title, change) in measured.items():
        if id in obs:
            values = obs[id].to_numpy(float)
            values = change(np.maximum(values, 1)) if change else values
            result.append(number(values, id=id, title=title, group="Quality", help=id))
    for id in obs.columns[obs.columns.str.startswith("isct_p_")]:
        gene = id.removeprefix("isct_p_")
        title = f"P({gene} above its limit)"
        result.append(number(obs[id].to_numpy(float), id=id, title=title, group="Gate probability", help="isct_p"))
    result += _signatures(dataset, at, max_signatures)
    result += _genes(dataset, at, list(genes), max_genes)
    return result


def _categories(obs: pd.DataFrame, lots: list[str], own: Iterable[str]) -> Iterable[Column]:
    titles = {
        "isct_call": ("Gate call", "Gate"),
        "isct_reason": ("Gate reason", "Gate"),
        "isct_identity": ("Identity", "Gate"),
        "leiden": ("Sub-population", "Sub-populations"),
        **{kind: (kind, "Own annotations") for kind in own},
        "lot_id": ("Lot", "Sample"),
        "sample_id": ("Sample", "Sample"),
        "phase": ("Cell-cycle phase", "Quality"),
        "predicted_doublet": ("Predicted doublet", "Quality"),
    }
    titles |= {key: (key.replace("_id", "").replace("_", " ").capitalize(), "Sample") for key in GIVEN}
    known = {"dataset_id", "qc", "leiden_stable"}
    extra = [c for c in obs if c not in titles and c not in known and not pd.api.types.is_numeric_dtype(obs[c])]
    titles |= {key: (key, "Sample") for key in extra[:12]}
    for id, (title, group) in titles.items():
        if id not in obs or (id == "sample_id" and (obs[id].astype(str) == obs["lot_id"].astype(str)).all()):
            continue
        levels = obs[id].nunique()
        if levels > MAX_LEVELS and id not in ("lot_id", "sample_id", "leiden"):
            continue
        if id in GIVEN and levels <= 1:
            continue
        orders = {"lot_id": lots, "isct_call": ("pass", "indeterminate", "fail"), "phase": ("G1", "S", "G2M")}
        values = obs[id].astype(str).map(of_cell) if id == "isct_reason" else obs[id]
        absent = {"Sub-populations": "not clustered", "Own annotations": "not annotated"}.get(group, NO_REMARK)
        help = "annotations" if group == "Own annotations" else id
        yield category(values, id=id, title=title, group=group, help=help, order=orders.get(id, ()), absent=absent)


def _signatures(dataset: Dataset, at: np.ndarray, limit: int) -> list[Column]:
    scores = dataset.light.get("scores")
    if scores is None or not scores.obsm:
        return []
    ((key, frame),) = scores.obsm.items()
    frame = frame.loc[:, frame.notna().any()]
    place = np.full(len(dataset.obs), -1)
    place[scores.rows] = np.arange(len(scores.rows))
    place = place[at]
    unit = "z" if key == "score_z" else "score"
    ids = sorted(frame.columns, key=lambda id: "__" in id)  # variants last: they are the first to go
    return [
        number(
            np.where(place < 0, np.nan, frame[id].to_numpy(float)[place]),
            id=f"score:{id}",
            title=id,
            group="Signature score",
            unit=unit,
            help="score_z",
        )
        for id in ids[:limit]
    ]


def _genes(dataset: Dataset, at: np.ndarray, genes: list[str], limit: int) -> list[Column]:
    path = dataset.files["counts"][0]
    here = set(counts.read_var(path).index)
    wanted = [gene for gene in dict.fromkeys(genes) if gene in here][:limit]
    if not wanted:
        return []
    matrix, proteins = counts.read_genes(path, wanted), protein_names()
    totals = np.maximum(dataset.obs["total_counts"].to_numpy(float), 1)
    result = []
    for j, gene in enumerate(wanted):
        values = np.log1p(matrix[:, [j]].toarray().ravel() / totals * 1e4)[at]
        column = number(values, id=f"gene:{gene}", title=gene, group="Gene", unit="log(1 + CP10k)", help="gene")
        column.also = proteins.get(gene, "")
        result.append(column)
    return result


def protein_names() -> dict[str, str]:
    """Name of the protein that each gene of the registry's panels codes for, such as CD73 of NT5E."""
    names: dict[str, str] = {}
    for panel in load_markers().panels.values():
        names |= {gene: str(one.get("protein", "")) for gene, one in panel.get("positive", {}).items()}
        for group, genes in panel.get("negative", {}).items():
            names |= dict(zip(genes, group.split("|"), strict=False))
    return {gene: name for gene, name in names.items() if name and name != gene}


def panel_genes(dataset: Dataset, extra: Iterable[str]) -> list[str]:
    """Genes worth colouring by: gate panel, asked for, first markers of each cluster, well-known others."""
    gate = [c.removeprefix("isct_p_") for c in dataset.obs if c.startswith("isct_p_")]
    top = []
    if "markers" in dataset.tables:
        top = list(dataset.tables["markers"].sort_values(["rank", "cluster"])["gene"])
    known = ["COL1A1", "PDGFRB", "LEPR", "NGFR", "IDO1", "CXCL10", "CD274", "IL6", "CDKN1A", "CDKN2A", "MKI67"]
    known += ["RUNX2", "ALPL", "PPARG", "ADIPOQ", "SOX9", "COL2A1", "PECAM1"]
    return [*gate, *extra, *known, *top]
