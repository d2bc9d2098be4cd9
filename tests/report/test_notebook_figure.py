"""A figure shows itself in a notebook."""

import io

from matplotlib.figure import Figure
from matplotlib.image import imread

from mscape.report.notebook_figure import NotebookFigure


def test_the_png_shows_what_was_drawn():
    figure = NotebookFigure(figsize=(2, 1), dpi=50)
    figure.add_subplot().set_facecolor("red")
    picture = imread(io.BytesIO(figure._repr_png_()))
    assert (picture[..., :3] == [1, 0, 0]).all(axis=-1).mean() > 0.3
    assert isinstance(figure, Figure)


def test_a_plain_figure_would_not_show():
    assert not hasattr(Figure, "_repr_png_")
