"""Genes of another species under the names of their human counterparts, and what stays apart."""

from types import SimpleNamespace

import anndata
import input_files as make
import numpy as np
import pytest

import load_counts
from mscape.data.schema import load_schema
from mscape.errors import UserError
from mscape.genes import orthologs
from mscape.run import config


def table(folder, *rows):
    return make.write_text(folder / "horse.tsv", "gene\thuman\tnote\n" + "".join(f"{a}\t{b}\t\n" for a, b in rows))


def test_only_pairs_of_one_with_one_are_read(tmp_path):
    path = table(
        tmp_path,
        ("THY1", "THY1"),
        ("ENSECAG00000000001", "THY1"),  # the id of the same gene
        ("CXCL8A", "CXCL8"),
        ("CXCL8B", "CXCL8"),  # two genes for one
        ("DLA-DRA", "HLA-DRA"),
        ("DLA-DRA", "HLA-DRB1"),  # one gene for two
        ("LOC1", ""),
    )
    assert orthologs.read_orthologs(path) == {"THY1": "THY1", "ENSECAG00000000001": "THY1"}


def test_quotes_and_hashes_are_characters_of_a_name(tmp_path):
    path = make.write_text(tmp_path / "o.tsv", '# made by hand\ngene\thuman\n"A\tTHY1\nB#2\tENG\nC"\tNT5E\n')
    assert orthologs.read_orthologs(path) == {'"A': "THY1", "B#2": "ENG", 'C"': "NT5E"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("horse\thuman\nA\tB\n", "column 'gene' is missing; there are horse, human"),
        ("gene\thuman\nA\tB\nC\tB\n", "no gene with exactly one human counterpart"),
        ("", "is not a tab-separated table"),
        ("gene\thuman\nA\tB\nC\n", "line 3 has more or fewer fields than the header, 2"),
        ("gene\thuman\nA\tB\tC\n", "line 2 has more or fewer fields than the header, 2"),
    ],
)
def test_tables_that_do_not_serve_are_refused(text, message, tmp_path):
    with pytest.raises(UserError, match=message):
        orthologs.read_orthologs(make.write_text(tmp_path / "o.tsv", text))
    with pytest.raises(UserError, match="no such table of orthologs"):
        orthologs.read_orthologs(tmp_path / "nothing.tsv")


def test_counts_bear_human_names_and_nothing_is_lost(tmp_path):
    names = ["THY1E", "ENG", "LOC100", "CD14", *[f"X{i}" for i in range(8)]]  # ENG of the horse has no counterpart here
    ids = [f"ENSECAG{i:011d}" for i in range(len(names))]
    source = make.tenx_folder(tmp_path / "horse", symbols=names, ids=ids)
    pairs = table(tmp_path, ("THY1E", "THY1"), (ids[3], "CD14"), ("X0", "PTPRC"))
    params = SimpleNamespace(sample="S", dataset="D", format="auto", organism="other", **make.NOT_GIVEN)
    files = SimpleNamespace(path=source, genes=make.GENES, orthologs=pairs)
    load_counts.main(files, SimpleNamespace(h5ad=tmp_path / "raw.h5ad"), params)

    adata = anndata.read_h5ad(tmp_path / "raw.h5ad")

    assert list(adata.var_names[:5]) == ["THY1", "own:ENG", "own:LOC100", "CD14", "PTPRC"]
    assert list(adata.var["feature_name"][:4]) == names[:4]
    assert list(adata.var["gene_id"]) == ids
    np.testing.assert_array_equal(adata.X.toarray(), make.COUNTS)
    assert "3 of 12 genes bear the name of their human ortholog" in adata.uns["mscape"]["load_counts"]["notes"]


def test_the_config_says_which_table(root, tmp_path):
    schema = load_schema(root / "workflow/schemas/config.schema.yaml")
    given = {"datasets": {"horse": {"samples": "s.tsv", "organism": "other", "orthologs": "horse.tsv"}}}
    assert config.resolve(given, schema, folder=tmp_path)["datasets"]["horse"]["orthologs"] == str(
        tmp_path / "horse.tsv"
    )
    given["datasets"]["horse"]["organism"] = "mouse"
    with pytest.raises(UserError, match=r"datasets.horse.orthologs: it is for organism: other, but organism is mouse"):
        config.resolve(given, schema, folder=tmp_path)
