"""The HLA-DR rule: HLA-DR without a lineage that carries it fails neither cell nor lot.

It is then induced or of the stroma: licensing and some marrow cultures raise HLA-DR of MSC. By release practice it is
reported and not decisive (doi:10.1186/s12967-018-1659-4, PMC6567533). Its threshold is in ``resources/markers.yaml``,
as those of all markers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mscape.gating.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

CRITERION = "HLA-DR"  # a negative criterion of the panels
RESPONSE = "INTERFERON_RESPONSE"  # lineage panel of the genes that are raised with it


def find_induced(unsupported: np.ndarray, criteria: Sequence[str], responds: np.ndarray) -> np.ndarray:
    """Find the cells with induced HLA-DR, shape (n_cells,).

    Parameters
    ----------
    unsupported
        Is the criterion broken without a lineage that carries the marker? Shape (n_cells, n_criteria).
    criteria
        The panel's negative criteria.
    responds
        Has the cell an interferon response? Shape (n_cells,).
    """
    if CRITERION not in criteria:
        return np.zeros(len(unsupported), bool)
    return unsupported[:, list(criteria).index(CRITERION)] & responds


def verdict_without_lineage(criterion: str) -> str:
    """Verdict of a lot's criterion that its cells break by no lineage: HLA-DR is informative, the others fail."""
    return "inconclusive" if criterion == CRITERION else "fails"


OWN = (Reason.HLADR_INDUCED, Reason.LINEAGE_UNSUPPORTED)  # the stroma's own RNA, by no lineage that carries the marker
