"""The registry of formats: one entry makes a format readable, and known by its names in a sample sheet."""

import input_files as make
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from mscape.errors import UserError
from mscape.io import formats
from mscape.io.formats.count_table import CountTable
from mscape.io.read import read_counts


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A file of a kind that is refused, and an entry of the registry by which it is read: two cells, one gene."""
    path = tmp_path / "counts.json"
    path.write_text('{"GENE1": [3, 4]}')

    def read(path, known, parts):
        features = pd.DataFrame({"symbol": ["GENE1"], "gene_id": "", "type": "", "genome": ""})
        return CountTable(
            format="book",
            barcodes=np.array(["a", "b"]),
            features=features,
            rows=lambda: iter([sp.csr_matrix([[3], [4]])]),
        )

    entry = formats.Format("book", ("book", "json"), ("json",), read)
    return path, lambda: monkeypatch.setattr(formats, "FORMATS", (*formats.FORMATS, entry))


def test_an_entry_makes_a_format_readable_by_content_and_by_each_of_its_names(book):
    path, add = book
    with pytest.raises(UserError, match="is JSON"), formats.open_counts(path):
        pass
    add()
    for name in ("auto", "book", "json"):
        with formats.open_counts(path, format=name) as table:
            assert [block.toarray().tolist() for block in table.rows()] == [[[3], [4]]]
        with formats.open_counts(path.parent, format=name) as table:  # alone in a folder
            assert list(table.barcodes) == ["a", "b"]
    with (
        pytest.raises(UserError, match="the sheet says loom, but it is book"),
        formats.open_counts(path, format="loom"),
    ):
        pass


def test_no_kind_of_file_has_two_readers():
    kinds = [kind for one in formats.FORMATS for kind in one.kinds]
    assert len(kinds) == len(set(kinds))


@pytest.mark.parametrize(
    ("columns", "stated"),
    [
        ({"assay": "10x 5' v2"}, "10x 5' v2"),
        ({"assay": "10x 3' v3", "suspension_type": "nucleus"}, "10x 3' v3, nuclei"),
        ({"suspension_type": "cell"}, ""),
        ({"assay": ["10x 3' v2", *["10x 3' v3"] * (len(make.BARCODES) - 1)]}, ""),
        ({"assay": 3}, ""),
    ],
)
def test_the_protocol_that_all_cells_of_a_file_have_is_stated(columns, stated, tmp_path):
    adata = make.annotated()
    for name, values in columns.items():
        adata.obs[name] = pd.Categorical([values] * adata.n_obs if np.isscalar(values) else values)
    path = make.h5ad(tmp_path / "a.h5ad", adata)
    with formats.open_counts(path) as table:
        assert table.chemistry == stated
    assert ("assay" in read_counts(path).obs) == bool(stated)
