"""The sentence for a target that nothing makes."""

import pytest
from snakemake.exceptions import MissingRuleException

from mscape.run import targets

KNOWN = ["all", "check", "results/d/report.html"]


@pytest.mark.parametrize(
    ("target", "guess"),
    [("chek", "check"), ("results/d/reports.html", "results/d/report.html"), ("unlike_these", None)],
)
def test_the_sentence_names_what_was_meant(target, guess):
    hint = f"Did you mean {guess}? " if guess else ""
    assert targets.unknown_target(target, KNOWN) == (
        f"mscape: nothing here makes {target}. {hint}--list-target-rules shows what can be asked for."
    )


def test_snakemake_catches_it_as_its_own_and_targets_are_read_only_when_it_is_shown():
    asked = []

    def known():
        asked.append(1)
        return KNOWN

    error = targets.missing_target(known)("chek")
    assert isinstance(error, MissingRuleException)
    assert not asked
    assert "Did you mean check?" in str(error)
    assert asked
