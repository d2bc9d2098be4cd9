"""The report shows sentences of the gate's reasons, never codes."""

import re

from mscape.gating.reasons import Reason
from mscape.report import reason_words


def test_a_code_becomes_its_sentence_with_the_name():
    assert reason_words.of_cell("MISSING_CD73").startswith("CD73: ")
    assert "CD73" in reason_words.of_lot("MISSING_CD73")
    assert reason_words.of_cell("") == reason_words.NO_REMARK
    assert reason_words.of_lot("Already a sentence.") == "Already a sentence."


def test_no_sentence_holds_a_code():
    said = [reason_words.of_lot(f"{code}_X" if code.named else str(code)) for code in Reason]
    said += [reason_words.of_cell(f"{code}_X" if code.named else str(code)) for code in Reason]
    codes = re.compile("|".join(rf"\\b{code}\\b" for code in Reason if "_" in code))
    assert not [one for one in [*said, reason_words.definition()] if codes.search(one)]
