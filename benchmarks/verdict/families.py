"""The families of lots, each with its rule: what verdict is right, and why. Written down before any result was seen.

Sides. *good*: FAIL is wrong. *bad*: PASS is wrong; where the defect is a hidden subset, PASS is right only if the
stated resolution is no better than the subset, and the interval holds the truth. *open*: only what the family names
is wrong. A criterion has two truths: *rate*, the RNA rate of the cell's kind in this library is above the threshold,
and *biology*, what the kind carries. They are the same but where a chemistry hides a marker, where HLA-DR of a
licensed or marrow MSC is informative, and where a kind that is no MSC meets all marker criteria by RNA. An interval
is right if it holds either. Where the two differ, the side follows the biology.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from generate import HARSH, MILD, TAU, Library, Noise, Part
from sources import Sources

GOOD, BAD, OPEN = "good", "bad", "open"
DONORS = ("H1.1", "H1.2", "H2.1", "H3.1", "H5.1")
CLUSTERS = {"c1": 0.5, "c2": 0.35, "c4": 0.15}
NEGATIVES = ("PTPRC", "CD34", "CD14", "ITGAM", "CD19", "CD79A", "HLA-DRA")
SOUP_LEVELS = (0.05, 0.0, 0.1, 0.005, 0.01, 0.02)  # the quick subset has the first
NEAR = Noise(efficiency=0.05)  # where a rate is near its threshold, the library must not carry it across
PBMC = {"CD14+ Mono": 0.25, "Naive CD4 T": 0.25, "Memory CD4 T": 0.2, "B": 0.12, "CD8 T": 0.1, "NK": 0.08}


@dataclass(frozen=True)
class Family:
    """Lots that share a rule.

    Attributes
    ----------
    name, side, why
        Key; good, bad or open; the reason for the right verdict.
    build
        ``(sources, rng, i)`` to the libraries of the lane; the first is judged.
    lots, quick
        Number of lots, and of those in the quick subset.
    wrong
        Verdicts that are wrong.
    hidden
        The defect is a subset that only the counts of single cells could show.
    needs
        Names (or beginnings of names) of profiles, overlays or cells without which the family is skipped.
    """

    name: str
    side: str
    why: str
    build: Callable
    lots: int
    quick: int = 1
    wrong: tuple[str, ...] = ()
    hidden: bool = False
    needs: tuple[str, ...] = ()

    @property
    def wrong_verdicts(self) -> tuple[str, ...]:
        """Verdicts that are wrong, those of the side if the family names none."""
        return self.wrong or {GOOD: ("FAIL",), BAD: ("PASS",), OPEN: ()}[self.side]


def markers(rng, *, deep: bool = False) -> dict[str, float]:
    """Draw the rates of the ISCT markers of a good lot, CPM, over the range of published cultured MSC.

    ``deep``: at 10,000 counts a cell each positive marker has a mean of at least 0.6 counts.
    """
    low = {"NT5E": 60, "THY1": 80, "ENG": 60} if deep else {"NT5E": 16, "THY1": 60, "ENG": 35}
    rates = {g: np.exp(rng.uniform(np.log(low[g]), np.log({"NT5E": 300, "THY1": 900, "ENG": 250}[g]))) for g in low}
    return rates | {g: TAU[g] * rng.uniform(0, 0.05) for g in NEGATIVES}


def msc(
    s: Sources, rng, n: int, rates: dict | None = None, *, donor: str | None = None, shares=None, spread=0.15, **part
) -> list[Part]:
    """Make the parts of a culture: three clusters of one donor, the markers differ by ``spread`` between clusters."""
    donor = donor or DONORS[rng.integers(len(DONORS))]
    rates = markers(rng) if rates is None else rates
    shares = shares or CLUSTERS
    numbers = rng.multinomial(n, np.array(list(shares.values())) / sum(shares.values()))
    parts = []
    for cluster, number in zip(shares, numbers, strict=True):
        own = {g: r * (rng.lognormal(0, spread) if g in ("NT5E", "THY1", "ENG") else 1) for g, r in rates.items()}
        profile = s.lay_over(s.profiles[f"msc:{donor}|MSC.{cluster}"], own)
        parts.append(Part(f"MSC {cluster}", int(number), profile, **part))
    return parts


def split(parts: list[Part], share: dict[str, float], rates: dict, s: Sources, kind: str) -> list[Part]:
    """Take a share of the cells of each part ("*": of all parts) and change some of their rates, nothing else."""
    out = []
    for part in parts:
        cluster = part.kind.split()[-1]
        taken = round(part.n * share.get(cluster, share.get("*", 0)))
        out.append(replace(part, n=part.n - taken))
        if taken:
            out.append(replace(part, kind=f"{kind} {cluster}", n=taken, profile=s.lay_over(part.profile, rates)))
    return out


def blood(s: Sources, n: int, depth: float = 1.0) -> list[Part]:
    """Take real blood cells in the shares of peripheral blood."""
    return [
        Part(name, round(n * share), None, s.cells[f"pbmc:{name}"], msc=False, depth=depth)
        for name, share in PBMC.items()
    ]


def rates_of(s: Sources, study: str) -> dict:
    """Take published rates, with the ISCT markers that the table lacks at none."""
    return dict.fromkeys(NEGATIVES, 0.0) | s.overlays[study].to_dict()


# ---------------------------------------------------------------------------------------------------- good lots


def _good(s, rng, i):
    depth = (3000, 6000, 10_000, 20_000)[i % 4]
    return [Library("lot", msc(s, rng, 700), depth=depth)]


def _good_deep(s, rng, i):
    return [Library("lot", msc(s, rng, 1600, markers(rng, deep=True)), depth=10_000)]


def _good_harsh(s, rng, i):
    noise = Noise(cv2=0.4, programme=0.45, efficiency=0.25, size=0.8)
    return [Library("lot", msc(s, rng, 700), noise=noise)]


def _good_few(s, rng, i):
    return [Library("lot", msc(s, rng, 160, markers(rng, deep=True)), depth=12_000)]


def _good_shallow(s, rng, i):
    return [Library("lot", msc(s, rng, 800), depth=(1300, 2000)[i % 2])]


def _published(study):
    def build(s, rng, i):
        n, depth = (
            ((700, 10_000), (1600, 20_000))[i % 2] if study == "gse182158" else ((700, 8000), (1600, 15_000))[i % 2]
        )
        return [Library("lot", msc(s, rng, n, rates_of(s, study)), depth=depth)]

    return build


def _fantom_msc(s, rng, i):
    names = sorted(x for x in s.overlays if x.startswith("fantom|mesenchymal"))
    rates = dict.fromkeys(NEGATIVES, 0.0) | {"THY1": 400.0} | s.overlays[names[i % len(names)]].to_dict()
    return [Library("lot", msc(s, rng, 600, rates, carries={"phenotype": True}), depth=10_000)]


def _marrow_dr(s, rng, i):
    rates = dict.fromkeys(NEGATIVES, 0.0) | {"THY1": 400.0}
    rates |= s.overlays["fantom|mesenchymal stem or precursor cell|Mesenchymal precursor Bone Marrow"].to_dict()
    rates |= {"HLA-DRA": (104.0, 104.0, 160.0, 250.0)[i % 4], "CD74": 152.0}
    parts = msc(s, rng, 700, rates, carries={"phenotype": True})
    return [Library("lot", parts, sheet={"tissue": "bone marrow"})]


def _licensed(s, rng, i):
    change = np.log2((s.profiles["ucbulk:primed"] + 1) / (s.profiles["ucbulk:ctrl"] + 1))
    parts = msc(s, rng, 700, carries={"phenotype": True})
    for part in parts:
        x = part.profile * 2.0**change
        x = s.lay_over(x / x.sum() * 1e6, {g: part.profile[s.at(g)] for g in ("NT5E", "THY1", "ENG", *NEGATIVES)})
        part.profile = s.lay_over(x, {"HLA-DRA": 400.0, "CD74": 600.0, "HLA-DRB1": 150.0})
    if i % 2:
        parts = split(parts, {"*": 0.5}, {"HLA-DRA": 5.0, "CD74": 20.0, "HLA-DRB1": 2.0}, s, "MSC DR-")
    return [Library("lot", parts, sheet={"condition": "IFN-gamma" if i % 4 < 2 else "unknown"})]


def _one_gene(s, rng, i):
    genes = ({"SPON2": 800}, {"KRT17": 400}, {"EGFL7": 250}, {"KRT8": 300, "KRT18": 500, "UCHL1": 400, "KRT7": 150})
    genes += ({"SRGN": 500, "ARHGDIB": 150}, {"SPP1": 800}, {"DES": 120}, {"TUBB3": 250, "NES": 150})
    return [Library("lot", msc(s, rng, 700, markers(rng) | {g: float(r) for g, r in genes[i % 8].items()}))]


def _near_above(s, rng, i):
    near = ({"CD14": 40.0}, {"THY1": 40.0}, {"THY1": 26.0}, {"NT5E": 7.0}, {"ENG": 14.0}, {"HLA-DRA": 55.0})[i % 6]
    return [Library("lot", msc(s, rng, 800, markers(rng) | near, spread=0), noise=NEAR)]


def _chemistry(s, rng, i):
    less = (5, 20, 50)[i % 3]
    gene = ("NT5E", "ENG", "THY1")[(i // 3) % 3]
    rates = markers(rng) | {"NT5E": 80.0, "ENG": 90.0, "THY1": 250.0}
    rates[gene] /= less
    carries = {{"NT5E": "CD73", "ENG": "CD105", "THY1": "CD90"}[gene]: True, "phenotype": True}
    return [Library("lot", msc(s, rng, 700, rates, carries=carries), sheet={"assay": "10x 5' v2"})]


def _own_soup(s, rng, i):
    return [Library("lot", msc(s, rng, 700), ambient=(0.1, 0.2, 0.3)[i % 3])]


def _blood_swap(levels):
    """Draw the same lot at each level: a verdict that changes with it has flipped."""

    def build(s, rng, i):
        recipe = np.random.default_rng([17, i // len(levels)])
        lot = Library("lot", msc(s, recipe, 700, markers(recipe, deep=True)), swap={"blood": levels[i % len(levels)]})
        return [lot, Library("blood", blood(s, 300), depth=4000)]

    return build


def _endo_swap(s, rng, i):
    lot = Library("lot", msc(s, rng, 600), swap={"other": (0.02, 0.05, 0.1)[i % 3]})
    return [lot, Library("other", [Part("HUVEC", 300, s.profiles["huvec:V4"], msc=False)])]


def _msc_swap(s, rng, i):
    lot = Library("lot", msc(s, rng, 600), swap={"other": (0.05, 0.1)[i % 2]})
    return [lot, Library("other", msc(s, rng, 400, markers(rng) | {"NT5E": 300.0, "ENG": 200.0, "THY1": 900.0}))]


def _doublets(s, rng, i):
    return [Library("lot", msc(s, rng, 700), doublets=(0.05, 0.1, 0.2)[i % 3])]


def _cycling(s, rng, i):
    shares = {"c2": 0.75, "c4": 0.25} if i % 2 else {"c1": 0.4, "c2": 0.3, "c4": 0.3}
    return [Library("lot", msc(s, rng, 700, shares=shares), depth=(2500, 5000, 15_000)[i % 3])]


def _uc_bulk(s, rng, i):
    profile = s.profiles["ucbulk:ctrl"]
    return [Library("lot", [Part("MSC", 700, profile)], depth=(5000, 12_000)[i % 2], noise=(HARSH, MILD)[i // 2 % 2])]


# ----------------------------------------------------------------------------------------------------- bad lots


def _without(s, rng, i):
    gene, rate = (("NT5E", 0.3), ("ENG", 0.7), ("THY1", 1.0))[i % 3]
    return [Library("lot", msc(s, rng, 700, markers(rng) | {gene: rate}))]


def _without_swap(levels):
    def build(s, rng, i):
        gene, rate = (("NT5E", 0.3), ("ENG", 0.7), ("THY1", 1.0))[i % 3]
        other = markers(rng) | {"NT5E": 300.0, "ENG": 200.0, "THY1": 900.0}
        lot = Library(
            "lot", msc(s, rng, 600, markers(rng) | {gene: rate}), swap={"other": levels[i // 3 % len(levels)]}
        )
        return [lot, Library("other", msc(s, rng, 400, other))]

    return build


SUBSET = ({"THY1": 0.5}, {"ENG": 0.3}, {"NT5E": 0.2})


def _subset_even(s, rng, i):
    share, n = (0.1, 0.2, 0.3)[i // 3 % 3], (700, 1600)[i // 9 % 2]
    parts = split(msc(s, rng, n, markers(rng, deep=True)), {"*": share}, SUBSET[i % 3], s, "lacking")
    return [Library("lot", parts, noise=(HARSH, MILD)[i % 2])]


def _subset_cluster(s, rng, i):
    share, n = (0.12, 0.2, 0.3)[i // 3 % 3], (700, 1600)[i // 9 % 2]
    parts = msc(s, rng, n, markers(rng, deep=True), shares={"c1": 0.5, "c2": share, "c4": 0.5 - share})
    return [Library("lot", split(parts, {"c2": 1.0}, SUBSET[i % 3], s, "lacking"), noise=(HARSH, MILD)[i % 2])]


def _subset_part(s, rng, i):
    share = (0.12, 0.2, 0.3)[i // 3 % 3]
    parts = msc(s, rng, (700, 1600)[i // 9 % 2], markers(rng, deep=True), shares={"c1": 0.45, "c2": 0.4, "c4": 0.15})
    return [Library("lot", split(parts, {"c2": share / 0.4}, SUBSET[i % 3], s, "lacking"), noise=(HARSH, MILD)[i % 2])]


def _subset_shallow(s, rng, i):
    parts = split(msc(s, rng, 800), {"*": (0.1, 0.3)[i // 3 % 2]}, SUBSET[i % 3], s, "lacking")
    return [Library("lot", parts, depth=3000)]


def _mixed_with(cells, shares, *, depth=1.0, profile=None, n=700):
    """Mix a lot with real cells (or a profile) of kinds that are no MSC."""

    def build(s, rng, i):
        share, name = shares[i % len(shares)], cells[i // len(shares) % len(cells)]
        foreign = round(n * share)
        real = s.cells.get(name)
        part = Part(name, foreign, None if real is not None else s.profiles[name], real, msc=False, depth=depth)
        return [Library("lot", [*msc(s, rng, n - foreign), part])]

    return build


def _muscle(s, rng, i):
    name = ("hsmm:1", "hsmm:2")[i % 2]
    return [Library("lot", [Part(name, 120, None, s.cells[name], msc=False)], depth=30_000, doublets=0.0)]


def _pbmc_mixed(s, rng, i):
    foreign = round(700 * (0.1, 0.2, 0.3)[i % 3])
    return [Library("lot", [*msc(s, rng, 700 - foreign), *blood(s, foreign)])]


def _foreign_fantom(kind, base):
    def build(s, rng, i):
        names = sorted(x for x in s.overlays if x.startswith(f"fantom|{kind}|"))
        name = names[i % len(names)]
        profile = s.lay_over(s.profiles[base(name)], {"THY1": 0.5} | s.overlays[name].to_dict())
        return [Library("lot", [Part(name.split("|")[-1], 500, profile, msc=False)], depth=6000)]

    return build


def _blood_base(name: str) -> str:
    words = (("NK", "NK"), ("CD8", "CD8+T"), ("T cells", "CD4+T"), ("B cells", "B"), ("CD14", "Monocyte"))
    words += (("Macrophage", "Macrophage"), ("Dendritic", "Dendritic"), ("Langerhans", "Dendritic"))
    return "lung:" + next((value for key, value in words if key in name), "Myeloid")


def _foreign_real(s, rng, i):
    names = ("blood_T", "blood_NK", "HEK293T", "thymus:T-DP", "bone_marrow:Pre-B", "bone_marrow:Erythrocyte")
    names += ("pbmc:CD14+ Mono", "pbmc:B", "bronchus:T", "bone_marrow:Mast")
    name = names[i % len(names)]
    return [Library("lot", [Part(name, 400, None, s.cells[name], msc=False)], depth=10_000, doublets=0.0)]


def _near_below(s, rng, i):
    near = ({"THY1": 12.0}, {"NT5E": 2.0}, {"ENG": 4.0}, {"PTPRC": 45.0}, {"CD34": 60.0}, {"CD14": 120.0})[i % 6]
    return [Library("lot", msc(s, rng, 800, markers(rng) | near, spread=0), noise=NEAR)]


def _cd34_part(s, rng, i):
    gene = ({"CD34": 60.0}, {"CD34": 120.0}, {"PTPRC": 120.0}, {"CD14": 250.0})[i % 4]
    parts = split(msc(s, rng, 800), {"*": (0.2, 0.3)[i // 4 % 2]}, gene, s, "with")
    return [Library("lot", parts)]


def _contaminated_swap(s, rng, i):
    foreign = round(700 * (0.1, 0.2)[i % 2])
    lot = Library("lot", [*msc(s, rng, 700 - foreign), *blood(s, foreign)], swap={"other": 0.1})
    return [lot, Library("other", msc(s, rng, 400))]


# --------------------------------------------------------------------------------------------------- open lots


def _two_donors(s, rng, i):
    rates = markers(rng)
    male = dict(zip(("RPS4Y1", "DDX3Y", "EIF1AY", "UTY", "XIST"), (1200.0, 80.0, 120.0, 30.0, 0.0), strict=True))
    female = {**dict.fromkeys(male, 0.0), "XIST": 150.0}
    n = round(700 * (0.5, 0.2)[i % 2])
    parts = [*msc(s, rng, n, rates | male, donor="H1.2"), *msc(s, rng, 700 - n, rates | female, donor="H2.1")]
    return [Library("lot", parts)]


def _empty_barcodes(s, rng, i):
    return [Library("lot", msc(s, rng, 180), depth=12_000, empty=(1000, 0.05))]


def _stroma(name, shares):
    def build(s, rng, i):
        share = shares[i % len(shares)]
        n = round(700 * share)
        real = s.cells.get(name)
        profile = None if real is not None else s.profiles[name]
        part = Part(name, n, profile, real, msc=False)
        return [Library("lot", [*(msc(s, rng, 700 - n) if share < 1 else []), part])]

    return build


def _pericyte(s, rng, i):
    parts = split(msc(s, rng, 700), {"*": 0.2}, {"RGS5": 1500.0, "NOTCH3": 300.0, "CSPG4": 80.0}, s, "pericyte-like")
    return [Library("lot", parts)]


def _chondro(s, rng, i):
    rates = {
        "COL2A1": 4000.0,
        "ACAN": 900.0,
        "SOX9": 250.0,
        "COL9A1": 300.0,
        "COL11A1": 600.0,
        "MATN3": 200.0,
        "THY1": 2.0,
    }
    parts = split(msc(s, rng, 700), {"*": (0.2, 1.0)[i % 2]}, rates, s, "chondrocyte")
    for part in parts:
        if part.kind.startswith("chondrocyte"):
            part.msc = False
    return [Library("lot", parts)]


def _osteo(s, rng, i):
    donor = DONORS[i % 3]
    rates = markers(rng) | {"CD14": (16.0, 35.0)[i % 2]}
    parts = [Part("osteogenic", 700, s.lay_over(s.profiles[f"osteogenic:{donor}|Osteogenic.c1"], rates))]
    return [Library("lot", parts)]


FAMILIES = (
    Family("good", GOOD, "all cells are MSC with all markers at published rates", _good, 16, 3),
    Family(
        "good_deep",
        GOOD,
        "the same; 1,600 cells, 10,000 UMI, markers at 0.6 or more counts a cell: PASS expected",
        _good_deep,
        20,
        2,
    ),
    Family("good_harsh", GOOD, "genes and programmes vary more", _good_harsh, 8, 1),
    Family("good_few", GOOD, "160 cells", _good_few, 6, 1),
    Family("good_shallow", GOOD, "1,300 and 2,000 UMI: open, not bad", _good_shallow, 8, 1),
    Family(
        "cord_gse182158",
        GOOD,
        "real cord MSC of one study: NT5E 16, SPON2 990 CPM",
        _published("gse182158"),
        10,
        2,
        needs=("gse182158",),
    ),
    Family(
        "cord_gse199071",
        GOOD,
        "real cord MSC of another study: NT5E 166, SPON2 124 CPM",
        _published("gse199071"),
        10,
        1,
        needs=("gse199071",),
    ),
    Family("cord_bulk", GOOD, "bulk profile of cord MSC (GSE224190) as cells", _uc_bulk, 6, 1, needs=("ucbulk",)),
    Family(
        "fantom_msc",
        GOOD,
        "ten cultured mesenchymal kinds at their own rates; marrow has HLA-DRA 104",
        _fantom_msc,
        20,
        3,
        needs=("fantom",),
    ),
    Family(
        "marrow_dr",
        GOOD,
        "marrow MSC with HLA-DRA 104-250 CPM in all cells: informative, never FAIL",
        _marrow_dr,
        8,
        1,
        needs=("fantom",),
    ),
    Family(
        "licensed",
        GOOD,
        "HLA-DRA 400 CPM with the interferon response in all or half of the cells: informative",
        _licensed,
        8,
        2,
        needs=("ucbulk",),
    ),
    Family("one_gene", GOOD, "one to four genes of a lineage panel that stroma can express", _one_gene, 8, 2),
    Family(
        "near_good", GOOD, "a marker within a factor 1.3-1.8 of its threshold, on the right side", _near_above, 12, 3
    ),
    Family(
        "chemistry",
        GOOD,
        "a positive marker caught 5, 20, 50x less: the cells carry it, the chemistry hides it",
        _chemistry,
        9,
        3,
    ),
    Family("own_soup", GOOD, "ambient RNA of its own at 10-30 % of the median depth", _own_soup, 6, 1),
    Family(
        "blood_soup_10",
        GOOD,
        "the same lot with ambient RNA of a blood lot of the lane at 0, 0.5, 1, 2, 5, 10 %",
        _blood_swap(SOUP_LEVELS),
        24,
        3,
        needs=("pbmc",),
    ),
    Family(
        "blood_soup_30",
        GOOD,
        "the same at 20 and 30 %: open, never FAIL",
        _blood_swap((0.2, 0.3)),
        6,
        1,
        needs=("pbmc",),
    ),
    Family("endothelial_soup", GOOD, "ambient RNA of an endothelial lot at 2-10 %", _endo_swap, 6, 1, needs=("huvec",)),
    Family("msc_soup", GOOD, "ambient RNA of another good lot at 5 and 10 %", _msc_swap, 6, 1),
    Family("doublets", GOOD, "a pure culture with 5-20 % doublets", _doublets, 6, 1),
    Family("cycling", GOOD, "a quarter of the cells cycles, 2,500-15,000 UMI", _cycling, 6, 1),
    Family("without_marker", BAD, "no cell has CD73, CD105 or CD90 (0.3-1 CPM)", _without, 9, 3),
    Family(
        "without_soup_10",
        BAD,
        "the same, with ambient RNA of a lot that has it at 2, 5, 10 %",
        _without_swap((0.02, 0.05, 0.1)),
        18,
        4,
    ),
    Family("without_soup_30", BAD, "the same at 20, 30 %: open is right, PASS never", _without_swap((0.2, 0.3)), 12, 3),
    Family("subset_even", BAD, "10-30 % lack a positive marker, spread evenly", _subset_even, 18, 3, hidden=True),
    Family("subset_cluster", BAD, "12-30 % lack it: one whole cluster", _subset_cluster, 18, 3, hidden=True),
    Family("subset_part", BAD, "12-30 % lack it: part of one cluster", _subset_part, 18, 3, hidden=True),
    Family("subset_shallow", BAD, "10 or 30 % lack it at 3,000 UMI", _subset_shallow, 6, 1, hidden=True),
    Family("blood_mixed", BAD, "10-30 % real blood cells", _pbmc_mixed, 6, 1, needs=("pbmc",)),
    Family(
        "sorted_mixed",
        BAD,
        "10-20 % real sorted T or NK cells",
        _mixed_with(("blood_T", "blood_NK"), (0.1, 0.2)),
        8,
        1,
        needs=("blood_T", "blood_NK"),
    ),
    Family(
        "hek_mixed",
        BAD,
        "10-20 % HEK293T: no panel names them, they are no MSC",
        _mixed_with(("HEK293T",), (0.1, 0.2)),
        10,
        2,
        needs=("HEK293T",),
    ),
    Family(
        "tissue_mixed",
        BAD,
        "15 % real tissue cells: epithelium, endothelium, leukocytes, erythrocytes, islet cells",
        _mixed_with(
            (
                "bronchus:Epi",
                "diaphragm:Endo",
                "diaphragm:Immune",
                "bone_marrow:Erythrocyte",
                "pancreas:beta",
                "bone_marrow:Mast",
                "pancreas:macrophage",
            ),
            (0.15,),
        ),
        7,
        2,
        needs=("bronchus", "diaphragm", "bone_marrow", "pancreas"),
    ),
    Family(
        "endothelium_mixed",
        BAD,
        "10-20 % endothelial cells (HUVEC profile)",
        _mixed_with(("huvec:V4", "huvec:V13"), (0.1, 0.2)),
        6,
        1,
        needs=("huvec",),
    ),
    Family("ipsc_mixed", BAD, "10-20 % pluripotent cells", _mixed_with(("ipsc:H1.1", "ipsc:H3.1"), (0.1, 0.2)), 6, 1),
    Family(
        "muscle_mixed",
        BAD,
        "20-40 % real differentiating myoblasts: ISCT markers are met, muscle is no MSC",
        _mixed_with(("hsmm:2",), (0.2, 0.4)),
        6,
        1,
        needs=("hsmm",),
    ),
    Family("muscle_pure", BAD, "nothing but real cultured myoblasts", _muscle, 4, 1, needs=("hsmm",)),
    Family(
        "hek_5",
        BAD,
        "5 % HEK293T: over the limit of 2 % at which purity warns",
        _mixed_with(("HEK293T",), (0.05,)),
        6,
        1,
        needs=("HEK293T",),
    ),
    Family(
        "contaminated_soup",
        BAD,
        "10-20 % blood cells and 10 % ambient RNA of another MSC lot",
        _contaminated_swap,
        6,
        1,
        needs=("pbmc",),
    ),
    Family(
        "foreign_blood",
        BAD,
        "28 kinds of blood cells at their own rates",
        _foreign_fantom("blood", _blood_base),
        28,
        3,
        needs=("fantom", "lung"),
    ),
    Family(
        "foreign_endothelium",
        BAD,
        "nine kinds of endothelium",
        _foreign_fantom("endothelial", lambda _: "huvec:V13"),
        9,
        1,
        needs=("fantom", "huvec"),
    ),
    Family(
        "foreign_epithelium",
        BAD,
        "ten kinds of epithelium",
        _foreign_fantom("epithelial", lambda _: "lung:Epithelial"),
        10,
        1,
        needs=("fantom", "lung"),
    ),
    Family(
        "foreign_real",
        BAD,
        "real sorted or labelled cells, no MSC at all",
        _foreign_real,
        10,
        2,
        needs=("blood_T", "blood_NK", "HEK293T", "thymus", "bone_marrow", "pbmc", "bronchus"),
    ),
    Family(
        "near_bad",
        BAD,
        "a marker at a factor 0.5-0.6 (positive) or 2-3 (negative) of its threshold in all cells",
        _near_below,
        12,
        3,
    ),
    Family(
        "negative_part",
        BAD,
        "20-30 % of the cells carry CD34, CD45 or CD14 RNA at 3-6 times the threshold",
        _cd34_part,
        8,
        1,
    ),
    Family(
        "two_donors",
        OPEN,
        "male and female donor mixed: must be found or said to be unknowable; not FAIL",
        _two_donors,
        6,
        1,
        wrong=("FAIL",),
    ),
    Family(
        "empty_barcodes",
        OPEN,
        "1,000 empty droplets beside 180 cells: neither a good nor a bad donor",
        _empty_barcodes,
        5,
        1,
        wrong=("PASS", "FAIL"),
    ),
    Family(
        "fibroblasts",
        OPEN,
        "cultured foreskin fibroblasts: RNA of ISCT markers does not distinguish them",
        _stroma("fibroblast:26", (0.2, 1.0)),
        4,
        1,
        needs=("fibroblast",),
    ),
    Family(
        "airway_muscle",
        OPEN,
        "cultured airway smooth muscle: mesenchymal, no MSC; must not be named NK",
        _stroma("airway:smc", (0.2, 1.0)),
        4,
        1,
        needs=("airway",),
    ),
    Family(
        "foetal_fibroblasts",
        OPEN,
        "real foetal fibroblasts (CD34+, CD105-poor); must not be named NK",
        _stroma("diaphragm:Fibro-SCN7A", (0.2, 1.0)),
        4,
        1,
        needs=("diaphragm",),
    ),
    Family("pericytes", OPEN, "20 % with mural genes: described, not failed", _pericyte, 4, 1, wrong=("FAIL",)),
    Family(
        "chondrocytes",
        OPEN,
        "20 or 100 % chondrocytes without CD90: FAIL or open, not PASS",
        _chondro,
        4,
        1,
        wrong=("PASS",),
    ),
    Family(
        "osteogenic",
        OPEN,
        "osteogenic cells with CD14 at 16-35 CPM, under the threshold of 60: not FAIL for CD14",
        _osteo,
        6,
        1,
        wrong=("FAIL",),
    ),
)
