"""A run notices each input that is another file than before, and only these."""

import os
import re
import subprocess
import sys

import input_files as make
import numpy as np
import pytest
from input_files import COUNTS

pytestmark = pytest.mark.workflow
LONG_AGO = 1_000_000_000


def snakemake(root, folder, *options):
    command = [sys.executable, "-m", "snakemake", "-s", root / "Snakefile", "--configfile", folder / "study.yaml"]
    command += ["--directory", folder / "run", "--cores", "1", *options]
    command += [f"results/d/samples/{name}/raw.h5ad" for name in "ABC"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


def test_replaced_inputs_are_read_again_whatever_their_dates_and_sizes(root, tmp_path):
    table, more = make.frame(), COUNTS.copy()
    other = int(np.flatnonzero(COUNTS[:, 0] != COUNTS[0, 0])[0])
    more[[0, other], 0] = COUNTS[[other, 0], 0]  # two values change places, so that the size stays
    make.tenx_folder(tmp_path / "a")
    make.write_text(tmp_path / "b.csv", table.to_csv())
    make.write_text(tmp_path / "c of donor's.csv", table.to_csv())
    (tmp_path / "sheet.tsv").write_text("sample_id\tpath\nA\ta\nB\tb.csv\nC\tc of donor's.csv\n")
    (tmp_path / "study.yaml").write_text("datasets:\n  d:\n    samples: sheet.tsv\n")
    snakemake(root, tmp_path)

    make.tenx_folder(tmp_path / "other", counts=more)
    for path in (tmp_path / "other").iterdir():  # inside a folder, and older
        (tmp_path / "a" / path.name).write_bytes(path.read_bytes())
        os.utime(tmp_path / "a" / path.name, (LONG_AGO, LONG_AGO))
    os.utime(tmp_path / "a", (LONG_AGO, LONG_AGO))
    before = (tmp_path / "b.csv").stat()  # of the same date and size
    table.iloc[0, [0, other]] = table.iloc[0, [other, 0]].to_numpy()
    make.write_text(tmp_path / "b.csv", table.to_csv())
    os.utime(tmp_path / "b.csv", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (tmp_path / "b.csv").stat().st_size == before.st_size
    plan = snakemake(root, tmp_path, "--dry-run")
    assert set(re.findall(r"wildcards: dataset=d, sample=(\w)", plan)) == {"A", "B"}
