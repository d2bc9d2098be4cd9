"""What a command can ask for: an unknown target is reported in one sentence, with what was perhaps meant."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any

from snakemake.exceptions import MissingRuleException


def unknown_target(target: str, known: Iterable[str]) -> str:
    """Say that nothing makes a target, and what to do.

    Parameters
    ----------
    target
        As it was asked for.
    known
        What can be asked for.

    Returns
    -------
    str
        One line.
    """
    guess = difflib.get_close_matches(target, sorted(known), n=1, cutoff=0.6)
    hint = f"Did you mean {guess[0]}? " if guess else ""
    return f"mscape: nothing here makes {target}. {hint}--list-target-rules shows what can be asked for."


def missing_target(known: Callable[[], Iterable[str]]) -> type[MissingRuleException]:
    """Make the exception that takes the place of Snakemake's in ``snakemake.dag``.

    Parameters
    ----------
    known
        Lists what can be asked for; called when the message is shown, since Snakemake raises it for source files, too.
    """

    class UnknownTarget(MissingRuleException):  # type: ignore[misc]  # Snakemake carries no types
        """Nothing makes a target."""

        def __init__(self, file: Any, lineno: int | None = None, snakefile: str | None = None) -> None:
            super().__init__(file, lineno=lineno, snakefile=snakefile)
            self.target = str(file)

        def __str__(self) -> str:
            return unknown_target(self.target, known())

    return UnknownTarget
