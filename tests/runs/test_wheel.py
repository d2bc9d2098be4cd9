"""The wheel by itself: what is installed judges a lot with no clone at hand."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest

pytestmark = pytest.mark.workflow

CODE = """
import json, mscape as ms
from anndata import read_h5ad
from mscape import paths
adata = read_h5ad({path!r})
ms.qc(adata)
ms.embed(adata)
ms.gate(adata)
table = ms.passport(adata).set_index("attribute")
first = table.loc["verdict"]
print(json.dumps([ms.__file__, str(paths.HOME), first["verdict"], first["reason"], int(table.loc["phenotype", "n"])]))
"""


@pytest.fixture(scope="module")
def installed(root, tmp_path_factory):
    """Folder with the package as pip would install it, and nothing of the repository."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not on the path")
    folder = tmp_path_factory.mktemp("wheel")
    build = [uv, "build", "--wheel", "--quiet", "--out-dir", str(folder), str(root)]
    run = subprocess.run(build, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_carries_what_the_package_reads(installed):
    for name in ("resources/markers.yaml", "resources/genes.tsv", "workflow/schemas/config.schema.yaml"):
        assert (installed / "mscape/_files" / name).is_file(), name
    assert not list(installed.glob("*.py"))  # no scripts of the workflow


def test_blood_is_no_msc_by_the_wheel(installed, shared_data, tmp_path):
    import json

    path = str(shared_data / "pbmc3k_labelled2638/pbmc3k_labelled2638.h5ad")
    environment = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", CODE.format(path=path)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    package, home, verdict, reason, n = json.loads(run.stdout.splitlines()[-1])
    assert package.startswith(str(installed))
    assert home.startswith(str(installed))
    assert verdict == "FAIL"
    assert "agree with the phenotype" in reason
    assert n > 2600
