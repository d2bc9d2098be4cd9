"""The tutorial's notebook runs, and comes to the answer that its simulation put in."""

import ast
import json
import logging

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def names(root):
    """Names that the notebook's cells leave behind, run in order as a kernel would."""
    notebook = json.loads((root / "docs/tutorial.ipynb").read_text(encoding="utf-8"))
    codes = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    found = {"shown": []}
    with pd.option_context("display.max_colwidth", 50):
        try:
            for code in codes:
                _run_cell(code, found)
        finally:
            logging.disable(logging.NOTSET)
    return found


def _run_cell(code: str, names: dict) -> None:
    """Run a cell; the value of a last expression goes to ``shown``, as a notebook would show it."""
    body = ast.parse(code).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "tutorial.ipynb", "exec"), names)
    if last is not None:
        names["shown"].append(eval(compile(ast.Expression(last.value), "tutorial.ipynb", "eval"), names))


def test_the_gate_fails_all_simulated_t_cells_and_hardly_another(names):
    calls = names["adata"].obs["isct_call"].dropna()
    t_cell = (names["cell_type"].loc[calls.index] == "T cell").to_numpy()
    assert t_cell.sum() >= 15
    assert (calls[t_cell] == "fail").all()
    assert (calls[~t_cell] == "fail").mean() < 0.02


def test_the_lot_fails_by_cd45_and_purity_is_a_warning_as_the_text_says(names):
    verdicts = names["passport"].set_index("attribute")["verdict"]
    failed = set(verdicts.index[verdicts == "FAIL"])
    assert failed == {"verdict", "phenotype", "criterion_CD45"}
    assert verdicts["purity"] == "WARN"


def test_the_notebook_shows_the_figures_without_a_backend(names):
    """By Jupyter's protocol: the value of a cell shows itself as PNG; nothing in the notebook chooses a backend."""
    images = [one._repr_png_() for one in names["shown"] if hasattr(one, "_repr_png_")]
    assert len(images) == 2
    assert all(image.startswith(b"\x89PNG") and len(image) > 5000 for image in images)
