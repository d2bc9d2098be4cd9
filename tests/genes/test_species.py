"""What is known of species is in one module."""

import ast

import pytest

from mscape.genes.species import BY_PREFIX, KNOWN, species

STILL_NAMED = {  # module -> why it names a species itself
    "genes/names.py": "the table of orthologs is of mouse",
    "genes/spelling.py": "open reading frames (C1orf43) are written so in human symbols only",
    "io/formats/features.py": "the gene table with ids is of human; two species in one file are split by capitals",
    "simulation/model.py": "cells are simulated as human ones",
}


def named_species(code):
    """Lines that compare something with the name of a species."""
    compared = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Compare)]
    return [
        node.lineno
        for node in compared
        if any(isinstance(one, ast.Constant) and one.value in KNOWN for one in ast.walk(node))
    ]


def test_no_other_module_compares_with_the_name_of_a_species(root):
    home = root / "workflow/scripts/mscape"
    found = {str(file.relative_to(home)) for file in home.rglob("*.py") if named_species(file.read_text())}
    assert found == set(STILL_NAMED)


def test_a_comparison_would_be_found():
    assert named_species("x = 1\nif organism in {'human', 'mouse'}:\n    pass") == [2]
    assert not named_species("f(organism='human')")


@pytest.mark.parametrize(
    ("name", "symbol", "fits"),
    [("human", "C1orf43", True), ("human", "Cd44", False), ("mouse", "Cd44", True), ("mouse", "1700001C19Rik", True)],
)
def test_symbols_have_the_form_of_their_species(name, symbol, fits):
    assert bool(species(name).form.match(symbol)) is fits


def test_isct_criteria_are_for_human_cells_and_unknown_species_have_nothing():
    assert [one.name for one in KNOWN.values() if one.isct] == ["human"]
    assert [one.name for one in KNOWN.values() if one.has_markers] == ["human", "mouse"]
    assert not species("axolotl").has_markers
    assert species("mouse").spell("SEPTIN2") == "Septin2"
    assert BY_PREFIX["ENSMUSG"] == "mouse"
    assert len(BY_PREFIX) == len(KNOWN)
