"""Matplotlib figures that a notebook shows without a backend switch."""

from __future__ import annotations

import io

from matplotlib.figure import Figure


class NotebookFigure(Figure):
    """A figure that Jupyter displays as PNG, whichever backend of matplotlib is active, or none.

    It is not registered with pyplot, so that importing the library neither chooses a backend nor opens a window.
    """

    def _repr_png_(self) -> bytes:
        """Render the figure; Jupyter calls this for the value of a cell."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", bbox_inches="tight")
        return buffer.getvalue()
