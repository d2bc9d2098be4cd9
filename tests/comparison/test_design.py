import numpy as np
import pytest
from contrast_cases import PAIRED, QUESTION, UNPAIRED, lots
from scipy import stats

from mscape.comparison import contrasts, linear_model
from mscape.comparison import design as designs
from mscape.comparison.contrasts import Contrast


def test_three_against_three_is_students_t_test():
    design = designs.build_design(lots(UNPAIRED), QUESTION)
    assert design.testable
    assert not design.paired
    assert (design.n_reference, design.n_other, design.df) == (3, 3, 4)
    values = np.array([1.0, 2, 3, 4, 6, 8])[:, None]
    row = linear_model.fit_linear(values, design).iloc[0]
    # means 2 and 6; pooled variance (1 + 4) / 2; standard error sqrt(2.5 * 2 / 3); t = 3.0984; 4 df
    assert row["estimate"] == pytest.approx(4)
    assert row["statistic"] == pytest.approx(4 / np.sqrt(5 / 3))
    assert row["pvalue"] == pytest.approx(stats.ttest_ind(values[3:, 0], values[:3, 0]).pvalue)
    assert row["low"] == pytest.approx(4 - 2.7764451 * np.sqrt(5 / 3))


def test_pairs_are_the_paired_t_test():
    design = designs.build_design(lots(PAIRED), QUESTION)
    assert design.paired
    assert design.df == 2
    values = np.array([1.0, 2, 5, 7, 9, 12])[:, None]  # differences 1, 2, 3: mean 2, standard error 1 / sqrt(3)
    row = linear_model.fit_linear(values, design).iloc[0]
    assert row["estimate"] == pytest.approx(2)
    assert row["statistic"] == pytest.approx(2 * np.sqrt(3))
    assert row["pvalue"] == pytest.approx(0.0741799, abs=1e-6)


def test_lots_of_one_donor_count_once():
    table = lots([*UNPAIRED, ("D4", "primed"), ("D4", "primed")])
    design = designs.build_design(table, QUESTION)
    assert design.n_other == 3
    assert len(design.matrix) == 6
    assert design.mix.loc["D4"].loc[["L3", "L6", "L7"]].to_numpy() == pytest.approx([1 / 3] * 3)


def test_two_donors_per_arm_are_refused_in_a_sentence():
    design = designs.build_design(lots(UNPAIRED[1:5]), QUESTION)
    assert not design.testable
    assert design.note == "Fewer than 3 donors per arm: 2 and 2. Effect and interval only, no p-value."
    row = linear_model.fit_linear(np.array([1.0, 2, 5, 6])[:, None], design).iloc[0]
    assert row["estimate"] == pytest.approx(4)
    assert row["low"] < 4 < row["high"]
    assert np.isnan(row["pvalue"])


def test_one_donor_per_arm_gives_an_effect_without_interval():
    design = designs.build_design(lots([UNPAIRED[0], UNPAIRED[5]]), QUESTION)
    row = linear_model.fit_linear(np.array([1.0, 3])[:, None], design).iloc[0]
    assert (design.n_reference, design.n_other) == (1, 1)
    assert row["estimate"] == pytest.approx(2)
    assert np.isnan([row["low"], row["high"], row["pvalue"]]).all()


def test_one_donor_in_both_arms_is_one_pair():
    design = designs.build_design(lots(PAIRED[:2]), QUESTION)
    assert (design.n_reference, design.n_other, design.df) == (1, 1, 0)
    assert design.note.startswith("Fewer than 3 pairs: 1. Effect and interval only")
    assert design.note.endswith("Paired: one donor is compared with itself.")


def test_two_shared_donors_are_paired_where_an_unpaired_test_could_not_be_made_either():
    design = designs.build_design(lots([*PAIRED[:4], ("D3", "control")]), QUESTION)
    assert design.paired
    assert "Not paired and left out: D3." in design.note


def test_a_shared_donor_counts_in_the_smaller_arm_only():
    rows = [*UNPAIRED, ("D7", "primed"), ("D1", "primed")]
    design = designs.build_design(lots(rows), QUESTION)
    assert not design.paired
    assert (design.n_reference, design.n_other) == (3, 4)
    assert "In both arms, and kept only in 'control': D1." in design.note


def test_a_factor_that_changes_with_the_batch_is_confounded():
    table = lots(UNPAIRED, batch=["a", "a", "a", "b", "b", "b"])
    design = designs.build_design(table, QUESTION, covariates=["batch"])
    assert not design.testable
    assert design.note.startswith("condition is confounded with batch: they change together")
    assert linear_model.fit_linear(np.arange(6.0)[:, None], design)["estimate"].iloc[0] == pytest.approx(3)


def test_a_batch_per_donor_is_no_confounder():
    table = lots(UNPAIRED, batch=list("abcdef"))
    design = designs.build_design(table, QUESTION, covariates=["batch"])
    assert design.testable
    assert design.adjusted == []


def test_a_crossed_batch_is_adjusted_for():
    table = lots([*UNPAIRED, ("D7", "control"), ("D8", "primed")], batch=["a", "a", "b", "a", "b", "b", "b", "a"])
    design = designs.build_design(table, QUESTION, covariates=["batch"])
    effect = (table["condition"] == "primed") * 2.0 + (table["batch"] == "b") * 5.0
    row = linear_model.fit_linear(effect.to_numpy()[:, None], design).iloc[0]
    assert design.adjusted == ["batch"]
    assert row["estimate"] == pytest.approx(2)
    assert design.testable


def test_lots_that_a_covariate_takes_away_do_not_count_as_donors():
    """One late lot in each arm: adjusting for passage leaves two donors per arm, which is too few."""
    table = lots(UNPAIRED, tissue=["a", "a", "b", "a", "a", "c"])
    design = designs.build_design(table, QUESTION, covariates=["tissue"])
    assert (design.n_reference, design.n_other) == (2, 2)
    assert "(after adjusting for tissue)" in design.note


def test_a_trend_is_a_slope_per_passage_of_the_donors():
    table = lots(UNPAIRED, passage=["P2", "P3", "P4", "P6", "P7", "P8"])
    design = designs.build_design(table, Contrast("passage", trend=True))
    row = linear_model.fit_linear(np.array([2.0, 3, 4, 6, 7, 8])[:, None] * 0.5, design).iloc[0]
    assert row["estimate"] == pytest.approx(0.5)
    assert (design.n_reference, design.n_other) == (3, 3)


def test_a_trend_that_rests_on_one_late_donor_is_refused_in_its_own_words():
    table = lots(UNPAIRED, passage=["P2", "P2", "P3", "P3", "P3", "P9"])
    design = designs.build_design(table, Contrast("passage", trend=True))
    assert not design.testable
    assert design.note.startswith("Fewer than 3 donors on either side of the middle passage: 5 and 1.")


def test_a_trend_within_donors_compares_first_and_last_passage():
    rows = [(donor, "x") for donor in ("D1", "D2", "D3") for _ in range(3)]
    table = lots(rows, passage=["P2", "P4", "P8"] * 3)
    design = designs.build_design(table, Contrast("passage", trend=True))
    assert design.paired
    assert design.testable
    assert len(design.matrix) == 6
    values = design.mix.to_numpy() @ (table["passage"].map(contrasts.parse_number) * 0.3 + np.repeat([0, 5, 9], 3))
    assert linear_model.fit_linear(values[:, None], design)["estimate"].iloc[0] == pytest.approx(0.3)


def test_unnamed_donors_get_no_p():
    table = lots([("unknown", condition) for _, condition in UNPAIRED])
    design = designs.build_design(table, QUESTION)
    assert not design.testable
    assert "lots may share a donor" in design.note
    assert (design.n_reference, design.n_other) == (3, 3)


def test_few_cells_leave_a_lot_out_and_an_empty_arm_is_none():
    table = lots(UNPAIRED)
    table.loc["L0", "n_cells"] = 5
    design = designs.build_design(table, QUESTION, min_cells=20)
    assert design.n_reference == 2
    assert "Left out for having fewer than 20 cells: L0." in design.note
    assert designs.build_design(table, QUESTION, min_cells=1000) is None
