import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mscape.report.charts import enrichment as enrichment_charts
from mscape.report.sections import enrichment


def table(**change):
    """Two clusters; UP is clear in both, WEAK in none, ODD over-represented only."""
    rows = [
        ("cluster", "0", "prerank", "UP", 2.4, 0.0005),
        ("cluster", "1", "prerank", "UP", -1.2, 0.3),
        ("cluster", "0", "prerank", "WEAK", 1.1, 0.4),
        ("cluster", "0", "ora", "ODD", np.nan, 0.001),
    ]
    columns = ["scope", "cluster", "method", "term", "nes", "fdr"]
    more = {"genes": "A;B", "n_leading": 2, "n_genes": 3, "n_list": 10}
    return pd.DataFrame(rows, columns=columns).assign(**more, **change)


HITS = pd.DataFrame(
    {
        "scope": "cluster",
        "cluster": "0",
        "term": "UP",
        "gene": ["A", "B", "C"],
        "rank": [1, 3, 8],
        "running": [0.5, 0.857143, 0.285714 + 0.142857],
        "leading": [True, True, False],
    }
)


def dataset(**tables):
    return SimpleNamespace(tables=tables, lots=["L1", "L2", "L3"])


def test_only_sets_that_are_clear_somewhere_are_drawn_with_all_their_groups():
    rows = enrichment.choose(table(), "cluster")
    assert list(rows["term"]) == ["UP", "UP"]
    assert rows["said"].iloc[0] == "NES 2.4, FDR 5.0e−04; 2 of 3 genes lead"
    assert enrichment.choose(table(fdr=0.2), "cluster") is None
    assert enrichment.choose(table(), "contrast") is None


def test_a_dot_says_effect_by_colour_and_fdr_by_size():
    made = str(enrichment_charts.dots(enrichment.choose(table(), "cluster"), title="t"))
    radii = [float(r) for r in re.findall(r'<circle class="bar"[^>]* r="([\d.]+)" fill="[^"]*"><title>UP', made)]
    fills = re.findall(r'<circle class="bar"[^>]* fill="([^"]*)"><title>UP', made)
    assert radii == [7.5, 2.2]
    assert fills == ["#9a4a12", "#d8e2ee"]


def test_the_running_sum_falls_evenly_between_the_genes_of_the_set():
    (panel,) = enrichment.panels(table(), HITS, "cluster", "0")
    assert panel.x.tolist() == [0, 0, 1, 2, 3, 7, 8, 10]
    fall = 1 / 7  # ten genes, three of them in the set
    assert panel.y[[1, 3, 5]] == pytest.approx([0, 0.5 - fall, 0.857143 - 4 * fall], abs=1e-6)
    assert panel.y[[0, -1]].tolist() == [0, 0]
    assert panel.hits[panel.leading].tolist() == [1, 3]


def test_pictures_say_how_many_genes_and_sets_they_rest_on():
    made = enrichment.pictures(dataset(enrichment=table(), enrichment_genes=HITS), "cluster")
    assert "Prerank GSEA of 3 gene sets among 10 ranked genes. Shown: the 1 sets" in made["dots_note"]
    assert list(made["running"]) == ["0"]
    assert enrichment.pictures(dataset(), "cluster")["running"] == {}


def test_gsva_of_lots_is_a_table_with_its_cells_and_lots():
    rows = [("L1", "", 90, "UP", 0.9), ("L2", "", 80, "UP", -0.5), ("L1", "0", 50, "UP", 0.1)]
    sums = pd.DataFrame(rows, columns=["lot_id", "cluster", "n_cells", "term", "gsva"]).assign(n_genes=12)
    made = enrichment.sums(dataset(lot_enrichment=sums))
    assert [title for title, *_ in made.columns] == ["Signature", "Genes", "L1", "L2"]
    assert [cell.sort for cell in made.rows[0][1:]] == [12, 0.9, -0.5]
    assert "(80 to 90 cells)" in made.note
    assert enrichment.sums(dataset(lot_enrichment=sums.assign(gsva=np.nan))) is None
