"""Two donors of different sex in a sample: simulated mixtures and what must not look like one; real cells below."""

import anndata
import numpy as np
import pandas as pd
import pytest

from mscape.quality.sex import Y_GENES
from mscape.quality.sex_mixture import find_two_sexes


def draw(seed, *, n=800, female=1.0, depth=10_000, size=0.5, xist=120, linked=500, spread=0.4, soup_x=0.0, soup_y=0.0,
         constant=True, doublets=0.0, across=0.0, lost=0.0):  # fmt: skip
    """Draw a sample: cells of each sex, doublets among its own cells and with those of another lot, ambient RNA."""
    rng = np.random.default_rng(seed)
    totals = rng.lognormal(np.log(depth), size, n)
    one, two = rng.random(n) < female, rng.random(n) < female
    own = rng.random(n) < doublets
    has_x = np.where(own, (one * 1.0 + two) / 2, one)
    has_y = np.where(own, (~one * 1.0 + ~two) / 2, ~one)
    other = rng.random(n) < across
    has_x, has_y = np.where(other, 0.5, has_x), np.where(other, 0.5, has_y)
    gone = rng.random(n) < lost
    has_x, has_y = has_x * ~gone, has_y * ~gone
    base = np.full(n, totals.mean()) if constant else totals

    def counts(has, cpm, soup):
        rate = cpm * 1e-6 * rng.gamma(1 / spread, spread, n)
        return pd.Series(rng.poisson(totals * has * rate + soup * cpm * 1e-6 * base))

    return counts(has_x, xist, soup_x), counts(has_y, linked, soup_y), pd.Series(totals)


PURE = {
    "female": {},
    "male": {"female": 0.0},
    "female, 10 % ambient RNA of male lots, doublets": {"soup_y": 0.1, "doublets": 0.04, "across": 0.04},
    "female, ambient RNA that grows with the cell": {"soup_y": 0.1, "constant": False, "across": 0.04, "size": 0.7},
    "male, 10 % ambient RNA of female lots": {"female": 0.0, "soup_x": 0.1, "across": 0.04},
    "female, XIST lost in a third": {"lost": 0.3, "soup_y": 0.1, "xist": 80},
    "male, Y lost in a third": {"female": 0.0, "lost": 0.3, "soup_x": 0.1},
    "female, low and variable XIST": {"xist": 50, "spread": 1.0, "soup_y": 0.1, "across": 0.04},
    "female, shallow": {"depth": 2000, "soup_y": 0.1, "across": 0.04},
}


@pytest.mark.parametrize("case", PURE)
def test_a_sample_of_one_sex_is_never_two_donors(case):
    found = [find_two_sexes(*draw(seed, **PURE[case])) for seed in range(4)]
    assert {one.finding for one in found} <= {"not_found", "cannot_say"}
    if "shallow" not in case and "low" not in case:
        assert {one.finding for one in found} == {"not_found"}
        assert {one.sex for one in found} == {"male" if case.startswith("male") else "female"}
        assert max(one.bound for one in found) <= 0.1


@pytest.mark.parametrize("share", [0.1, 0.2, 0.35, 0.5])
@pytest.mark.parametrize("rare", ["male", "female"])
def test_a_mixture_is_found_with_its_share(share, rare):
    given = {"soup_x": 0.05, "soup_y": 0.05, "doublets": 0.04}
    for seed in range(2):
        found = find_two_sexes(*draw(seed, female=1 - share if rare == "male" else share, **given))
        assert found.finding == "found"
        assert found.low <= share + 0.03
        assert found.high >= share - 0.03
        assert found.share == pytest.approx(share, abs=0.06)
        assert share == 0.5 or found.sex != rare


def test_a_mixture_is_found_at_low_expression_and_at_3000_counts():
    assert find_two_sexes(*draw(0, female=0.9, xist=50, linked=200)).finding == "found"
    assert find_two_sexes(*draw(0, female=0.7, depth=3000)).finding == "found"


@pytest.mark.parametrize(
    "case", [{"female": 0.7, "depth": 1000, "xist": 60, "linked": 150}, {"female": 0.9, "depth": 1500}]
)
def test_what_the_counts_cannot_show_is_not_said_to_be_absent(case):
    for seed in range(2):
        found = find_two_sexes(*draw(seed, **case))
        assert found.finding in {"cannot_say", "found"}
        if found.finding == "cannot_say":
            assert found.reason == "the counts of XIST and Y-linked genes are too low to see a second donor"
            assert found.bound > 0.1


def test_both_genes_in_all_cells_are_no_mixture():
    """As where a feature of a sequence that both sexes have bears the name, or the cells are simulated without sex."""
    rng = np.random.default_rng(0)
    totals = pd.Series(rng.lognormal(9, 0.5, 800))
    x, y = (pd.Series(rng.poisson(totals * rate * rng.gamma(3, 1 / 3, 800))) for rate in (100e-6, 300e-6))
    assert find_two_sexes(x, y, totals).finding != "found"


def test_what_is_missing_is_said():
    x, y, n = draw(0)
    assert find_two_sexes(x * np.nan, y, n).reason == "the feature table lacks XIST"
    assert find_two_sexes(x * np.nan, y * np.nan, n).reason == "the feature table lacks XIST and Y-linked genes"
    assert find_two_sexes(x[:50], y[:50], n[:50]).reason == "50 cells are fewer than the 100 that it takes"
    none = find_two_sexes(x * 0, y * 0, n)
    assert none.reason == "neither XIST nor Y-linked genes are expressed"


# ---- real cells


def sex_counts(adata):
    def of(genes):
        there = [gene for gene in genes if gene in adata.var_names]
        return pd.Series(np.asarray(adata[:, there].X.sum(axis=1)).ravel())

    return of(["XIST"]), of(Y_GENES), pd.Series(np.asarray(adata.X.sum(axis=1)).ravel())


def split_patients(adata):
    """Cells of patients whose sum shows one sex clearly."""
    x, y, n = sex_counts(adata)
    sums = pd.DataFrame({"x": x, "y": y, "n": n, "p": adata.obs["Patient"].astype(str).to_numpy()}).groupby("p").sum()
    ratio = (sums["x"] + 1) / (sums["y"] + 1)
    return (adata.obs["Patient"].astype(str).isin(sums.index[side]).to_numpy() for side in (ratio > 5, ratio < 0.2))


@pytest.mark.real
def test_real_patients_of_both_sexes_are_two_donors_and_of_one_sex_are_not(shared_data):
    """zilionis_lung300: seven patients; cells at 2,000 counts, so the patients' sums name the sexes."""
    path = shared_data / "zilionis_lung300" / "zilionis_lung300.h5ad"
    if not path.exists():
        pytest.skip(f"{path} is missing")
    adata = anndata.read_h5ad(path)
    female, male = split_patients(adata)
    assert min(female.sum(), male.sum()) >= 50
    mixed = find_two_sexes(*sex_counts(adata[female | male]))
    assert mixed.finding in {"found", "cannot_say"}
    if mixed.finding == "found":
        truth = min(female.sum(), male.sum()) / (female | male).sum()
        assert mixed.low - 0.1 <= truth <= mixed.high + 0.1
    for own in (female, male):
        if own.sum() >= 100:
            assert find_two_sexes(*sex_counts(adata[own])).finding != "found"


@pytest.mark.real
def test_a_real_tumor_of_a_woman_is_one_sex(shared_data):
    path = shared_data / "copykat_breast302" / "copykat_breast302.h5ad"
    if not path.exists():
        pytest.skip(f"{path} is missing")
    found = find_two_sexes(*sex_counts(anndata.read_h5ad(path)))
    assert (found.finding, found.sex) == ("not_found", "female")
    assert found.bound < 0.05
