"""Draw the lots of a lane: a generator that shares nothing with the product's simulator.

A cell's expected counts are its kind's published rates x the library's gene efficiency x latent programmes x gamma
noise of each gene (which does not fall with expression), times a lognormal size. Ambient RNA is a constant number of
counts a droplet, from the library's own soup and from that of other lots of the lane. Real cells are thinned, never
redrawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sources import MARKERS, Sources

# CPM, as in the product's ISCT panel when the lots were designed: what "RNA above threshold" means in the truth here.
TAU = {"NT5E": 4, "THY1": 20, "ENG": 8, "PTPRC": 20, "CD34": 20, "CD14": 60, "ITGAM": 20, "CD19": 15, "CD79A": 30}
TAU["HLA-DRA"] = 100
CRITERIA = {
    "CD73": ("NT5E",),
    "CD90": ("THY1",),
    "CD105": ("ENG",),
    "CD45": ("PTPRC",),
    "CD34": ("CD34",),
    "CD14|CD11b": ("CD14", "ITGAM"),
    "CD79a|CD19": ("CD79A", "CD19"),
    "HLA-DR": ("HLA-DRA",),
}
POSITIVE = ("CD73", "CD90", "CD105")
N_PROGRAMMES, PROGRAMME_GENES = 6, 400


@dataclass(frozen=True)
class Noise:
    """How cells of one kind differ.

    Attributes
    ----------
    cv2, cv2_sd
        Median and log sd of the genes' squared coefficient of variation, kept in 0.05 to 2.
    programme
        Sd of the log loadings of the latent programmes.
    efficiency
        Log sd of the library's gene efficiencies.
    size
        Log sd of cell size.
    """

    cv2: float = 0.25
    cv2_sd: float = 0.8
    programme: float = 0.25
    efficiency: float = 0.15
    size: float = 0.7


HARSH, MILD = Noise(), Noise(cv2=0.1, programme=0.1, size=0.4)


@dataclass
class Part:
    """Cells of one kind in a library.

    Attributes
    ----------
    kind
        Name in the truth.
    n
        Number of cells.
    profile
        Rates, CPM, shape (n_genes,); None for real cells.
    cells
        Counts of real cells to draw from.
    msc
        Whether the kind is MSC by biology.
    carries
        Criterion -> whether the cells carry the marker by biology, where that is not what the rate says; with
        "phenotype", whether a clinic would hold them for MSC by their markers.
    depth
        Multiplies the library's depth.
    """

    kind: str
    n: int
    profile: np.ndarray | None = None
    cells: sp.csr_matrix | None = None
    msc: bool = True
    carries: dict[str, bool] = field(default_factory=dict)
    depth: float = 1.0


@dataclass
class Library:
    """A lot (or another library of the lane).

    Attributes
    ----------
    name
        Lot id.
    parts
        What it holds.
    depth
        Median counts a cell.
    ambient
        Counts of its own soup in each droplet, as a share of the median depth.
    swap
        Other library of the lane -> the same share of that library's soup.
    doublets
        Share of barcodes with two cells.
    noise
        Of the cells.
    empty
        Barcodes that hold soup only, and the counts in them as a share of the depth.
    sheet
        Columns of the sample sheet.
    """

    name: str
    parts: list[Part]
    depth: float = 10_000
    ambient: float = 0.05
    swap: dict[str, float] = field(default_factory=dict)
    doublets: float = 0.04
    noise: Noise = HARSH
    empty: tuple[int, float] = (0, 0.05)
    sheet: dict[str, str] = field(default_factory=dict)


@dataclass
class Lane:
    """Counts of a lane with the truth of each cell.

    Attributes
    ----------
    X, genes
        Counts, CSR int32, and the names of the columns.
    truth
        ``library kind msc doublet partner empty``; ``rate_<criterion>``: the RNA rate of the cell's kind in this
        library is above the threshold; ``biology_<criterion>``: its kind carries the marker; both also for
        ``phenotype``; ``own_<criterion>``: the real cell's own counts are above the threshold (of a drawn cell, as
        its kind); ``mean_<GENE>`` of the positive markers (expected counts).
    sheets
        Library -> columns of the sample sheet.
    """

    X: sp.csr_matrix
    genes: list[str]
    truth: pd.DataFrame
    sheets: dict[str, dict[str, str]]


def draw_lane(sources: Sources, libraries: list[Library], *, seed: int) -> Lane:
    """Draw all libraries of a lane.

    Parameters
    ----------
    sources
        For the genes.
    libraries
        What to draw; each has its own efficiencies, programmes and noise.
    seed
        Of everything.
    """
    rng = np.random.default_rng(seed)
    expected, tables = {}, {}
    for library in libraries:
        expected[library.name], tables[library.name] = _cells(rng, sources, library)
    soups = {name: _share(np.asarray(x.sum(axis=0)).ravel()) for name, x in expected.items()}
    blocks, truth = [], []
    for library in libraries:
        x, table = _droplets(rng, expected[library.name], tables[library.name], library, soups)
        blocks.append(x)
        truth.append(table)
    return Lane(
        sp.vstack(blocks, format="csr").astype(np.int32),
        sources.genes,
        pd.concat(truth, ignore_index=True),
        {library.name: library.sheet for library in libraries},
    )


def _share(x: np.ndarray) -> np.ndarray:
    return x / x.sum()


def _cells(rng, sources: Sources, library: Library) -> tuple[sp.csr_matrix, pd.DataFrame]:
    """Draw expected counts of simulated cells and thinned counts of real ones, with the truth."""
    n_genes, noise = len(sources.genes), library.noise
    efficiency = rng.lognormal(0, noise.efficiency, n_genes)
    cv2 = np.clip(rng.lognormal(np.log(noise.cv2), noise.cv2_sd, n_genes), 0.05, 2.0)
    loadings = np.zeros((N_PROGRAMMES, n_genes))
    for k in range(N_PROGRAMMES):
        loadings[k, rng.choice(n_genes, PROGRAMME_GENES, replace=False)] = rng.normal(
            0, noise.programme, PROGRAMME_GENES
        )
    blocks, tables = [], []
    at = [sources.at(g) for g in MARKERS]
    for part in library.parts:
        if not part.n:
            continue
        if part.profile is None:
            pick = rng.choice(part.cells.shape[0], part.n, replace=part.n > part.cells.shape[0])
            x = part.cells[pick].astype(np.int64)
            totals = np.asarray(x.sum(axis=1)).ravel()
            wanted = library.depth * part.depth * rng.lognormal(0, 0.3, part.n)
            keep = np.minimum(1, wanted / np.maximum(totals, 1))
            x.data = rng.binomial(x.data, np.repeat(keep, np.diff(x.indptr))).astype(float)
            rates = np.asarray(part.cells.sum(axis=0)).ravel()
            rates = rates / rates.sum() * 1e6
            own = part.cells[pick][:, at].toarray() / np.maximum(totals, 1)[:, None] * 1e6
        else:
            rates = part.profile * efficiency
            rates *= 1e6 / rates.sum()
            size = library.depth * part.depth * rng.lognormal(0, noise.size, part.n)
            used = np.flatnonzero(rates > 0)
            state = rng.normal(0, 1, (part.n, N_PROGRAMMES))
            x = rng.standard_gamma(1 / cv2[used], (part.n, len(used))) * cv2[used]
            x *= np.exp(state @ loadings[:, used])
            x *= rates[used]
            x *= (size / x.sum(axis=1))[:, None]
            x = sp.csr_matrix(
                (x.ravel(), np.tile(used, part.n), np.arange(0, part.n * len(used) + 1, len(used))),
                shape=(part.n, n_genes),
            )
        table = pd.DataFrame({"library": library.name, "kind": part.kind, "msc": part.msc}, index=range(part.n))
        table["real"] = part.profile is None
        above = dict(zip(MARKERS, rates[at], strict=True))
        by_rate = {c: any(above[g] >= TAU[g] for g in genes) for c, genes in CRITERIA.items()}
        by_rate["phenotype"] = all(by_rate[c] == (c in POSITIVE) for c in CRITERIA)
        biology = by_rate | {"phenotype": part.msc and by_rate["phenotype"]} | part.carries
        for criterion, value in by_rate.items():
            table[f"rate_{criterion}"], table[f"biology_{criterion}"] = value, biology[criterion]
            table[f"own_{criterion}"] = value
            if part.profile is None and criterion != "phenotype":
                genes = CRITERIA[criterion]
                table[f"own_{criterion}"] = np.any([own[:, MARKERS.index(g)] >= TAU[g] for g in genes], axis=0)
        for gene in ("NT5E", "THY1", "ENG"):
            table[f"mean_{gene}"] = above[gene] * library.depth * part.depth / 1e6
        blocks.append(x)
        tables.append(table)
    return sp.vstack(blocks, format="csr"), pd.concat(tables, ignore_index=True)


def _droplets(rng, expected, table, library: Library, soups: dict) -> tuple[sp.csr_matrix, pd.DataFrame]:
    """Count molecules, add soup, join doublets, add empty droplets."""
    n, n_empty = expected.shape[0], library.empty[0]
    x = expected.tocsr(copy=True)
    real = np.repeat(table["real"].to_numpy(), np.diff(x.indptr))
    x.data[~real] = rng.poisson(x.data[~real])
    x.eliminate_zeros()
    table = table.assign(doublet=False, partner="", empty=False)
    n_double = round(library.doublets * n)
    if n_double:
        first = rng.choice(n, n_double, replace=False)
        second = rng.choice(np.setdiff1d(np.arange(n), first), n_double, replace=False)
        pairs = sp.csr_matrix((np.ones(n_double), (first, second)), shape=(n, n))
        x = (x + pairs @ x).tocsr()
        table.loc[first, "doublet"] = True
        table.loc[first, "partner"] = table["kind"].to_numpy()[second]
    if n_empty:
        x = sp.vstack([x, sp.csr_matrix((n_empty, x.shape[1]))], format="csr")
        row = {"library": library.name, "kind": "empty droplet", "msc": False, "real": False, "doublet": False}
        row |= {"partner": "", "empty": True}
        table = pd.concat([table, pd.DataFrame([row] * n_empty)], ignore_index=True)
    soup = {library.name: library.ambient} | library.swap
    for name, share in soup.items():
        if share:
            counts = np.full(len(table), library.depth * share)
            counts[n:] = library.depth * library.empty[1]
            x = x + _soup(rng, counts, soups[name])
    order = rng.permutation(len(table))
    return x.tocsr()[order], table.iloc[order].reset_index(drop=True)


def _soup(rng, counts: np.ndarray, soup: np.ndarray) -> sp.csr_matrix:
    """Draw the molecules of a soup in each droplet."""
    totals = rng.poisson(counts)
    genes = rng.choice(len(soup), totals.sum(), p=soup)
    rows = np.repeat(np.arange(len(counts)), totals)
    return sp.csr_matrix((np.ones(len(genes)), (rows, genes)), shape=(len(counts), len(soup)))
