"""Model of the simulated study: expression rates of cell types and states, the cells of a lot, and their counts.

What a study shares (rates, programmes, donor and tissue effects) follows from its seed alone, what a lot adds from the
seed and the lot's ``sample_id``: lots can be made one at a time, in any order, and come out the same.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.errors import UserError
from mscape.simulation import rates as known
from mscape.simulation.rates import CONTAMINANTS, ISCT_CPM, ISCT_GENES, KEY_GENES, MSC, TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mscape.genes.registry import Markers

# Variation that is no state: real MSC spread along many directions, and doublet scores live on that.
AXES = tuple(f"axis_{number}" for number in range(1, 9))
PROGRAMS = (*AXES, "licensed", "osteogenic_early", "osteogenic_late", "senescent", "s_phase", "g2m_phase")
REQUIRED_SETS = (
    "SENMAYO",
    "MSC_SENESCENCE_ARREST",
    "MSC_SENESCENCE_DOWN",
    "TIROSH_S",
    "TIROSH_G2M",
    "MSC_OSTEOGENIC_EARLY",
    "MSC_OSTEOGENIC_LATE",
    "MSC_LICENSING_UP_GSE117837",
    "HALLMARK_INTERFERON_GAMMA_RESPONSE",
)
PANEL = "isct2006"
RIBOSOMAL = r"RP[LS](?:P\d|A|\d+[AXL]?)"
MITO_CPM = 60_000.0
FREE_MEDIAN_CPM, FREE_LOG_SD, FREE_MAX_CPM = 12.0, 1.6, 3000.0


@dataclass(frozen=True)
class Rates:
    """Expression rates that all lots of a study share.

    Attributes
    ----------
    genes
        Index = unique symbols; ``gene_id``; bool columns ``mito`` and ``fixed`` (no donor or tissue effect).
    log_cpm
        Natural log of the CPM of each cell type (rows in the order of ``TYPES``), float32, shape (n_types, n_genes).
    effects
        Change of the log rate of an MSC at full level of each programme, float32, shape (n_programs, n_genes).
    thresholds
        CPM from which on a cell counts as truly positive, by gene of the ISCT panel.
    """

    genes: pd.DataFrame
    log_cpm: np.ndarray
    effects: np.ndarray
    thresholds: dict[str, float]


def stream(seed: int, *names: object) -> np.random.Generator:
    """Random numbers of one named part of the study, independent of all other parts."""
    words = [seed, *(zlib.crc32(str(name).encode()) for name in names)]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(words)))


def draw_rates(markers: Markers, gene_table: pd.DataFrame, *, seed: int = 0, genes: int = 12_000) -> Rates:
    """Draw the study's expression rates.

    Parameters
    ----------
    markers
        Panels, lineages and signatures. All their human genes are in the study.
    gene_table
        Columns ``gene_id`` and ``symbol``, as in ``resources/genes.tsv``: where the other genes come from.
    seed
        Seed of the study.
    genes
        Number of genes; raised to the number that the markers need.

    Returns
    -------
    Rates of all cell types; each sums to 1e6 CPM.

    Raises
    ------
    mscape.errors.UserError
        If the markers lack a set that the programmes are made of.
    """
    _check_sets(markers)
    owners = lineage_owners(markers)
    table = _choose_genes(markers, gene_table, seed=seed, genes=genes)
    symbols = table.index
    free = _draw_free(markers, gene_table, symbols, seed=seed)
    mito = symbols.str.startswith("MT-")
    log_cpm = np.empty((len(TYPES), len(symbols)), np.float32)
    fixed_any = mito.copy()
    for row, cell_type in enumerate(TYPES):
        fixed = _known_rates(cell_type, owners).reindex(symbols).to_numpy()
        scale = 1.0 if cell_type == MSC else stream(seed, "type", cell_type).lognormal(0, 1.3, len(symbols))
        log_cpm[row] = np.log(_fill(free * scale, fixed, mito, rng=stream(seed, "mito")))
        if cell_type == MSC:
            fixed_any |= symbols.isin(ISCT_GENES) | symbols.isin(list(owners)) | symbols.isin([*known.Y_CPM, "XIST"])
    table["mito"], table["fixed"] = mito, fixed_any
    effects = _draw_effects(markers, table, np.exp(log_cpm[0]), seed=seed)
    return Rates(table, log_cpm, effects, panel_thresholds(markers))


def panel_thresholds(markers: Markers) -> dict[str, float]:
    """CPM of each gene of the ISCT panel from which on a cell counts as positive."""
    panel = markers.panels[PANEL]
    positive = {gene: float(entry["cpm"]) for gene, entry in panel["positive"].items()}
    return positive | {gene: float(cpm) for group in panel["negative"].values() for gene, cpm in group.items()}


def lineage_owners(markers: Markers) -> dict[str, set[str]]:
    """Cell types of the simulator that each gene of a failing lineage panel marks (an empty set: none of them)."""
    owners: dict[str, set[str]] = {}
    for lineage in markers.lineages.values():
        if not lineage.get("fails", True) or lineage.get("organism", "human") != "human":
            continue
        types = panel_types(lineage["genes"])
        for gene in lineage["genes"]:
            owners.setdefault(gene, set()).update(types)
    return owners


def panel_types(genes: list[str]) -> set[str]:
    """Name the simulated cell types that a lineage panel with these genes matches."""
    return {cell_type for cell_type, keys in KEY_GENES.items() if len(keys & set(genes)) >= 2}


def lot_log_cpm(
    rates: Rates, lot: Mapping, *, seed: int = 0, donor_sd: float = 0.2, tissue_sd: float = 0.1
) -> np.ndarray:
    """Lay donor, tissue and sex over the rates of the cell types.

    Parameters
    ----------
    rates
        Of the study.
    lot
        ``donor_id``, ``tissue``, ``sex``.
    seed
        Seed of the study.
    donor_sd
        Standard deviation of the log rate of a gene between donors; 1 % of the genes differ four times as much.
    tissue_sd
        The same between tissues, for MSC; 2 % of the genes differ eight times as much.

    Returns
    -------
    Log CPM, float32, shape (n_types, n_genes). Genes of the gate and the lineages do not differ between donors.
    """
    n_genes = len(rates.genes)
    effects = {}
    for name, sd, share, times in (("donor", donor_sd, 0.01, 4), ("tissue", tissue_sd, 0.02, 8)):
        rng = stream(seed, name, lot["donor_id" if name == "donor" else "tissue"])
        size = np.where(rng.random(n_genes) < share, times * sd, sd)
        effects[name] = np.where(rates.genes["fixed"], 0, size * rng.standard_normal(n_genes)).astype(np.float32)
    log_cpm = rates.log_cpm + effects["donor"]
    log_cpm[TYPES.index(MSC)] += effects["tissue"]
    female = lot.get("sex") == "female"
    for gene, cpm in {"XIST": known.XIST_CPM["female" if female else "male"], **known.Y_CPM}.items():
        if gene in rates.genes.index:
            absent = female and gene in known.Y_CPM
            log_cpm[:, rates.genes.index.get_loc(gene)] = np.log(known.ABSENT_CPM if absent else cpm)
    return log_cpm


def _check_sets(markers: Markers) -> None:
    missing = [name for name in REQUIRED_SETS if name not in markers.signatures]
    if PANEL not in markers.panels:
        missing.append(f"panel {PANEL}")
    if missing:
        msg = (
            f"resources/markers.yaml lacks {', '.join(missing)}, which the simulated cell states are made of. Add them."
        )
        raise UserError(msg)


def _set(markers: Markers, name: str) -> list[str]:
    return list(markers.signatures[name]["genes"])


def _choose_genes(markers: Markers, gene_table: pd.DataFrame, *, seed: int, genes: int) -> pd.DataFrame:
    """All genes with a role, and others by chance, in the order of the gene table."""
    needed = set(panel_thresholds(markers)) | set(ISCT_GENES) | {"XIST", *known.Y_CPM}
    for group in (markers.lineages, markers.signatures):
        needed.update(
            gene for entry in group.values() if entry.get("organism", "human") == "human" for gene in entry["genes"]
        )
    needed.update(known.STROMAL_CPM, known.COMMON_CPM, known.RESTING_CPM, *known.TYPE_CPM.values())
    symbols = gene_table["symbol"]
    needed.update(symbols[symbols.str.startswith("MT-") | symbols.str.fullmatch(RIBOSOMAL)])
    order = stream(seed, "genes").random(len(symbols))
    order[symbols.isin(needed)] = -1
    chosen = np.sort(np.argsort(order, kind="stable")[: max(genes - len(needed - set(symbols)), (order < 0).sum())])
    table = gene_table.iloc[chosen].set_index("symbol")[["gene_id"]]
    extra = sorted(needed - set(symbols))
    return pd.concat([table, pd.DataFrame({"gene_id": ""}, index=pd.Index(extra, name="symbol"))])


def _draw_free(markers: Markers, gene_table: pd.DataFrame, symbols: pd.Index, *, seed: int) -> np.ndarray:
    """Draw CPM of the genes about which nothing is known, before they are scaled to the total."""
    # one number for each gene of the whole table: a gene's rate does not depend on which others were chosen
    drawn = pd.Series(stream(seed, "rates").standard_normal(len(gene_table)), gene_table["symbol"])
    free = FREE_MEDIAN_CPM * np.exp(FREE_LOG_SD * drawn.reindex(symbols).fillna(0))
    free = free.clip(upper=FREE_MAX_CPM).to_numpy()
    for kind, chosen, median, sd in (
        ("ribosomal", symbols.str.fullmatch(RIBOSOMAL), 2000, 0.5),
        ("cycle", symbols.isin(_set(markers, "TIROSH_S") + _set(markers, "TIROSH_G2M")), 4, 0.6),
    ):
        free = np.where(chosen, stream(seed, kind).lognormal(np.log(median), sd, len(free)), free)
    return np.where(symbols.isin(_set(markers, "SENMAYO")), np.clip(free, 2, 150), free)


def _known_rates(cell_type: str, owners: Mapping[str, set[str]]) -> pd.Series:
    """CPM of the genes whose rate is set, not drawn; later entries win."""
    rates = dict(known.COMMON_CPM) | dict(known.RESTING_CPM)
    stromal = {MSC: 1.0, "endothelial": 0.1}.get(cell_type, 0.01)
    rates |= {gene: cpm * stromal for gene, cpm in known.STROMAL_CPM.items()}
    rates |= {gene: 150.0 if cell_type in types else 0.3 for gene, types in owners.items() if gene not in rates}
    foreign = {gene for other in CONTAMINANTS for gene in known.TYPE_CPM[other]}
    rates |= {gene: 0.3 for gene in foreign if gene not in rates}
    rates |= known.TYPE_CPM.get(cell_type, {})
    rates |= dict(zip(ISCT_GENES, ISCT_CPM[cell_type], strict=True))
    rates |= {"XIST": known.XIST_CPM["female"], **known.Y_CPM}
    return pd.Series(rates, dtype=float)


def _fill(free: np.ndarray, fixed: np.ndarray, mito: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Scale the drawn rates so that all sum to 1e6, with the set ones as they are."""
    share = rng.lognormal(0, 0.5, mito.sum())
    cpm = np.where(np.isnan(fixed), 0, fixed)
    cpm[mito] = MITO_CPM * share / share.sum()
    drawn = np.isnan(fixed) & ~mito
    cpm[drawn] = free[drawn] * (1e6 - cpm.sum()) / free[drawn].sum()
    return cpm


def _draw_effects(markers: Markers, table: pd.DataFrame, msc_cpm: np.ndarray, *, seed: int) -> np.ndarray:
    """Log effects of the programmes, shape (n_programs, n_genes).

    Named genes move by the published or nominal effect, the other members of a programme's gene sets by a drawn one,
    and bystanders at random: no state is its signature alone.
    """
    symbols = table.index
    effects = pd.DataFrame(0.0, index=list(PROGRAMS), columns=symbols)

    def members(program: str, name: str, mean: float, sd: float, share: float) -> None:
        rng = stream(seed, program, name)
        genes = [gene for gene in _set(markers, name) if gene in symbols]
        moved = np.where(rng.random(len(genes)) < share, np.clip(rng.normal(mean, sd, len(genes)), 0, None), 0)
        effects.loc[program, genes] = np.maximum(effects.loc[program, genes], moved)

    def bystanders(program: str, count: int, sd: float) -> None:
        rng = stream(seed, program, "bystanders")
        pool = np.flatnonzero(~table["fixed"].to_numpy())
        chosen = rng.choice(pool, min(count, len(pool)), replace=False)
        effects.iloc[effects.index.get_loc(program), chosen] = rng.normal(0, sd, len(chosen))

    for axis in AXES:
        bystanders(axis, 200, 0.7)
    bystanders("licensed", 250, 1.2)
    members("licensed", "HALLMARK_INTERFERON_GAMMA_RESPONSE", 1.5, 0.7, 0.7)
    members("licensed", "MSC_LICENSING_UP_GSE117837", 2.0, 0.6, 0.9)
    bystanders("osteogenic_early", 250, 1.4)
    members("osteogenic_early", "MSC_OSTEOGENIC_EARLY", 1.2, 0.3, 1.0)
    bystanders("osteogenic_late", 150, 1.4)
    members("osteogenic_late", "MSC_OSTEOGENIC_LATE", 2.5, 0.5, 1.0)
    bystanders("senescent", 300, 1.4)
    members("senescent", "SENMAYO", 1.1, 0.4, 0.6)
    members("senescent", "MSC_SENESCENCE_ARREST", 1.45, 1.0, 1.0)  # both as in fibroblasts at 74 doublings, GSE63577
    lost = [gene for gene in _set(markers, "MSC_SENESCENCE_DOWN") if gene in symbols]
    fall = np.clip(stream(seed, "senescent", "MSC_SENESCENCE_DOWN").normal(1.5, 0.6, len(lost)), 0, None)
    effects.loc["senescent", lost] = np.minimum(effects.loc["senescent", lost], -fall)
    for program, name in (("s_phase", "TIROSH_S"), ("g2m_phase", "TIROSH_G2M")):
        bystanders(program, 100, 0.8)
        members(program, name, 3.0, 0.5, 0.9)
    # the random part leaves the genes alone by which cells are named; published effects do not
    effects.loc[:, table["fixed"].to_numpy()] = 0
    for program, published in (
        ("licensed", known.LICENSING_LOG2),
        ("osteogenic_early", known.OSTEOGENIC_EARLY_LOG2),
        ("osteogenic_late", known.OSTEOGENIC_LATE_LOG2),
    ):
        for gene, effect in published.items():
            if gene in symbols:
                effects.loc[program, gene] = effect
    for gene, effect in known.LICENSING_LOG2.items():  # published as log2 of (CPM + 0.5)
        if gene in symbols:
            resting = float(msc_cpm[symbols.get_loc(gene)])
            effects.loc["licensed", gene] = np.log2(max((resting + 0.5) * 2**effect - 0.5, 1e-3) / resting)
    return (effects.to_numpy() * np.log(2)).astype(np.float32)
