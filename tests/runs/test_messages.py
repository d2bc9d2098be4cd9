"""What a user reads on the terminal when something is wrong, through Snakemake; and that nothing half-written stays."""

import resource
import subprocess
import sys

import input_files as make
import numpy as np
import pytest

pytestmark = pytest.mark.workflow


def run(root, folder, *samples, head="sample_id\tpath", target="raw", options=(), largest=None):
    """Run Snakemake on samples (name, path) up to their counts; return what it printed, and the files that it left."""
    (folder / "sheet.tsv").write_text(head + "\n" + "".join(f"{name}\t{path}\n" for name, path in samples))
    (folder / "study.yaml").write_text("datasets:\n  d:\n    samples: sheet.tsv\n")
    wanted = [f"results/d/samples/{name}/raw.h5ad" for name, _ in samples] if target == "raw" else [target]
    command = [sys.executable, "-m", "snakemake", "-s", root / "Snakefile", "--configfile", folder / "study.yaml"]
    command += ["--directory", folder / "run", "--cores", "1", *options, *wanted]

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, preexec_fn=limit if largest else None, check=False
    )
    assert done.returncode != 0
    left = [path for path in (folder / "run").rglob("*") if path.is_file() and ".snakemake" not in path.parts]
    return done.stdout + done.stderr, sorted(path.relative_to(folder / "run").as_posix() for path in left)


def lines_of(text):
    return [line for line in text.splitlines() if line.startswith("mscape load_counts:")]


def test_damaged_files(root, tmp_path):
    make.cut(make.tenx_folder(tmp_path / "gz") / "matrix.mtx.gz")
    make.cut(make.tenx_h5(tmp_path / "cut.h5"))
    text, left = run(root, tmp_path, ("A", "gz"), ("B", "cut.h5"), options=["--keep-going"])
    first, second = sorted(lines_of(text))
    assert f"{tmp_path / 'cut.h5'} is damaged or cut short (" in first
    assert f"{tmp_path / 'gz/matrix.mtx.gz'} is damaged or cut short (" in second
    assert all(line.endswith("Download it again, or copy it again and compare its size.") for line in (first, second))
    assert "Traceback" not in text
    assert left == ["logs/load_counts/d/A.log", "logs/load_counts/d/B.log"]
    assert "Traceback" in (tmp_path / "run/logs/load_counts/d/A.log").read_text()


def test_a_full_disk(root, tmp_path):
    rng = np.random.default_rng(0)
    names = [f"{i:016d}-1" for i in range(6000)]
    make.tenx_folder(tmp_path / "large", counts=rng.integers(0, 60_000, (6000, 12)), barcodes=names)
    text, left = run(root, tmp_path, ("A", "large"), largest=60_000)
    (line,) = lines_of(text)
    assert "results/d/samples/A/raw.h5ad could not be written" in line
    assert line.endswith("Make room there, then run again: it goes on here.")
    assert left == ["logs/load_counts/d/A.log"]


def test_wrong_paths_are_told_all_at_once(root, tmp_path):
    text, left = run(root, tmp_path, ("A", "nothing/here"), ("B", "nor/here"))
    for name, path in (("A", "nothing/here"), ("B", "nor/here")):
        assert f"d/{name}: no file or folder at {tmp_path / path}. Correct the path" in text
    assert left == []


def test_a_target_that_nothing_makes_is_told_with_what_was_meant(root, tmp_path):
    make.tenx_folder(tmp_path / "good")
    for wanted, guess in (("chek", "check"), ("results/d/report.htm", "results/d/report.html")):
        text, _ = run(root, tmp_path, ("A", "good"), target=wanted)
        sentence = f"mscape: nothing here makes {wanted}. Did you mean {guess}? "
        assert text.splitlines()[-1] == sentence + "--list-target-rules shows what can be asked for."
    text, _ = run(root, tmp_path, ("A", "good"), target="unlike_all")
    assert "mscape: nothing here makes unlike_all. --list-target-rules" in text


def test_wrong_columns(root, tmp_path):
    text, left = run(root, tmp_path, ("A", "x"), head="sample\tpath")
    assert f"{tmp_path / 'sheet.tsv'} has 2 faults" in text
    assert "column 'sample_id' is missing; there are 'sample', 'path'" in text
    assert left == []


def test_the_check_lists_all_faults_and_keeps_its_tables(root, tmp_path):
    make.cut(make.tenx_h5(tmp_path / "cut.h5"))
    make.tenx_folder(tmp_path / "good")
    text, left = run(
        root, tmp_path, ("A", "nothing"), ("B", "cut.h5"), ("C", "good"), ("D", "geo:GSM1"), target="check"
    )
    assert "mscape check_inputs: 4 samples: 3 errors" in text
    assert "error: d/A: readable:" in text
    assert "error: d/B: readable:" in text
    assert "error: d/D: download: 'geo:GSM1' is not understood" in text
    assert left == ["logs/check_inputs.log", "results/check.tsv", "results/forecast.tsv"]


def test_the_check_looks_again_whenever_it_is_asked_for(root, tmp_path):
    (tmp_path / "study.yaml").write_text("datasets: {d: {simulate: {lots: [{sample_id: A}]}}}\n")
    command = [sys.executable, "-m", "snakemake", "check", "-s", root / "Snakefile", "--cores", "1"]
    command += ["--configfile", tmp_path / "study.yaml", "--directory", tmp_path / "run"]
    for _ in range(2):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "mscape check: 0 samples: 0 errors, 0 warnings" in done.stdout + done.stderr
