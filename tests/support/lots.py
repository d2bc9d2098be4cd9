"""One small simulated lot of MSC-like cells, and the files in which people have such lots."""

from __future__ import annotations

import gzip
import io
import zipfile
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import anndata
import numpy as np
import pandas as pd
import scipy.io
import scipy.sparse as sp
from input_files import KNOWN

if TYPE_CHECKING:
    from pathlib import Path

RATES = {"COL1A1": 300, "VIM": 400, "ACTB": 300, "COL1A2": 250, "FN1": 200, "SPARC": 150, "TAGLN": 100, "THY1": 40}
RATES |= {"NT5E": 30, "ENG": 30, "LUM": 30, "DCN": 40}
SILENT = ("PTPRC", "CD34", "CD14", "HLA-DRA", "HLA-DRB1", "XIST")


@dataclass(frozen=True)
class Lot:
    """Counts of a lot, shape (n_cells, n_genes), with the names of its genes and cells."""

    counts: np.ndarray
    symbols: list[str]
    ids: list[str]
    barcodes: list[str]

    @property
    def sparse(self) -> sp.csr_matrix:
        """The counts as CSR."""
        return sp.csr_matrix(self.counts)

    def frame(self) -> pd.DataFrame:
        """Table of the counts, genes in rows."""
        return pd.DataFrame(self.counts.T, index=self.symbols, columns=self.barcodes)

    def annotated(self, matrix=None) -> anndata.AnnData:
        """AnnData of the counts, or of another matrix of the same shape."""
        return anndata.AnnData(
            X=self.sparse.astype(np.float32) if matrix is None else matrix,
            obs=pd.DataFrame(index=self.barcodes),
            var=pd.DataFrame({"gene_ids": self.ids}, index=self.symbols),
        )

    def scaled(self, target: float = 1e4) -> np.ndarray:
        """Counts scaled to one depth."""
        return target * self.counts / self.counts.sum(axis=1, keepdims=True)

    def logged(self) -> sp.csr_matrix:
        """Log-normalized values."""
        return sp.csr_matrix(np.log1p(self.scaled()).astype(np.float32))

    def first(self, n_cells: int) -> Lot:
        """The first cells."""
        return replace(self, counts=self.counts[:n_cells], barcodes=self.barcodes[:n_cells])


@lru_cache(maxsize=64)
def make_lot(seed: int = 0, n_cells: int = 40, n_genes: int = 400, depth: float = 3000, genes: int = 0) -> Lot:
    """Draw a lot of the genes of one draw: depths are log-normal, rates of genes too, and the counts Poisson."""
    rng = np.random.default_rng(seed)
    mito = [name for name in KNOWN["symbol"].tolist() if name.startswith("MT-")]
    always = [*RATES, *SILENT, *mito]
    other = KNOWN[~KNOWN["symbol"].isin(always)].sample(n_genes - len(always), random_state=genes)
    table = pd.concat([KNOWN[KNOWN["symbol"].isin(always)], other]).sort_values("gene_id").drop_duplicates("symbol")
    rate = rng.lognormal(0, 1.3, len(table)) * 3
    symbols = table["symbol"].tolist()
    for row, symbol in enumerate(symbols):
        rate[row] = RATES.get(symbol, 60 if symbol in mito else 0 if symbol in SILENT else rate[row])
    size = depth * rng.lognormal(0, 0.35, n_cells)
    counts = rng.poisson(np.outer(size, rate / rate.sum())).astype(np.int64)
    barcodes = list(dict.fromkeys("".join(rng.choice(list("ACGT"), 16)) + "-1" for _ in range(n_cells)))
    return Lot(counts=counts, symbols=symbols, ids=table["gene_id"].tolist(), barcodes=barcodes)


def write(path: Path, data: str | bytes) -> Path:
    """Write text or bytes, gzipped where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = data.encode() if isinstance(data, str) else data
    path.write_bytes(gzip.compress(data, compresslevel=1, mtime=0) if path.suffix == ".gz" else data)
    return path


def write_lines(path: Path, rows, *, mark: str = "\t") -> Path:
    """Write one line a row; rows of several fields are joined."""
    return write(path, "".join((row if isinstance(row, str) else mark.join(map(str, row))) + "\n" for row in rows))


def write_mtx(path: Path, matrix) -> Path:
    """Write a Matrix Market file, as it stands."""
    buffer = io.BytesIO()
    scipy.io.mmwrite(buffer, sp.csc_matrix(matrix).tocoo(), field="integer")
    return write(path, buffer.getvalue())


def write_h5ad(path: Path, adata: anndata.AnnData) -> Path:
    """Write an h5ad."""
    adata.write_h5ad(path)
    return path


def zip_folder(folder: Path, target: Path, *, inside: str = "") -> Path:
    """Zip all files of a folder, hidden ones too."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, inside + path.relative_to(folder).as_posix())
    return target
