"""What the check finds in good and bad inputs: the table of ``INPUTS``, and how it is said."""

import socket
import urllib.request
from types import SimpleNamespace

import anndata
import input_files as make
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData
from count_files import BAD, GOOD

import check_inputs
from mscape.checks import chemistry, inspect, study
from mscape.errors import UserError

PANEL = ["NT5E", "THY1", "ENG", "PTPRC", "CD34", "CD14", "ITGAM", "CD19", "CD79A", "HLA-DRA"]
GENES = pd.Index([*PANEL, "MT-ND1", *make.KNOWN["symbol"].drop_duplicates()[:9000]]).drop_duplicates()


def sample(path, *, n_cells=60, seed=0, genes=GENES, mean=0.4, barcodes=None):
    rng = np.random.default_rng(seed)
    matrix = sp.csr_matrix(rng.poisson(rng.gamma(1, mean, len(genes)), (n_cells, len(genes))).astype(np.int32))
    names = barcodes or [f"{''.join(rng.choice(list('ACGT'), 16))}-1" for _ in range(n_cells)]
    AnnData(matrix, obs=pd.DataFrame(index=names), var=pd.DataFrame(index=list(genes))).write_h5ad(path)
    return path


def given(dataset="D", **other):
    """A sample as the check takes it."""
    return {"dataset": dataset, "organism": "human", "orthologs": "", "fetched": ""} | other


def check(tmp_path, rows, *, organism="human", memory_gb=None, simulated=None, labels=None):
    """Run the check; return (the table, the error or None)."""
    samples = [
        given(organism=organism, row={"sample_id": f"s{i}", "path": str(row["path"])}) for i, row in enumerate(rows)
    ]
    params = SimpleNamespace(
        samples=samples,
        labels=labels or {},
        simulated=simulated or {},
        report=tmp_path / "out/check.tsv",
        forecast=tmp_path / "out/forecast.tsv",
        cores=2,
        memory_gb=memory_gb,
    )
    source = SimpleNamespace(genes=make.GENES, markers=make.MARKERS, demand=make.MARKERS.parent / "rule_resources.tsv")
    done, error = tmp_path / "done", None
    try:
        check_inputs.main(source, SimpleNamespace(done=done), params)
    except UserError as caught:
        error = str(caught)
    assert done.exists() == (error is None)
    return pd.read_csv(tmp_path / "out/check.tsv", sep="\t", keep_default_na=False), error


def faults(table):
    return {(one.sample, one.level, one.check) for one in table.itertuples() if one.level != "note"}


SMALL = {("warning", "cells"), ("warning", "genes"), ("warning", "panel")}  # the small matrix of most files
MOUSE = pd.Index([name.title() if not name.startswith("MT-") else "mt-Nd1" for name in GENES]).drop_duplicates()


def ortholog_table(folder, which):
    """A table of orthologs that knows all genes of a sample, or none of them."""
    names = list(GENES) if which == "all" else [f"{gene}L" for gene in GENES]
    return str(
        make.write_text(
            folder / "o.tsv", "gene\thuman\n" + "".join(f"{a}\t{b}\n" for a, b in zip(names, GENES, strict=True))
        )
    )


def droplets(path):
    """An unfiltered matrix: a few cells among many barcodes with hardly a count."""
    n = inspect.MANY_BARCODES + 100
    matrix = sp.random(n, len(PANEL), density=0.3, format="csr", rng=0)
    matrix.data[:] = 1
    return make.h5ad(path, AnnData(matrix.astype(np.int32), var=pd.DataFrame(index=PANEL)))


def sexed(path, gene):
    """A sample with transcripts that show the sex."""
    names = GENES.union(["XIST", "RPS4Y1", "DDX3Y"], sort=False)
    sample(path, genes=names.drop([name for name in ("XIST", "RPS4Y1", "DDX3Y") if name != gene]), n_cells=60)
    return path


def nuclei(folder):
    """A sample with much RNA of the nucleus and hardly any of mitochondria."""
    names = GENES.union(["MALAT1", *(f"MT-{name}" for name in ("ND1", "ND2", "CO1", "CO2", "CYB"))], sort=False)
    path = sample(folder / "a.h5ad", genes=names)
    adata = anndata.read_h5ad(path)
    counts = adata.X.toarray()
    counts[:, names.get_loc("MALAT1")] = counts.sum(axis=1) // 10
    counts[:, names.str.startswith("MT-")] //= 100
    adata.X = sp.csr_matrix(counts)
    adata.write_h5ad(path)
    return path


def stated(path, chemistry):
    """A 10x h5 that states its chemistry."""
    import h5py

    with h5py.File(make.tenx_h5(path), "r+") as file:
        file.attrs["chemistry_description"] = chemistry
    return path


def copied(folder):
    """The same file under two names."""
    one = sample(folder / "a.h5ad")
    (folder / "b.h5ad").write_bytes(one.read_bytes())
    return one, folder / "b.h5ad"


# One input a line: how it is made (one path, or one for each sample), what else the sheet says, and the faults that the
# check must find: level and check. The files of test_load_counts come first.
INPUTS = {
    **{name: (build, {}, SMALL) for name, (build) in GOOD.items()},
    **{name: (build, {}, {("error", "readable")}) for name, (build, _) in BAD.items()},
    "all zero": (BAD["all zero"][0], {}, SMALL | {("error", "counts")}),
    "good sample": (lambda d: sample(d / "a.h5ad"), {}, set()),
    "two good samples": (lambda d: (sample(d / "a.h5ad"), sample(d / "b.h5ad", seed=1)), {}, set()),
    "mouse called human": (lambda d: sample(d / "a.h5ad", genes=MOUSE), {}, {("error", "species")}),
    "mouse called mouse": (lambda d: sample(d / "a.h5ad", genes=MOUSE), {"organism": "mouse"}, set()),
    "human ids called other": (
        lambda d: sample(d / "a.h5ad", genes=pd.Index(make.KNOWN["gene_id"][:9000])),
        {"organism": "other"},
        {("error", "species"), ("warning", "orthologs"), ("warning", "mitochondria")},
    ),
    "horse without orthologs": (
        lambda d: sample(d / "a.h5ad"),  # spelled as human genes are
        {"organism": "other"},
        {("warning", "orthologs")},
    ),
    "horse with orthologs": (
        lambda d: sample(d / "a.h5ad"),
        {"organism": "other", "orthologs": "all"},
        set(),
    ),
    "horse with orthologs of other names": (
        lambda d: sample(d / "a.h5ad"),
        {"organism": "other", "orthologs": "none"},
        {("error", "orthologs"), ("error", "panel"), ("warning", "mitochondria")},
    ),
    "panel gene absent": (
        lambda d: sample(d / "a.h5ad", genes=GENES.drop("THY1")),
        {},
        {("warning", "panel")},
    ),
    "whole panel absent": (lambda d: sample(d / "a.h5ad", genes=GENES.drop(PANEL)), {}, {("error", "panel")}),
    "no mitochondrial genes": (
        lambda d: sample(d / "a.h5ad", genes=GENES.drop("MT-ND1")),
        {},
        {("warning", "mitochondria")},
    ),
    "genes filtered before": (lambda d: sample(d / "a.h5ad", genes=GENES[:500]), {}, {("warning", "genes")}),
    "five cells": (lambda d: sample(d / "a.h5ad", n_cells=5), {}, {("warning", "cells")}),
    "thirty cells": (lambda d: sample(d / "a.h5ad", n_cells=30), {}, {("warning", "cells")}),
    "no cells": (
        lambda d: make.h5ad(d / "a.h5ad", make.annotated()[:0].copy()),
        {},
        {("error", "cells"), ("warning", "genes"), ("warning", "panel")},
    ),
    "empty droplets": (
        lambda d: droplets(d / "a.h5ad"),
        {},
        {("error", "droplets"), ("warning", "genes"), ("warning", "mitochondria")},
    ),
    "reads": (lambda d: sample(d / "a.h5ad", mean=400), {}, {("warning", "umi")}),
    "reads said to be 10x": (
        lambda d: sample(d / "a.h5ad", mean=400, barcodes=[f"cell{i}" for i in range(60)]),
        {"assay": "10x 3' v3"},
        {("warning", "umi"), ("warning", "chemistry")},
    ),
    "10x said to be Smart-seq": (
        lambda d: sample(d / "a.h5ad"),
        {"assay": "Smart-seq2"},
        {("warning", "chemistry")},
    ),
    "10x said to be 10x": (lambda d: sample(d / "a.h5ad"), {"assay": "10x 3' v2"}, set()),
    "h5 that states another chemistry": (
        lambda d: stated(d / "a.h5", "Single Cell 3' v3"),
        {"assay": "Drop-seq"},
        SMALL | {("warning", "chemistry")},
    ),
    "5' kit said to be 3'": (
        lambda d: stated(d / "a.h5", "Single Cell 5' PE"),
        {"assay": "10x 3' v3"},
        SMALL | {("warning", "chemistry")},
    ),
    "5' kit said to be 5'": (lambda d: stated(d / "a.h5", "Single Cell 5' PE"), {"assay": "10x 5' v2"}, SMALL),
    "nuclei": (nuclei, {}, {("warning", "nuclei")}),
    "nuclei said to be nuclei": (nuclei, {"suspension_type": "nucleus"}, set()),
    "male said to be female": (
        lambda d: sexed(d / "a.h5ad", "DDX3Y"),
        {"sex": "female"},
        {("warning", "sex")},
    ),
    "female said to be female": (lambda d: sexed(d / "a.h5ad", "XIST"), {"sex": "F"}, set()),
    "a barcode twice": (
        lambda d: make.tenx_folder(d / "a", barcodes=[*make.BARCODES[:-1], make.BARCODES[0]]),
        {},
        SMALL | {("warning", "barcodes")},
    ),
    "the same file under two names": (copied, {}, {("error", "same cells")}),
    "the same path twice": (
        lambda d: (sample(d / "a.h5ad"), d / "a.h5ad"),
        {},
        {("error", "same cells"), ("error", "same path")},
    ),
    "the same names of other cells": (
        lambda d: [sample(d / f"{i}.h5ad", seed=i, barcodes=[f"cell{i}" for i in range(60)]) for i in range(2)],
        {},
        {("warning", "same cells")},
    ),
    "another format than stated": (lambda d: sample(d / "a.h5ad"), {"format": "loom"}, {("error", "readable")}),
    "no such member": (
        lambda d: make.raw_tar(d / "a.tar", d / "x", "GSM1"),
        {"member": "GSM2"},
        {("error", "readable")},
    ),
    "no such genome": (lambda d: make.tenx_h5(d / "a.h5"), {"genome": "mm10"}, {("error", "readable")}),
    "no such cells": (lambda d: sample(d / "a.h5ad"), {"cells": "D7*"}, {("error", "readable")}),
    "accession of no kind": (lambda d: "geo:182158:a.tar", {}, {("error", "download")}),
    "address of no kind": (lambda d: "gopher://a/b", {}, {("error", "download")}),
}


@pytest.fixture(scope="module")
def one_table(tmp_path_factory):
    """All inputs as one study, each a dataset of its own, in one table."""
    rows = []
    for name, (build, extra, _) in INPUTS.items():
        made = build(tmp_path_factory.mktemp("input"))
        for number, path in enumerate(made if isinstance(made, tuple | list) else [made]):
            row = {"sample_id": f"s{number}", "path": str(path)} | extra
            species = {"organism": extra.get("organism", "human")}
            if "orthologs" in extra:
                species["orthologs"] = ortholog_table(tmp_path_factory.mktemp("table"), extra["orthologs"])
            rows.append(given(name, row=row, **species))
    return study.check_study(rows, make.KNOWN, set(PANEL), scratch=tmp_path_factory.mktemp("scratch"))[0]


@pytest.mark.parametrize("name", INPUTS)
def test_each_input_has_its_faults(name, one_table):
    mine = one_table[one_table["dataset"] == name]
    assert {(one.level, one.check) for one in mine.itertuples() if one.level != "note"} == INPUTS[name][2]
    assert (mine.loc[mine["level"] != "note", ["found", "next_step"]] != "").all(axis=None)


def test_the_table_of_inputs_is_long():
    good = sum(not any(level == "error" for level, _ in faults) for _, _, faults in INPUTS.values())
    assert good >= 40
    assert len(INPUTS) - good >= 40


def test_all_faults_of_all_samples_are_told_at_once(tmp_path):
    rows = [
        {"path": tmp_path / "nothing"},
        {"path": sample(tmp_path / "b.h5ad", genes=GENES.drop(["THY1", "MT-ND1"]))},
        {"path": make.write_text(tmp_path / "g.csv", "<html>")},
        {"path": sample(tmp_path / "a.h5ad")},
    ]
    table, error = check(tmp_path, rows)
    assert list(table.columns) == study.COLUMNS
    assert list(table["level"]) == sorted(table["level"], key=study.LEVELS.index)
    assert faults(table) == {
        ("s0", "error", "readable"),
        ("s1", "warning", "panel"),
        ("s1", "warning", "mitochondria"),
        ("s2", "error", "readable"),
    }
    assert error.startswith("4 samples: 2 errors, 2 warnings")
    assert all(text in error for text in ("no such file", "not in the feature table: THY1", "is a web page"))
    assert "organism: mouse" in check(tmp_path, [{"path": sample(tmp_path / "m.h5ad", genes=MOUSE)}])[1]


def test_samples_that_share_a_file_are_told_apart_by_their_cells(tmp_path):
    names = [f"D{i % 2}_{i}" for i in range(120)]
    path = sample(tmp_path / "a.h5ad", n_cells=120, barcodes=names)
    rows = [given(row={"sample_id": donor, "path": str(path), "cells": f"{donor}_*"}) for donor in ("D0", "D1")]
    table, _ = study.check_study(rows, make.KNOWN, set(PANEL), scratch=tmp_path)
    assert faults(table) == set()
    assert table[table["check"] == "format"]["found"].str.contains("60 cells").all()


@pytest.mark.parametrize(
    ("names", "given", "family", "sure"),
    [
        (["ACGTACGTACGTACGT-1", "TTGTACGTACGTACGA-2"], {}, "10x", "likely"),
        (["S1_ACGTACGTACGTACGT-1"], {}, "10x", "likely"),
        (["ACGTACGTACGTACGT"], {}, "", "possible"),
        (["AAACATACAACCAC", "AAACATTGAGCTAC"], {}, "10x", "likely"),
        (["ACGTACGTACGT"], {}, "Drop-seq", "likely"),
        (["ACGTACGTA-ACGTACGT", "ACGTACGTACG-ACGTACGT"], {}, "inDrop", "likely"),
        (["ACGTACGTACGTACG", "ACGTACGTAC"], {}, "", "not known"),
        (["A1", "A10", "B03"], {}, "plate", "possible"),
        (["SRR1234567", "SRR1234568"], {}, "plate", "possible"),
        (["cell1", "cell2"], {"reads": True}, "plate", "likely"),
        (["p1b1.bcHQAL"], {}, "", "not known"),
        (["ACGTACGTACGTACGT"], {"stated": "Single Cell 3' v3"}, "10x", "stated"),
        ([], {}, "", "not known"),
    ],
)
def test_barcodes_tell_the_chemistry(names, given, family, sure):
    found = chemistry.guess_chemistry(names, **given)
    assert (found.family, found.sure) == (family, sure)
    assert found.why


@pytest.mark.parametrize(
    ("assay", "family"),
    [("10x 3' v2", "10x"), ("Fluidigm C1", "plate"), ("Smart-seq2", "plate"), ("CEL-seq2", "plate"), ("unknown", "")],
)
def test_assays_have_families(assay, family):
    assert chemistry.name_family(assay) == family


@pytest.mark.parametrize(
    ("names", "ids", "species", "kind"),
    [
        (["TP53", "THY1", "ENG"], ["", "", ""], "human", "symbols"),
        (["Trp53", "Thy1", "Eng", "mt-Nd1"], [""] * 4, "mouse", "symbols"),
        (["ENSG00000154096.1"] * 5, ["ENSG00000154096.1"] * 5, "human", "Ensembl ids"),
        (["Thy1"] * 5, ["ENSMUSG00000032011"] * 5, "mouse", "symbols and Ensembl ids"),
        (["ENSECAG00000012345"] * 5, [""] * 5, "horse", "Ensembl ids"),
        (["7157", "7070"], ["", ""], "unknown", "numbers"),
        (["hg19_TP53", "hg19_THY1"], ["", ""], "human", "symbols"),
        (["ENSG00000154096"] * 6 + ["TP53"] * 4, [""] * 10, "human", "a mixture"),
    ],
)
def test_names_tell_species_and_kind(names, ids, species, kind):
    assert inspect.guess_species(pd.Series(names), pd.Series(ids), make.KNOWN)[0] == species
    assert inspect.kind_of_names(pd.Series(names), pd.Series(ids)) == kind


def test_without_network_the_check_says_so_for_each_sample(tmp_path, monkeypatch):
    asked = []

    def no_network(self, request, *_, **__):
        asked.append(request.full_url)
        raise urllib.request.URLError(socket.gaierror(-2, "unknown"))

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", no_network)
    rows = [{"path": f"geo:GSE182158:file{i}.tar"} for i in range(3)]
    table, error = check(tmp_path, rows)
    assert faults(table) == {(f"s{i}", "error", "download") for i in range(3)}
    assert len(asked) == 1
    assert all(f"file{i}.tar cannot be reached" in error for i in range(3))
    assert "no network" in error


def test_fetched_samples_are_read_and_bad_addresses_are_told(tmp_path):
    folder = make.tenx_folder(tmp_path / "fetched")
    rows = [
        given(fetched=folder, row={"sample_id": "a", "path": "geo:GSM1:x"}),
        given(row={"sample_id": "b", "path": "geo:XX1:x"}),
    ]
    table, _ = study.check_study(rows, make.KNOWN, {"THY1"}, scratch=tmp_path)
    assert table.loc[table["sample"] == "a", "found"].str.contains("10x folder v3").any()
    assert table.loc[table["sample"] == "b", "check"].tolist() == ["download"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("barcode\tcell_type\nc0\tMSC\nc1\tT cell\n", None),
        ("barcode\tcell_type\nc0\tMSC\nzz\tT cell\nzy\tT cell\n", "1 of 3 lines name a cell of this dataset"),
        ("barcode\tpath\nc0\tMSC\n", "column 'path' is one of the sample sheet"),
        ("barcode\tcell_type\nc0\n", "line 2 has 1 fields"),
    ],
)
def test_labels_that_fit_no_cells_are_found_before_work(tmp_path, text, said):
    path = sample(tmp_path / "a.h5ad", barcodes=[f"c{i}" for i in range(60)])
    labels = {"D": str(make.write_text(tmp_path / "labels.tsv", text))}
    table, error = check(tmp_path, [{"path": path}], labels=labels)
    found = table[table["check"] == "labels"]
    if said is None:
        assert found.empty
        assert error is None
        return
    assert (found["level"].item(), found["sample"].item()) == ("error", "annotations")
    assert said in found["found"].item()
    assert said in error


@pytest.mark.real
def test_real_samples(tmp_path, shared_data):
    names = ["zilionis_lung300", "pollen_celllines299", "pbmc3k_labelled2638", "scmix_sc_celseq2"]
    table, error = check(tmp_path, [{"path": shared_data / name / f"{name}.h5ad"} for name in names])
    assert error is None
    # four unrelated sets in one dataset: they share few genes, which is said
    assert {fault for fault in faults(table) if fault[2] not in {"panel", "shared genes"}} == {
        ("s0", "warning", "several samples"),  # seven patients
        ("s1", "warning", "mitochondria"),
        ("s1", "warning", "umi"),
    }
    absent = table[(table["sample"] == "s2") & (table["check"] == "panel")]["found"].item()
    assert absent == "not in the feature table: CD34, THY1"


def test_time_memory_and_disk_are_foretold_from_the_cells_and_their_genes(tmp_path):
    path = sample(tmp_path / "a.h5ad", n_cells=200)
    values = int((anndata.read_h5ad(path).X > 0).sum())
    _, sizes = study.check_study(
        [given(row={"sample_id": "a", "path": str(path)})], make.KNOWN, set(PANEL), scratch=tmp_path
    )
    assert sizes == {"D": {"a": pytest.approx(values, rel=0.02)}}
    check(tmp_path, [{"path": path}], simulated={"S": {"x": 3e7}})
    forecast = pd.read_csv(tmp_path / "out/forecast.tsv", sep="\t").set_index("rule")
    assert forecast.loc["qc_cells", "jobs"] == 2
    assert forecast.loc["all", "memory_gb"] == forecast.drop(index="all")["memory_gb"].max()


def test_steps_that_need_more_memory_than_given_are_named(tmp_path):
    path = sample(tmp_path / "a.h5ad", n_cells=200)
    _, error = check(tmp_path, [{"path": path}], memory_gb=0.4, simulated={"S": {"x": 3e7}})
    assert "memory_gb is 0.4, but these steps need more: " in error
    assert "score_signatures" in error
    assert check(tmp_path, [{"path": path}], memory_gb=50)[1] is None
