"""What several tests share: where the repository and the real data are, and toy files."""

import os
from pathlib import Path

# As in a step: BLAS on one thread, so that sums come out the same; set before numpy reads it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

ROOT = Path(__file__).parents[1]
LONG = ("test_slurm.py", "test_workflow.py", "test_determinism.py", "test_kills.py")  # whole runs of the workflow


def pytest_addoption(parser):
    parser.addoption("--fix", action="store_true", help="write derived documents anew instead of comparing them")
    parser.addoption("--inputs", type=int, default=2000, help="generated inputs to read, half of them harmful")


@pytest.fixture
def how_many_inputs(request) -> int:
    """Generated inputs of one kind."""
    return request.config.getoption("--inputs") // 2


def pytest_terminal_summary(terminalreporter):
    """Print the number of generated inputs."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            if report.when == "call" and name.startswith("generated inputs"):
                terminalreporter.write_line(f"{name}: {value:,}")


def pytest_collection_modifyitems(items):
    """Begin with what takes longest, so that no process is left with it at the end."""
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture(scope="session", autouse=True)
def _no_search_by_pynndescent():
    """UMAP imports pynndescent, which compiles for 9 s of each process; no test searches with it."""
    from mscape.backends import cpu

    cpu.skip_search()


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data, which are not part of the repository."""
    folder = Path(os.environ.get("MSCAPE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; MSCAPE_SHARED_DATA names another place")
    return folder


@pytest.fixture
def small_blocks(monkeypatch):
    """Counts are read a cell or a few at a time."""
    from mscape.data import counts

    monkeypatch.setattr(counts.blocks, "__kwdefaults__", counts.blocks.__kwdefaults__ | {"block_values": 100})


@pytest.fixture
def toy_counts():
    """Maker of small Poisson counts as CSR with names: toy_counts(n_cells, n_genes, mean, seed)."""

    def make(n_cells=50, n_genes=40, mean=2.0, seed=0, prefix="cell"):
        from anndata import AnnData

        matrix = sp.csr_matrix(np.random.default_rng(seed).poisson(mean, (n_cells, n_genes)).astype(np.int32))
        obs = pd.DataFrame(index=[f"{prefix}{i}" for i in range(n_cells)])
        genes = [f"G{i}" for i in range(n_genes)]
        var = pd.DataFrame({"gene_id": [f"ENSG{i:011d}" for i in range(n_genes)], "feature_name": genes}, index=genes)
        return AnnData(matrix, obs=obs, var=var)

    return make
