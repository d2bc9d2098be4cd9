"""Whole runs through Snakemake, as a user starts them."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from passport_sentences import find_false, from_run

from mscape.data.table_io import read_table
from mscape.data.tables import TABLES

pytestmark = pytest.mark.workflow


def snakemake(root, folder, *arguments, config=None):
    """Run Snakemake as a user would, from a folder of its own."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-s",
        str(root / "Snakefile"),
        "--directory",
        str(folder),
        "--cores",
        "2",
    ]
    if config is not None:
        command += ["--configfile", str(config)]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, cwd=folder, check=False)


# Doublets of two cells of one kind cannot be identified, and those of different kinds are few in a nearly pure
# culture: docs/input.md.
KNOWN_SHORTFALLS = {"doublet_auprc_heterotypic"}
# Reported beside the set that names the state (MSC_SENESCENCE_ARREST__SIGNED): 0.8998 of 0.90, by 32 senescent cells.
NOT_DECIDING = {"senescent: SENMAYO"}
TINY = {
    "title": "Tiny study {1} (simulated)",  # text, no pattern that Snakemake fills in
    "license": "{of} CC BY 4.0",
    "datasets": {
        "tiny": {
            "culture": "expanded",
            "simulate": {
                "seed": 7,
                "cells": 350,
                "lots": [
                    {"sample_id": "A", "donor_id": "D1", "tissue": "bone marrow", "passage": 3, "sex": "female"},
                    {
                        "sample_id": "B",
                        "donor_id": "D2",
                        "tissue": "umbilical cord",
                        "passage": 8,
                        "sex": "male",
                        "contamination": {"T cell": 0.08, "endothelial": 0.06},
                    },
                ],
            },
        }
    },
}


@pytest.fixture(scope="module")
def tiny(root, tmp_path_factory):
    """A finished run of two small simulated lots."""
    folder = tmp_path_factory.mktemp("tiny")
    config = folder / "study.yaml"
    config.write_text(yaml.safe_dump(TINY))
    run = snakemake(root, folder, config=config)
    assert run.returncode == 0, run.stderr[-4000:]
    (folder / "terminal.txt").write_text(run.stderr)
    return folder, config


def test_the_terminal_shows_one_line_a_step_and_ends_with_the_report(tiny):
    folder, _ = tiny
    lines = (folder / "terminal.txt").read_text().splitlines()
    steps = int(next(line for line in lines if line.startswith("mscape: ")).split()[1])
    done = [line for line in lines if re.match(r"\[ +\d+:\d\d\] +\d+/\d+ done ", line)]
    assert len(done) == steps > 15
    assert any("left" in line for line in done)
    assert not any(line.startswith(("rule ", "localrule ", "    input:")) for line in lines)
    assert lines[-1] == f"mscape: open {folder / 'results/index.html'}"


def test_no_sentence_of_its_passports_is_false(tiny):
    folder, _ = tiny
    document, given = from_run(folder / "results/tiny")
    faults = [fault for lot in document["lots"] for fault in find_false(lot, given)]
    assert not faults, "\n".join(faults)


def test_scanpy_works_on_the_file_without_a_copy(tiny, tmp_path):
    import anndata
    import matplotlib as mpl
    import scanpy as sc

    mpl.use("Agg")
    folder, _ = tiny
    adata = anndata.read_h5ad(folder / "results/tiny/tiny.h5ad")
    for method in ("wilcoxon", "t-test"):
        sc.tl.rank_genes_groups(adata, "isct_call", groups=["pass", "fail"], method=method)
    assert adata.uns["rank_genes_groups"]["names"]["fail"][0] != adata.uns["rank_genes_groups"]["names"]["pass"][0]
    sc.pl.dotplot(adata, ["THY1", "PTPRC"], groupby="leiden", show=False)
    sc.tl.leiden(adata, key_added="mine", flavor="igraph", n_iterations=2)
    sc.tl.leiden(adata, key_added="of_msc", flavor="igraph", n_iterations=2, neighbors_key="neighbors_msc")
    sc.tl.paga(adata, groups="mine")
    sc.tl.umap(adata, maxiter=5)
    twice = anndata.concat([adata, adata], keys=["a", "b"], index_unique="-")
    assert twice.n_obs == 2 * adata.n_obs
    adata.write_h5ad(tmp_path / "again.h5ad")
    again = anndata.read_h5ad(tmp_path / "again.h5ad")
    assert again.obs["leiden"].isna().sum() == adata.obs["leiden"].isna().sum() > 0


def test_the_study_can_be_sent(root, tiny):
    folder, config = tiny
    run = snakemake(root, folder, "--", "package_study", config=config)
    assert run.returncode == 0, run.stderr[-4000:]
    assert f"to send: {folder / 'results/study.zip'}" in run.stderr.splitlines()[-1]
    with zipfile.ZipFile(folder / "results/study.zip") as archive:
        names = set(archive.namelist())
        described = json.loads(archive.read("ro-crate-metadata.json"))["@graph"]
    assert {"index.html", "tiny/report.html", "tiny/tables/cells.parquet", "tiny/tables/gate.csv"} <= names
    assert "tiny/tiny.h5ad" not in names
    assert "sbom.cdx.json" in names
    assert not [name for name in names if name.startswith("tiny/") and name.endswith(".tsv")]  # CSV is guarded
    run_id = json.loads((folder / "results/tiny/passports.json").read_text())["run_id"]
    (action,) = [entity for entity in described if entity["@type"] == "CreateAction"]
    assert action["@id"] == f"#run-{run_id}"
    assert "simulated cells of 2 samples" in action["description"]


def test_a_run_is_compared_with_an_earlier_one(root, tiny, tmp_path):
    folder, config = tiny
    shutil.copytree(folder / "results/tiny", tmp_path / "before/results/tiny")
    command = ("--config", f"against={tmp_path / 'before'}", "--", "diff")
    run = snakemake(root, folder, *command, config=config)
    assert run.returncode == 0, run.stderr[-4000:]
    page = (folder / "results/diff.html").read_text(encoding="utf-8")
    assert "No verdict changed. The records of both runs are the same." in page
    record = json.loads((tmp_path / "before/results/tiny/run.json").read_text())
    lots = json.loads((tmp_path / "before/results/tiny/passports.json").read_text())
    record["config"]["gate"]["max_hidden"], lots["lots"][1]["verdict"] = 0.9, "PASS"
    shutil.rmtree(tmp_path / "before/results/tiny/.checksums")
    for name, content in (("run", record), ("passports", lots)):
        (tmp_path / f"before/results/tiny/{name}.json").write_text(json.dumps(content))
    run = snakemake(root, folder, *command, config=config)
    assert run.returncode == 1
    assert "1 verdict of 1 lot changed. Changed: config gate.max_hidden." in run.stderr
    (row,) = read_table(folder / "results/diff.tsv").to_dict("records")
    assert (row["lot_id"], row["before"], row["causes"]) == ("B", "PASS", "config: gate.max_hidden")


def test_what_the_cellxgene_schema_asks_for_is_named_not_invented(root, tiny):
    folder, config = tiny
    run = snakemake(root, folder, "--", "cellxgene", config=config)
    assert run.returncode != 0
    assert "assay_ontology_term_id of A, B is not known" in run.stderr
    assert not (folder / "results/tiny/tiny.cellxgene.h5ad").exists()


def test_the_report_goes_into_snakemake_s_own(root, tiny):
    folder, config = tiny
    run = snakemake(root, folder, "--report", "snakemake.html", config=config)
    assert run.returncode == 0, run.stderr[-4000:]
    page = (folder / "snakemake.html").read_text(encoding="utf-8")
    assert "report.html" in page
    assert len(page) > (folder / "results/tiny/report.html").stat().st_size  # it is in there


def test_every_table_has_the_columns_that_are_defined(tiny):
    folder, _ = tiny
    expected = {name for name, table in TABLES.items() if table.only in ("", "simulated")}
    assert {path.stem for path in (folder / "results/tiny").glob("*.tsv")} == expected
    for name in expected:
        table = read_table(folder / TABLES[name].path.format(dataset="tiny"))
        assert len(table.columns) >= len(TABLES[name].columns)


def test_every_stage_holds_what_the_contract_says(tiny):
    from mscape.data import contract

    folder, _ = tiny
    for name, stage in contract.STAGES.items():
        for sample in "AB" if "{sample}" in stage.path else " ":
            for scope in ("all", "msc") if "{scope}" in stage.path else ("",):
                contract.check(folder / stage.path.format(dataset="tiny", sample=sample, scope=scope), name)


def test_no_damaged_stage_file_gives_another_result(tiny, tmp_path, how_many_inputs, record_property):
    from stage_faults import damaged_runs

    folder, _ = tiny
    share = 1 if how_many_inputs > 1000 else 5  # all with --inputs 2002 and more
    said = dict(damaged_runs(TINY, folder / "results/tiny", tmp_path, share=share))
    record_property("damages", len(said))
    assert len(said) >= 180 // share
    silent = [what for what, message in said.items() if not message.endswith("Delete the file and run again.")]
    assert silent == []


def test_a_second_run_does_nothing(root, tiny):
    folder, config = tiny
    run = snakemake(root, folder, config=config)
    assert run.returncode == 0
    assert "Nothing to be done" in run.stderr


def test_a_changed_setting_reruns_only_what_uses_it(root, tiny):
    folder, config = tiny
    changed = folder / "changed.yaml"
    study = yaml.safe_load(config.read_text())
    study["gate"] = {"panel": "isct_core"}
    changed.write_text(yaml.safe_dump(study))
    plan = snakemake(root, folder, "--dry-run", config=changed).stdout
    assert "rule gate_msc:" in plan
    assert "rule load_counts:" not in plan
    assert "rule qc_cells:" not in plan


@pytest.mark.parametrize(("memory_gb", "threads"), [(40, 1), (0.6, 2)])
def test_a_heavy_step_takes_all_cores_where_memory_has_no_place_for_two(root, tiny, memory_gb, threads):
    folder, config = tiny
    options = ["--dry-run", "--forcerun", "rank_markers", "--config", f"memory_gb={memory_gb}"]
    plan = snakemake(root, folder, *options, "--", "results/tiny/markers.tsv", config=config).stdout
    said = re.search(r"threads: (\d+)", plan[plan.index("rule rank_markers:") :].split("\n\n")[0])
    assert (int(said[1]) if said else 1) == threads


def test_own_labels_are_shown_and_take_the_place_of_clusters(root, tiny):
    """On a copy of the run, so that only what follows from labels is made again."""
    import anndata

    before = anndata.read_h5ad(tiny[0] / "results/tiny/tiny.h5ad")
    cells = before.obs[["sample_id"]].assign(barcode=before.obs_names.str.partition("_").get_level_values(2))
    cells["cell kind"] = before.obs["isct_identity"].astype(str).where(before.obs["isct_call"] == "fail", "stroma")
    cells["half"] = pd.Series(["odd", "even"] * len(cells), dtype=object).to_numpy()[: len(cells)]
    cells.loc[cells.index[::4], "half"] = ""
    folder = tiny[0].with_name("labelled")  # beside it: relative paths to the sources stay what they were
    shutil.copytree(tiny[0], folder, symlinks=True)
    cells.to_csv(folder / "cells.tsv", sep="\t", index=False)
    study = yaml.safe_load(yaml.safe_dump(TINY))
    study["datasets"]["tiny"] |= {"annotations": "cells.tsv", "cluster": {"labels": "half"}}
    config = folder / "labels.yaml"
    config.write_text(yaml.safe_dump(study))
    run = snakemake(root, folder, config=config)
    assert run.returncode == 0, run.stderr[-4000:]
    assert not re.search(r"done +(gate_msc|embed_cells tiny all|score_signatures) ", run.stderr)
    adata = anndata.read_h5ad(folder / "results/tiny/tiny.h5ad")
    half = cells["half"].replace("", np.nan)
    assert adata.obs["half"].dropna().astype(str).to_dict() == half.dropna().to_dict()
    clustered = adata.obs["leiden"].notna()
    assert (adata.obs.loc[clustered, "leiden"].astype(str) == half[clustered]).all()
    assert (clustered == (before.obs["leiden"].notna() & half.notna())).all()
    assert (adata.obs.loc[clustered, "leiden_name"].astype(str) == adata.obs.loc[clustered, "leiden"].astype(str)).all()
    shares = read_table(folder / "results/tiny/annotations.tsv")
    assert (
        shares.groupby("annotation")["n_cells"].sum().to_dict() == cells[["cell kind", "half"]].ne("").sum().to_dict()
    )
    assert set(read_table(folder / "results/tiny/composition.tsv")["cluster"]) == {"odd", "even"}
    assert set(read_table(folder / "results/tiny/markers.tsv")["cluster"]) == {"odd", "even"}
    document, given = from_run(folder / "results/tiny")
    faults = [fault for lot in document["lots"] for fault in find_false(lot, given)]
    assert not faults, "\n".join(faults)
    assert document["run_id"] != json.loads((tiny[0] / "results/tiny/passports.json").read_text())["run_id"]
    page = (folder / "results/tiny/report.html").read_text()
    assert "labels of the column half, given by the user; stability was not measured" in page
    assert f"{len(cells)} of {len(cells)} cells have a label that the user gave" in page


def test_a_mistyped_key_stops_the_run_and_is_named(root, tmp_path):
    config = tmp_path / "study.yaml"
    config.write_text(yaml.safe_dump({**TINY, "gate": {"panle": "isct2006"}}))
    run = snakemake(root, tmp_path, config=config)
    assert run.returncode != 0
    assert "gate: unknown key 'panle'; did you mean 'panel'?" in run.stdout + run.stderr
    assert not (tmp_path / "results").exists()


def test_a_wrong_path_is_named_before_any_work(root, tmp_path):
    (tmp_path / "samples.tsv").write_text("sample_id\tpath\none\tnowhere.h5ad\n")
    config = tmp_path / "study.yaml"
    config.write_text(yaml.safe_dump({"datasets": {"mine": {"samples": "samples.tsv"}}}))
    run = snakemake(root, tmp_path, config=config)
    assert run.returncode != 0
    assert "nowhere.h5ad" in run.stdout + run.stderr
    assert not (tmp_path / "results").exists()


def test_a_missing_gpu_stops_the_run_before_any_work(root, tmp_path):
    if importlib.util.find_spec("rapids_singlecell"):
        pytest.skip("RAPIDS is installed here")
    config = tmp_path / "study.yaml"
    config.write_text(yaml.safe_dump({**TINY, "backend": "gpu"}))
    run = snakemake(root, tmp_path, config=config)
    assert run.returncode != 0
    assert "mscape check_backend: backend: gpu needs packages that are not installed here: cupy" in run.stderr
    assert not list(tmp_path.rglob("*.h5ad"))


def test_the_simulation_is_found_again(tiny):
    folder, _ = tiny
    truth = pd.read_csv(folder / "results/tiny/truth.tsv", sep="\t")
    left_out = truth["metric"].isin(KNOWN_SHORTFALLS) | truth["group"].isin(NOT_DECIDING)
    judged = truth[truth["target"].notna() & ~left_out]
    assert len(judged) == 6  # gate, contaminants, four states
    assert (judged["value"] >= judged["target"]).all(), judged.to_string()


def test_the_report_is_one_offline_file(tiny):
    folder, _ = tiny
    page = (folder / "results/tiny/report.html").read_text(encoding="utf-8")
    assert "imulated" in page
    assert 'src="http' not in page
    assert "ISCT compliant" not in page
    passports = json.loads((folder / "results/tiny/passports.json").read_text())
    assert {lot["lot_id"] for lot in passports["lots"]} == {"A", "B"}
    assert passports["run_id"] in page


@pytest.fixture(scope="module")
def real(root, shared_data, tmp_path_factory):
    """Two real datasets, blood to the report and lung to the gate."""
    folder = tmp_path_factory.mktemp("real")
    shutil.copytree(root / "tests/studies/real", folder, dirs_exist_ok=True)
    for sheet in folder.glob("*.tsv"):
        sheet.write_text(sheet.read_text().replace("SHARED", str(shared_data)))
    targets = ["results/pbmc3k/report.html", "results/zilionis/gate.tsv"]
    run = snakemake(root, folder, "--", *targets, config=folder / "real.yaml")
    assert run.returncode == 0, run.stderr[-4000:]
    return folder / "results"


def labels(shared_data: Path, name: str, column: str) -> pd.Series:
    """Given cell types of a real dataset, indexed by barcode."""
    import anndata

    return anndata.read_h5ad(next((shared_data / name).glob("*.h5ad")), backed="r").obs[column].astype(str)


@pytest.mark.real
def test_blood_fails_on_its_own_lineage(real, shared_data):
    from mscape.data import counts

    cells = counts.read_obs(real / "pbmc3k/gate.h5ad")
    assert (cells["isct_call"] == "pass").sum() == 0
    assert (cells["isct_call"] == "fail").mean() > 0.95
    table = pd.read_csv(real / "pbmc3k/gate.tsv", sep="\t").set_index("criterion")
    assert table.loc["CD90", "verdict"] == "not_assessable"
    assert table.loc["CD34", "verdict"] == "not_assessable"
    assert table.loc["CD45", "verdict"] == "fails"


@pytest.mark.real
def test_shallow_fibroblasts_are_indeterminate(real, shared_data):
    from mscape.data import counts

    cells = counts.read_obs(real / "zilionis/gate.h5ad")
    assert (cells["isct_call"] == "pass").sum() == 0


@pytest.mark.real
def test_the_report_of_real_data_does_not_say_simulated(real):
    page = (real / "pbmc3k/report.html").read_text(encoding="utf-8")
    assert len(page) < 15e6
    assert 'class="banner' not in page or "imulated" not in page.split('class="banner', 1)[1][:200]


def test_the_verbs_and_the_workflow_agree_cell_for_cell(tiny):
    import anndata
    import hdf5plugin  # noqa: F401  registers the compression of stage files
    import numpy as np

    import mscape as ms

    folder, _ = tiny
    results = folder / "results/tiny"
    loaded = {sample: anndata.read_h5ad(results / f"samples/{sample}/raw.h5ad") for sample in ("A", "B")}
    adata = anndata.concat(loaded, label="sample_id", merge="same")
    for lot in TINY["datasets"]["tiny"]["simulate"]["lots"]:
        own = adata.obs["sample_id"] == lot["sample_id"]
        for key in ("donor_id", "tissue", "passage", "sex"):
            adata.obs.loc[own, key] = str(lot[key])
    adata.obs["lot_id"] = adata.obs["sample_id"]

    ms.qc(adata)
    ms.embed(adata)
    ms.gate(adata, culture="expanded")
    ms.cluster(adata)
    ms.score(adata)
    contrasts = ms.compare(adata)
    passports = ms.passport(adata)

    whole = anndata.read_h5ad(results / "tiny.h5ad")
    passing = adata[adata.obs["qc"] == "pass"]
    assert list(passing.obs_names) == list(whole.obs_names)
    for column in ("isct_call", "isct_reason", "isct_identity", "phase"):
        assert (passing.obs[column].astype(str) == whole.obs[column].astype(str)).all(), column
    clusters = [table.obs["leiden"].astype(object).fillna("").astype(str) for table in (passing, whole)]
    assert (clusters[0] == clusters[1]).all()
    for key in ("X_pca", "score_z", "score_matched", "isct_pool_size"):
        assert np.array_equal(np.asarray(passing.obsm[key]), np.asarray(whole.obsm[key]), equal_nan=True), key
    assert len(contrasts) == len(pd.read_csv(results / "contrasts.tsv", sep="\t"))
    written = json.loads((results / "passports.json").read_text())["lots"]
    verdicts = {lot["lot_id"]: lot["verdict"] for lot in written}
    found = passports[passports["attribute"] == "verdict"].set_index("lot_id")["verdict"].to_dict()
    assert found == verdicts
    stated = [(lot["lot_id"], a["name"], a["verdict"], a["reason"]) for lot in written for a in lot["attributes"]]
    rows = passports[passports["attribute"] != "verdict"]
    assert list(zip(rows["lot_id"], rows["attribute"], rows["verdict"], rows["reason"], strict=True)) == stated
