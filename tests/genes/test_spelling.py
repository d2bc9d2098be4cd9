"""Names of genes in all spellings of published files."""

import pandas as pd
import pytest

from mscape.genes import spelling


@pytest.mark.parametrize(
    ("name", "id", "found"),
    [
        ("CD44", "ENSG00000026508.19", ("CD44", "ENSG00000026508")),
        ("GRCh38_CD44", "", ("CD44", "")),
        ('"THY1"', "", ("THY1", "")),
        ("C1ORF43", "", ("C1orf43", "")),
    ],
)
def test_a_name_is_taken_apart(name, id, found):
    others = ["ENG", "NT5E", "VIM", "COL1A1"]
    names = pd.Series([name, *(name.replace(name.strip('"').split("_")[-1], other) for other in others)])
    ids, genome = pd.Series([id, "", "", "", ""]), pd.Series([""] * 5)
    made = spelling.take_apart(names, ids, genome)
    assert (made.name[0], made.id[0]) == found


def test_names_are_known_in_any_case_and_have_the_form_of_their_species():
    assert spelling.is_symbol("thy1")
    assert not spelling.is_known("thy1")
    assert spelling.is_known("MALAT1")
    assert spelling.looks_like_gene("FAKE12", organism="human")
    assert not spelling.looks_like_gene("total_counts", organism="human")
    assert not spelling.looks_like_gene("Fake12", organism="human")
    assert spelling.looks_like_gene("Fake12", organism="mouse")
    assert spelling.looks_like_gene("anything at all", organism="other")


def test_the_share_of_genes_in_a_list():
    assert spelling.gene_share(["THY1", "eng", "ENSG00000026508", "cell_1"]) == pytest.approx(0.75)
    assert spelling.gene_share([]) == 0
