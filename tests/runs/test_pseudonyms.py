"""With pseudonyms no name of a donor, sample or lot is in what a run writes to results, and the key leads back."""

import gzip
import io
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import h5py
import hdf5plugin  # noqa: F401  filters of the files
import pandas as pd
import pytest
import yaml

import simulate_study
from mscape.data.schema import fill_defaults, load_schema

pytestmark = pytest.mark.workflow
NAMES = {
    "sample": ["Smith.77", "Jones.78"],
    "lot": ["BatchOf Smith", "BatchOf Jones"],
    "donor": ["Patient-0815", "Patient-0816"],
}
ALL = [name for names in NAMES.values() for name in names]


def write_counts(root, folder):
    """Draw two lots and write them to files that bear the names of their donors."""
    schema = load_schema(root / "workflow/schemas/config.schema.yaml")
    settings = fill_defaults({"cells": 100, "genes": 1000, "lots": []}, schema["$defs"]["simulate"], schema)
    for donor, sex in zip(NAMES["donor"], ("female", "male"), strict=True):
        settings["lots"] = [{"sample_id": donor, "tissue": "bone marrow", "sex": sex}]
        simulate_study.main(
            SimpleNamespace(markers=root / "resources/markers.yaml", genes=root / "resources/genes.tsv"),
            SimpleNamespace(h5ad=folder / f"{donor}.h5ad", truth=folder / f"{donor}.parquet"),
            SimpleNamespace(settings=settings, sample=donor, dataset="d", threads=1),
        )


def texts_of(data):
    """All texts of a file: strings of HDF5 and Parquet, members of a zip, what is packed, or else its bytes."""
    if data.startswith(b"\x89HDF"):
        found = []
        with h5py.File(io.BytesIO(data)) as file:
            file.visititems(lambda name, item: found.extend([name, *_strings(item)]))
            found += [str(value) for value in file.attrs.values()]
        return found
    if data.startswith(b"PAR1"):
        table = pd.read_parquet(io.BytesIO(data))
        return [table.reset_index().to_csv()]
    if data.startswith(b"\x1f\x8b"):
        return texts_of(gzip.decompress(data))
    if data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inner = [texts_of(archive.read(name)) for name in archive.namelist() if not name.endswith("/")]
            return [*archive.namelist(), *(text for texts in inner for text in texts)]
    return [data.decode("latin-1")]


def _strings(item):
    yield from (str(value) for value in item.attrs.values())
    if isinstance(item, h5py.Dataset) and item.dtype.kind in "OSV":
        values = item.asstr()[()] if h5py.check_string_dtype(item.dtype) else item[()]
        yield "\n".join(map(str, values)) if item.shape else str(values)


def named_in(folder):
    """Files of a folder, and the names that each of them holds."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        whole = "\n".join([str(path.relative_to(folder)), *texts_of(path.read_bytes())]).lower()
        if held := [name for name in ALL if name.lower() in whole]:
            found[str(path.relative_to(folder))] = held
    return found


def snakemake(root, folder, *more):
    command = [sys.executable, "-m", "snakemake", "-s", root / "Snakefile", "--configfile", folder / "study.yaml"]
    command += ["--directory", folder / "run", "--cores", "1", *more]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


def test_results_hold_codes_and_the_key_leads_back(root, tmp_path):
    write_counts(root, tmp_path)
    lines = ["sample_id\tpath\tlot_id\tdonor_id\ttissue\tassay\tdisease\tsuspension_type"]
    rows = zip(NAMES["sample"], NAMES["lot"], NAMES["donor"], strict=True)
    lines += [
        f"{sample}\t{donor}.h5ad\t{lot}\t{donor}\tbone marrow\t10x 3' v3\tnormal\tcell" for sample, lot, donor in rows
    ]
    (tmp_path / "sheet.tsv").write_text("\n".join(lines) + "\n")
    config = {
        "report": {"pseudonyms": True},
        "export": {"h5ad": True, "cellxgene": True},
        "datasets": {"d": {"samples": "sheet.tsv", "culture": "expanded", "cluster": {"n_boot": 5}}},
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "run").mkdir()
    snakemake(root, tmp_path, "all", "package_study")
    results = tmp_path / "run/results"
    assert named_in(results) == {}

    key = pd.read_csv(tmp_path / "run/pseudonyms.tsv", sep="\t")
    behind = {code: (kind, name) for kind, name, code in key.itertuples(index=False)}
    cells = pd.read_parquet(results / "d/tables/cells.parquet")
    for kind, names in NAMES.items():
        assert {behind[code] for code in cells[f"{kind}_id"].unique()} == {(kind, name) for name in names}
    one_row = cells.drop_duplicates("sample_id")
    behind_rows = {tuple(behind[row[f"{kind}_id"]][1] for kind in NAMES) for _, row in one_row.iterrows()}
    assert behind_rows == set(zip(*NAMES.values(), strict=True))
    with zipfile.ZipFile(results / "study.zip") as archive:
        assert not [name for name in archive.namelist() if "pseudonyms.tsv" in name]
        assert "d/d.h5ad" in archive.namelist()
    assert "Nothing to be done" in snakemake(root, tmp_path, "--dry-run", "all")
    assert Path(tmp_path / "run/pseudonyms.tsv").stat().st_mode & 0o077 == 0


def test_the_search_finds_names_in_every_kind_of_file(tmp_path):
    pd.DataFrame({"a": [ALL[0]]}).to_parquet(tmp_path / "a.parquet")
    with h5py.File(tmp_path / "b.h5ad", "w") as file:
        file["obs/x"] = ["other", ALL[1]]
    (tmp_path / "e.tsv.gz").write_bytes(gzip.compress(ALL[3].encode()))
    (tmp_path / "c.html").write_text(f"<p>{ALL[2]}</p>")
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.write(tmp_path / "b.h5ad", "b.h5ad")
    held = {"a.parquet": 0, "b.h5ad": 1, "c.html": 2, "d.zip": 1, "e.tsv.gz": 3}
    assert named_in(tmp_path) == {file: [ALL[number]] for file, number in held.items()}
