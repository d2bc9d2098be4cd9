"""Small sample sheets for tests of contrasts and their designs."""

import pandas as pd

from mscape.comparison.contrasts import Contrast


def lots(rows, **more):
    """Lots from (donor, condition) pairs."""
    table = pd.DataFrame(rows, columns=["donor_id", "condition"], index=[f"L{i}" for i in range(len(rows))])
    return table.assign(n_cells=100, **more)[["donor_id", "condition", *more, "n_cells"]]


UNPAIRED = [
    ("D1", "control"),
    ("D2", "control"),
    ("D3", "control"),
    ("D4", "primed"),
    ("D5", "primed"),
    ("D6", "primed"),
]
PAIRED = [(donor, condition) for donor in ("D1", "D2", "D3") for condition in ("control", "primed")]
QUESTION = Contrast("condition", "control", "primed")
