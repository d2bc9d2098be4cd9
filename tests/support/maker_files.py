"""One simulated lot as the programs of the field write it: folders, names, columns and barcodes as theirs.

``MAKERS`` must be read exactly; ``ESTIMATES`` hold no counts and must be refused with the cause.
"""

from __future__ import annotations

import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp
from lots import Lot, write, write_h5ad, write_lines
from odd_inputs import EXPRESSION, folder, parse, tenx_h5

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import anndata


def with_droplets(lot: Lot) -> Lot:
    """The lot before cells are called: more barcodes, with few counts."""
    few = np.random.default_rng(1).poisson(0.02, (60, lot.counts.shape[1]))
    return replace(lot, counts=np.vstack([lot.counts, few]), barcodes=[*lot.barcodes, *(f"E{n}" for n in range(60))])


def named(lot: Lot, form: Callable[[int], str]) -> Lot:
    """The lot with other barcodes."""
    return replace(lot, barcodes=[form(n) for n in range(len(lot.barcodes))])


def bases(n: int, length: int) -> str:
    """Barcode of so many bases."""
    return "".join("ACGT"[(n >> 2 * place) & 3] for place in range(length))


def cellbender(d: Path, lot: Lot) -> Path:
    """CellBender 0.3: all analysed barcodes in output.h5, cells in output_filtered.h5, and what it leaves beside."""
    for name, one in (("output", with_droplets(lot)), ("output_filtered", lot)):
        path = tenx_h5(d, one.counts, one.ids, one.symbols, one.barcodes).rename(d / f"{name}.h5")
        with h5py.File(path, "a") as file:
            n_cells, n_genes = one.counts.shape
            file["droplet_latents/cell_probability"] = np.ones(n_cells)
            file["droplet_latents/gene_expression_encoding"] = np.zeros((n_cells, 4), "f4")
            file["global_latents/ambient_expression"] = np.full(n_genes, 1 / n_genes)
            file["metadata/fraction_data_used_for_testing"] = 0.1
            file["metadata/estimator"] = "mckp"
    with h5py.File(d / "output_posterior.h5", "w") as file:
        file["posterior_noise_counts/log_prob"] = np.zeros(5)
    write_lines(d / "output_cell_barcodes.csv", lot.barcodes)
    write(d / "output_metrics.csv", "total_raw_counts,100000\nfraction_counts_removed,0.05\n")
    write(d / "output.log", "cellbender:remove-background\n")
    return d


def cellbender_of_2020(d: Path, lot: Lot) -> Path:
    """CellBender 0.2: latents are in the group of the matrix."""
    path = tenx_h5(d, lot.counts, lot.ids, lot.symbols, lot.barcodes).rename(d / "out_filtered.h5")
    with h5py.File(path, "a") as file:
        file["matrix/latent_cell_probability"] = np.ones(len(lot.barcodes))
        file["matrix/latent_RT_efficiency"] = np.ones(len(lot.barcodes))
        file["matrix/ambient_expression"] = np.full(len(lot.symbols), 1 / len(lot.symbols))
        file["matrix/test_elbo"] = np.zeros(3)
    return path


def write10x_counts(d: Path, lot: Lot) -> Path:
    """SoupX with whole numbers, DropletUtils' write10xCounts of version 2: real numbers and two columns of names."""
    matrix = sp.coo_matrix(lot.counts.T)
    head = f"%%MatrixMarket matrix coordinate real general\n{matrix.shape[0]} {matrix.shape[1]} {matrix.nnz}\n"
    values = zip(matrix.row + 1, matrix.col + 1, matrix.data, strict=True)
    write(d / "strainedCounts/matrix.mtx", head + "".join(f"{i} {j} {v:.1f}\n" for i, j, v in values))
    write_lines(d / "strainedCounts/genes.tsv", zip(lot.ids, lot.symbols, strict=True))
    write_lines(d / "strainedCounts/barcodes.tsv", lot.barcodes)
    return d / "strainedCounts"


def estimates(d: Path, lot: Lot, *, of: float = 0.93) -> Path:
    """SoupX or DecontX without rounding: decimals in a folder as Cell Ranger's."""
    matrix = sp.coo_matrix(lot.counts.T * of)
    head = f"%%MatrixMarket matrix coordinate real general\n{matrix.shape[0]} {matrix.shape[1]} {matrix.nnz}\n"
    values = zip(matrix.row + 1, matrix.col + 1, matrix.data, strict=True)
    write(folder(d, lot, end="") / "matrix.mtx", head + "".join(f"{i} {j} {v:.6g}\n" for i, j, v in values))
    return d


def singleron(d: Path, lot: Lot) -> Path:
    """Singleron's CeleScope: outs/filtered and outs/raw, barcodes of three joined parts."""
    folder(d / "outs/raw", with_droplets(lot))
    folder(d / "outs/filtered", lot)
    return d / "outs"


def seekone(d: Path, lot: Lot) -> Path:
    """SeekOne's SeekSoulTools: step3 with filtered and raw folders beside tables of metrics."""
    folder(d / "step3/raw_feature_bc_matrix", with_droplets(lot))
    folder(d / "step3/filtered_feature_bc_matrix", lot)
    write(d / "step3/counts.xls", "cellID\tgeneID\tUMINum\treadsNum\n" + f"{lot.barcodes[0]}\t{lot.ids[0]}\t1\t4\n")
    return d / "step3"


def mgi(d: Path, lot: Lot) -> Path:
    """MGI's dnbc4tools: filter_matrix and raw_matrix, names of genes in one column."""
    for name, one in (("raw_matrix", with_droplets(lot)), ("filter_matrix", lot)):
        folder(d / f"outs/{name}", one, names=one.symbols)
    return d / "outs"


def rhapsody_mex(d: Path, lot: Lot) -> Path:
    """BD Rhapsody's MEX of version 2: a zip of three files, cells that are numbers, AbSeq beside the genes."""
    rows = [*((s, s, EXPRESSION) for s in lot.symbols), ("CD73|NT5E|AHS0045|pAbO",) * 2 + ("Antibody Capture",)]
    wide = np.column_stack([lot.counts, np.full(len(lot.barcodes), 80)])
    folder(d / "x", replace(lot, counts=wide), names=rows)
    with zipfile.ZipFile(d / "S1_RSEC_MolsPerCell_MEX.zip", "w") as archive:
        for path in sorted((d / "x").iterdir()):
            archive.write(path, path.name)
    return d / "S1_RSEC_MolsPerCell_MEX.zip"


def dropseq(d: Path, lot: Lot) -> Path:
    """Drop-seq tools' DigitalExpression with its lines of remarks."""
    text = lot.frame().rename_axis("GENE").to_csv(sep="\t")
    remarks = "#DGE\tVERSION:1.1\tEXPRESSION_FORMAT:raw\n#LIBRARY\tINPUT:S1.bam\tOUTPUT:S1.dge.txt.gz\n"
    return write(d / "S1.dge.txt.gz", remarks + text)


def parse_run(d: Path, lot: Lot) -> Path:
    """Parse's folder of one sample: DGE_filtered and DGE_unfiltered."""
    for name, one in (("DGE_unfiltered", with_droplets(lot)), ("DGE_filtered", lot)):
        (d / f"all-sample/{name}").mkdir(parents=True)
        parse(d / f"all-sample/{name}", one)
    return d / "all-sample"


def experiment(lot: Lot) -> anndata.AnnData:
    """Rows and columns of a SingleCellExperiment of DropletUtils' read10xCounts: ids name the rows."""
    adata = lot.annotated()
    adata.var = pd.DataFrame({"ID": lot.ids, "Symbol": lot.symbols, "Type": EXPRESSION}, index=lot.ids)
    adata.obs = pd.DataFrame({"Sample": "S1", "Barcode": lot.barcodes}, index=lot.barcodes)
    return adata


def zellkonverter(d: Path, lot: Lot) -> Path:
    """Bioconductor's zellkonverter: the first assay in X, the others in layers, and the name of the first in uns."""
    adata = experiment(lot)
    adata.layers["logcounts"] = lot.logged()
    adata.uns["X_name"] = "counts"
    return write_h5ad(d / "sce.h5ad", adata)


def zellkonverter_logs_first(d: Path, lot: Lot) -> Path:
    """The same of an object whose main assay is logcounts."""
    adata = experiment(lot)
    adata.layers["counts"] = sp.csc_matrix(adata.X)
    adata.X = lot.logged()
    adata.uns["X_name"] = "logcounts"
    return write_h5ad(d / "sce.h5ad", adata)


def seurat_obs(lot: Lot) -> pd.DataFrame:
    """Metadata of cells of a Seurat object."""
    kinds = pd.Categorical(["0", "1"] * len(lot.barcodes))[: len(lot.barcodes)]
    totals = {"nCount_RNA": lot.counts.sum(1).astype(float), "nFeature_RNA": (lot.counts > 0).sum(1)}
    return pd.DataFrame({"orig.ident": "S1", **totals, "seurat_clusters": kinds}, index=lot.barcodes)


def sceasy(d: Path, lot: Lot, *, counts: bool = True) -> Path:
    """Sceasy from Seurat: the slot data in X, counts only where they were asked for."""
    adata = lot.annotated(lot.logged())
    adata.obs = seurat_obs(lot)
    adata.var = pd.DataFrame({"vf_vst_counts_mean": lot.counts.mean(0)}, index=lot.symbols)
    if counts:
        adata.layers["counts"] = lot.sparse.astype("f8")
    return write_h5ad(d / "a.h5ad", adata)


def anndatar(d: Path, lot: Lot) -> Path:
    """Write as anndataR does from Seurat: no X (of the encoding null), layers counts and data."""
    adata = sceasy(d, lot)
    with h5py.File(adata, "a") as file:
        file.move("X", "layers/data")
        file.create_dataset("X", data=h5py.Empty("f4")).attrs["encoding-type"] = "null"
    return adata


def seuratdisk(d: Path, lot: Lot) -> Path:
    """SeuratDisk's Convert: data in X, counts in raw, categories of obs in a group of their own."""
    with h5py.File(d / "a.h5ad", "w") as file:
        for place, matrix in (("X", lot.logged()), ("raw/X", lot.sparse.astype("f8"))):
            group = file.create_group(place)
            group["data"], group["indices"], group["indptr"] = matrix.data, matrix.indices, matrix.indptr
            group.attrs.update({"shape": matrix.shape, "encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        for place in ("var", "raw/var"):
            group = file.create_group(place)
            group["features" if place == "var" else "_index"] = np.array(lot.symbols, "S")
            group.attrs.update({"_index": "features" if place == "var" else "_index", "encoding-type": "dataframe"})
        group = file.create_group("obs")
        group["_index"] = np.array(lot.barcodes, "S")
        group["seurat_clusters"] = np.arange(len(lot.barcodes), dtype="i4") % 2
        group["__categories/seurat_clusters"] = np.array(["0", "1"], "S")
        group.attrs.update({"_index": "_index", "encoding-type": "dataframe"})
    return d / "a.h5ad"


MAKERS: dict[str, tuple[Callable[[Path, Lot], Path], Callable[[int], str] | None, set[str]]] = {
    # name: builder, form of the barcodes if it is its own, warnings of the check
    "CellBender 0.3, the folder": (cellbender, None, set()),
    "CellBender 0.2": (cellbender_of_2020, None, set()),
    "SoupX, whole numbers": (write10x_counts, None, set()),
    "Singleron": (singleron, lambda n: "_".join((bases(n, 9), bases(n + 7, 9), bases(n + 5, 9))), set()),
    "SeekOne": (seekone, lambda n: bases(n * 977, 17), set()),
    "MGI": (mgi, lambda n: f"CELL{n}_N{n % 3 + 1}", set()),
    "BD Rhapsody MEX": (rhapsody_mex, lambda n: str(1013 + 17 * n), set()),
    "Drop-seq with remarks": (dropseq, lambda n: bases(n * 977, 12), set()),
    "Parse, a sample's folder": (parse_run, lambda n: f"{n % 48:02d}_{n // 48:02d}_{n:02d}", set()),
    "zellkonverter": (zellkonverter, None, set()),
    "zellkonverter, logarithms first": (zellkonverter_logs_first, None, set()),
    "sceasy with counts": (sceasy, None, set()),
    "anndataR": (anndatar, None, set()),
    "SeuratDisk's h5ad": (seuratdisk, None, set()),
}
ESTIMATES: dict[str, tuple[Callable[[Path, Lot], Path], str]] = {
    "SoupX or DecontX without rounding": (estimates, "have decimals.*normalised or estimated"),
    "sceasy without counts": (lambda d, lot: sceasy(d, lot, counts=False), "holds no raw counts"),
}
