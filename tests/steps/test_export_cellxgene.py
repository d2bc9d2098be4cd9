"""The file in the CELLxGENE schema: what it holds, what the schema's own tool says, what is not invented."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from types import SimpleNamespace

import anndata
import numpy as np
import pandas as pd
import pytest
import toy_study

import assemble_dataset
import export_cellxgene
from mscape.data import counts
from mscape.errors import UserError
from mscape.export import cellxgene

TOOL = "cellxgene-schema==7.1.2"  # an environment of its own: it asks for another pandas than ours


def real_genes(root) -> list[str]:
    return list(pd.read_csv(root / "resources/genes.tsv", sep="\t", comment="#")["gene_id"][: len(toy_study.GENES)])


@pytest.fixture(scope="module")
def made(root, tmp_path_factory):
    """Toy study with ids of real genes; one gene has no id, one an id that was withdrawn."""
    folder = tmp_path_factory.mktemp("cellxgene")
    study = toy_study.write_study(folder)
    whole = anndata.read_h5ad(study.counts)
    whole.var["gene_id"] = real_genes(root)
    whole.var.iloc[3, whole.var.columns.get_loc("gene_id")] = ""
    whole.var.iloc[5, whole.var.columns.get_loc("gene_id")] = "ENSG00000112096"
    counts.write(whole, study.counts)
    path = folder / "toy.h5ad"
    assemble_dataset.main(study, SimpleNamespace(h5ad=str(path)), SimpleNamespace(threads=1))
    given = SimpleNamespace(
        h5ad=str(path),
        counts=study.counts,
        terms=str(root / "resources/ontology_terms.tsv"),
        genes=str(root / "resources/ensembl_genes.tsv.gz"),
    )
    output = SimpleNamespace(h5ad=str(folder / "toy.cellxgene.h5ad"))
    params = SimpleNamespace(organism="human", culture="expanded", title="Toy")
    export_cellxgene.main(given, output, params)
    return given, output.h5ad, whole


def test_counts_are_in_raw_and_genes_without_a_known_id_are_left_out(root, made):
    _, path, whole = made
    adata = anndata.read_h5ad(path)
    kept = [i for i in range(whole.n_vars) if i not in (3, 5)]
    assert list(adata.var_names) == [real_genes(root)[i] for i in kept]
    assert list(adata.raw.var_names) == list(adata.var_names)
    assert adata.raw.X.dtype == np.float32
    assert (whole.X[:, kept] != adata.raw.X).nnz == 0
    totals = np.asarray(whole.X.sum(axis=1)).ravel()  # of all genes, so that values are those of the assembled file
    expected = np.log1p(whole.X[:, kept].toarray() / totals[:, None] * 1e4)
    np.testing.assert_allclose(adata.X.toarray(), expected, rtol=1e-5)


def test_words_of_the_sheet_become_terms_and_the_rest_is_unknown(made):
    _, path, _ = made
    obs = anndata.read_h5ad(path).obs
    passed = obs["isct_call"] == "pass"
    assert set(obs.loc[passed, "cell_type_ontology_term_id"]) == {"CL:0000134"}
    assert set(obs.loc[~passed, "cell_type_ontology_term_id"]) == {"CL:0000084"}  # T cells of the toy
    one = {
        "tissue_type": "primary cell culture",
        "tissue_ontology_term_id": "CL:0002540",
        "assay_ontology_term_id": "EFO:0009922",
        "disease_ontology_term_id": "PATO:0000461",
        "sex_ontology_term_id": "unknown",
        "self_reported_ethnicity_ontology_term_id": "unknown",
        "development_stage_ontology_term_id": "unknown",
        "suspension_type": "cell",
    }
    for column, term in one.items():
        assert set(obs[column]) == {term}, column
    assert not obs["is_primary_data"].any()
    assert "tissue" not in obs
    assert set(obs["sheet_tissue"]) == {"bone marrow"}


@pytest.fixture(scope="module")
def tool(tmp_path_factory):
    """Run a command in an environment of the schema's tool."""
    uv = os.environ.get("UV") or shutil.which("uv")  # `uv run` says where it is
    if uv is None:
        pytest.skip("uv is not there to make the tool's environment")
    folder = tmp_path_factory.mktemp("tool")  # outside the repository, whose pins do not hold for the tool
    (folder / ".python-version").write_text("3.12\n")
    start = [uv, "run", "--no-project", "--isolated", "--python", "3.12", "--with", TOOL]

    def run(*command):
        return subprocess.run([*start, *command], cwd=folder, capture_output=True, text=True, check=False)

    ready = run("python", "-c", "import cellxgene_schema")
    if ready.returncode:
        pytest.skip(f"{TOOL} could not be installed: {ready.stderr.strip().splitlines()[-1:]}")
    return run


def test_the_schema_s_own_tool_finds_it_valid(made, tool):
    run = tool("cellxgene-schema", "validate", made[1])
    assert "is_valid=True" in run.stderr + run.stdout, run.stderr[-3000:]
    assert run.returncode == 0


def cells(**columns):
    base = {"sample_id": "S1", "isct_call": "pass", "isct_identity": "MSC-like"}
    return pd.DataFrame(base | columns, index=["a", "b"])


@pytest.fixture(scope="module")
def terms(root):
    return cellxgene.read_terms(root / "resources/ontology_terms.tsv")


def test_what_is_missing_is_named_for_all_samples_at_once(terms):
    obs = cells(tissue="moon", assay="unknown")
    _, faults = cellxgene.describe_cells(obs, terms, organism="human", culture="fresh")
    assert [fault.split(" of ")[0] for fault in faults] == [
        "tissue_ontology_term_id",
        "assay_ontology_term_id",
        "disease_ontology_term_id",
        "suspension_type",
    ]
    assert all("S1" in fault for fault in faults)


def test_a_term_of_another_ontology_is_refused(terms):
    words = {"assay": "10x 3' v3", "disease": "normal", "suspension_type": "cell"}
    obs = cells(tissue_ontology_term_id="UBERON:0002371", **words)
    _, faults = cellxgene.describe_cells(obs, terms, organism="human", culture="expanded")
    assert len(faults) == 1
    assert "tissue_ontology_term_id of S1 is not known or not CL:" in faults[0]
    _, faults = cellxgene.describe_cells(obs, terms, organism="human", culture="fresh")
    assert faults == []
    line = cells(tissue_type="cell line", tissue_ontology_term_id="CVCL_0001", **words)
    _, faults = cellxgene.describe_cells(line, terms, organism="human", culture="expanded")
    assert faults[0].startswith("tissue_type of S1")


def test_a_cell_that_fails_for_a_missing_marker_is_no_msc(terms):
    obs = cells(tissue="bone marrow", assay="10x 3' v3", disease="normal", suspension_type="cell")
    obs["isct_call"], obs["isct_identity"] = ["fail", "fail"], ["MSC-like", "endothelial"]
    columns, _ = cellxgene.describe_cells(obs, terms, organism="human", culture="expanded")
    assert list(columns["cell_type_ontology_term_id"]) == ["unknown", "CL:0000115"]


def test_unknown_culture_needs_a_tissue_type(terms):
    obs = cells(tissue="bone marrow", assay="10x 3' v3", disease="normal", suspension_type="cell")
    _, faults = cellxgene.describe_cells(obs, terms, organism="human", culture="unknown")
    assert faults[0].startswith("tissue_type of S1 is not known")
    assert "set the dataset's culture" in faults[0]
    columns, faults = cellxgene.describe_cells(
        obs.assign(tissue_type="tissue"), terms, organism="human", culture="unknown"
    )
    assert faults == []
    assert set(columns["tissue_ontology_term_id"]) == {"UBERON:0002371"}


def test_a_term_of_the_sheet_goes_before_its_word_and_an_open_call_has_no_type(terms):
    obs = cells(
        tissue="bone marrow",
        assay="10x 3' v3",
        assay_ontology_term_id="EFO:0022604",
        disease="normal",
        suspension_type="cell",
        sex="female",
    )
    obs["isct_call"] = ["pass", "indeterminate"]
    columns, _ = cellxgene.describe_cells(obs, terms, organism="mouse", culture="expanded")
    assert set(columns["assay_ontology_term_id"]) == {"EFO:0022604"}
    assert set(columns["sex_ontology_term_id"]) == {"PATO:0000383"}
    assert set(columns["self_reported_ethnicity_ontology_term_id"]) == {"na"}
    assert list(columns["cell_type_ontology_term_id"]) == ["CL:0000134", "unknown"]


def test_nothing_is_written_where_something_is_missing(made, tmp_path):
    given, _, _ = made
    output = SimpleNamespace(h5ad=str(tmp_path / "x.h5ad"))
    params = SimpleNamespace(organism="human", culture="unknown", title="Toy")
    with pytest.raises(UserError, match="tissue_type of D1_control, D1_primed"):
        export_cellxgene.main(given, output, params)
    with pytest.raises(UserError, match="human and mouse"):
        export_cellxgene.main(given, output, SimpleNamespace(organism="other", culture="expanded", title="Toy"))
    assert not list(tmp_path.iterdir())


def test_gene_ids_are_read_back(root):
    ids = cellxgene.read_gene_ids(root / "resources/ensembl_genes.tsv.gz", "human")
    assert len(ids) == 78_894
    assert {"ENSG00000135318", "ENSG00000154096", "ENSG00000106991"} <= ids  # NT5E, THY1, ENG
    assert "ENSG00000112096" not in ids
    assert "ENSMUSG00000032420" in cellxgene.read_gene_ids(root / "resources/ensembl_genes.tsv.gz", "mouse")


SCRIPT = """
import csv, json, sys
from cellxgene_ontology_guide.ontology_parser import OntologyParser
terms = [line for line in open(sys.argv[1]) if not line.startswith("#")]
parser = OntologyParser()
wrong = [row for row in csv.DictReader(terms, delimiter="\\t")
         if parser.is_term_deprecated(row["term"]) or parser.get_term_label(row["term"]) != row["label"]]
print(json.dumps(wrong))
"""


def test_terms_have_the_labels_that_the_ontologies_give_them(root, tool):
    run = tool("python", "-c", SCRIPT, str(root / "resources/ontology_terms.tsv"))
    assert run.returncode == 0, run.stderr[-3000:]
    assert json.loads(run.stdout.strip().splitlines()[-1]) == []
