"""Inputs as people have them: each is written from one simulated lot, whose counts are the truth.

``EXACT`` must be read exactly, with the warnings that are named; ``REFUSED`` must be refused with the cause.
"""

from __future__ import annotations

import re
import tarfile
import warnings
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp
from lots import Lot, write, write_h5ad, write_lines, write_mtx, zip_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXPRESSION = "Gene Expression"


def features(lot: Lot, *, third: str = EXPRESSION) -> list[tuple]:
    """Lines of a features.tsv."""
    return [(i, s, third) for i, s in zip(lot.ids, lot.symbols, strict=True)]


def folder(d: Path, lot: Lot, *, names=None, barcodes=None, end: str = ".gz", genes: str = "features") -> Path:
    """Write a folder of three files."""
    write_mtx(d / f"matrix.mtx{end}", lot.counts.T)
    write_lines(d / f"{genes}.tsv{end}", features(lot) if names is None else names)
    write_lines(d / f"barcodes.tsv{end}", lot.barcodes if barcodes is None else barcodes)
    return d


def table(lot: Lot, path: Path, *, extra: dict | None = None, columns: dict | None = None, sep: str = ",") -> Path:
    """Write genes x cells with rows of one value each and more columns."""
    frame = lot.frame()
    for name, value in (extra or {}).items():
        frame.loc[name] = value
    for name, value in (columns or {}).items():
        frame[name] = value
    return write(path, frame.to_csv(sep=sep))


def of_cells(lot: Lot, path: Path, *, before: dict | None = None, after: dict | None = None, names=None) -> Path:
    """Write cells x genes with more columns before and behind."""
    frame = pd.DataFrame(lot.counts, index=lot.barcodes, columns=names or lot.symbols)
    parts = [pd.DataFrame(one, index=lot.barcodes) for one in (before or {}, after or {})]
    return write(path, pd.concat([parts[0], frame, parts[1]], axis=1).to_csv())


def cellxgene(d: Path, lot: Lot, *, some_genes: bool = False) -> Path:
    """CELLxGENE Discover, schema 5.2 and later: biotypes in feature_type, log values in X, counts in raw."""
    adata = lot.annotated()
    adata.var.index = lot.ids
    adata.var = adata.var.drop(columns="gene_ids")
    adata.var["feature_name"] = pd.Categorical(lot.symbols)
    adata.var["feature_biotype"] = "gene"
    kinds = ["gene", "protein_coding"] if some_genes else ["protein_coding", "lncRNA"]
    adata.var["feature_type"] = pd.Categorical([kinds[i % 2] for i in range(len(lot.symbols))])
    adata.raw = adata.copy()
    adata.X = lot.logged()
    adata.var["feature_is_filtered"] = False
    return write_h5ad(d / "a.h5ad", adata)


def layered(d: Path, lot: Lot, x, **layers) -> Path:
    """AnnData with another X and layers."""
    adata = lot.annotated(x)
    for name, value in layers.items():
        adata.layers[name] = value
    return write_h5ad(d / "a.h5ad", adata)


def parts(lot: Lot) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spliced, unspliced and ambiguous molecules that add up to the counts."""
    unspliced, ambiguous = lot.counts * 3 // 10, lot.counts // 5
    return lot.counts - unspliced - ambiguous, unspliced, ambiguous


def null_x(d: Path, lot: Lot) -> Path:
    """X of the encoding null."""
    path = layered(d, lot, lot.sparse, counts=lot.sparse)
    with h5py.File(path, "a") as file:
        del file["X"]
        file.create_dataset("X", data=h5py.Empty("f4")).attrs["encoding-type"] = "null"
    return path


def raw_of_all(d: Path, lot: Lot) -> Path:
    """Counts of chosen genes in X, of all in raw."""
    adata = lot.annotated()
    adata.raw = adata.copy()
    return write_h5ad(d / "a.h5ad", adata[:, :150].copy())


def without_encoding(d: Path, lot: Lot) -> Path:
    """AnnData written by hand, without encoding types."""
    with h5py.File(d / "a.h5ad", "w") as file:
        for name, index in (("obs", lot.barcodes), ("var", lot.symbols)):
            group = file.create_group(name)
            group.attrs["_index"] = "_index"
            group.create_dataset("_index", data=index, dtype=h5py.string_dtype())
        group, matrix = file.create_group("X"), lot.sparse
        group["data"], group["indices"], group["indptr"] = matrix.data.astype(float), matrix.indices, matrix.indptr
        group.attrs["h5sparse_format"], group.attrs["h5sparse_shape"] = "csr", matrix.shape
    return d / "a.h5ad"


def named_in(d: Path, lot: Lot, column: str) -> Path:
    """Symbols in a column of var, numbers in its index."""
    adata = lot.annotated()
    adata.var = pd.DataFrame({column: lot.symbols}, index=[str(i) for i in range(len(lot.symbols))])
    return write_h5ad(d / "a.h5ad", adata)


def alevin(d: Path, lot: Lot) -> Path:
    """alevin-fry without splicing."""
    write_mtx(d / "alevin/quants_mat.mtx", lot.counts)
    write_lines(d / "alevin/quants_mat_rows.txt", [name[:-2] for name in lot.barcodes])
    write_lines(d / "alevin/quants_mat_cols.txt", lot.ids)
    return d / "alevin"


def alevin_usa(d: Path, lot: Lot, *, named_once: bool = False) -> Path:
    """alevin-fry with spliced, unspliced and ambiguous blocks; spliced and ambiguous are the counts of the lot."""
    ambiguous = lot.counts // 4
    blocks = np.hstack([lot.counts - ambiguous, lot.counts * 2, ambiguous])
    write_mtx(d / "alevin/quants_mat.mtx", blocks)
    write_lines(d / "alevin/quants_mat_rows.txt", [name[:-2] for name in lot.barcodes])
    ends = ("",) if named_once else ("", "-U", "-A")
    write_lines(d / "alevin/quants_mat_cols.txt", [name + end for end in ends for name in lot.ids])
    return d / "alevin"


def parse(d: Path, lot: Lot, *, matrix: str = "count_matrix.mtx") -> Path:
    """Parse Biosciences."""
    write_mtx(d / matrix, lot.counts)
    names = [f"{i},{s},hg38" for i, s in zip(lot.ids, lot.symbols, strict=True)]
    write_lines(d / "all_genes.csv", ["gene_id,gene_name,genome", *names])
    cells = [f"{n % 48:02d}_{n // 48:02d}_{n:02d},s1,hg38,1,2" for n in range(len(lot.barcodes))]
    write_lines(d / "cell_metadata.csv", ["bc_wells,sample,species,gene_count,tscp_count", *cells])
    return d


def r_names(d: Path, lot: Lot) -> Path:
    """Names as R's write.csv writes them."""
    write_mtx(d / "matrix.mtx", lot.counts.T)
    for name, values in (("genes", lot.symbols), ("barcodes", lot.barcodes)):
        write_lines(d / f"{name}.csv", ['"","x"', *(f'"{n}","{one}"' for n, one in enumerate(values, 1))])
    return d


def kb_nac(d: Path, lot: Lot, *, of: Callable[[Lot], tuple] = parts) -> Path:
    """Kallisto and bustools with nascent molecules."""
    for name, one in zip(("mature", "nascent", "ambiguous"), of(lot), strict=True):
        write_mtx(d / f"cells_x_genes.{name}.mtx", one)
    write_lines(d / "cells_x_genes.genes.txt", [f"{one}.4" for one in lot.ids])
    write_lines(d / "cells_x_genes.genes.names.txt", lot.symbols)
    write_lines(d / "cells_x_genes.barcodes.txt", [name[:-2] for name in lot.barcodes])
    return d


def velocyto(d: Path, lot: Lot, *, of: Callable[[Lot], tuple] = parts) -> Path:
    """STARsolo's Velocyto."""
    for name, one in zip(("spliced", "unspliced", "ambiguous"), of(lot), strict=True):
        write_mtx(d / f"{name}.mtx", one.T)
    write_lines(d / "features.tsv", features(lot))
    write_lines(d / "barcodes.tsv", lot.barcodes)
    return d


def long(d: Path, lot: Lot, names=("gene", "cell", "count")) -> Path:
    """One count a row; every gene is seen, since zeros have no row."""
    matrix = lot.sparse.tocoo()
    genes, cells = np.array(lot.symbols)[matrix.col], np.array(lot.barcodes)[matrix.row]
    frame = pd.DataFrame(dict(zip(names, (genes, cells, matrix.data), strict=True)))
    return write(d / "umi.tsv.gz", frame.to_csv(sep="\t", index=False))


def rhapsody(d: Path, lot: Lot) -> Path:
    """BD Rhapsody's RSEC_MolsPerCell.csv with AbSeq columns."""
    frame = lot.frame().T.set_axis(range(101, 101 + len(lot.barcodes))).rename_axis("Cell_Index")
    frame.insert(3, "CD73|NT5E|AHS0045|pAbO", 90)
    return write(d / "S_RSEC_MolsPerCell.csv", "## BD Rhapsody\n## by hand\n" + frame.to_csv())


def rhapsody_long(d: Path, lot: Lot) -> Path:
    """BD Rhapsody's Expression_Data.st: several counts a row, of which the adjusted molecules are the counts."""
    matrix = lot.sparse.tocoo()
    columns = {"Cell_Index": matrix.row + 1, "Gene": np.array(lot.symbols)[matrix.col], "RSEC_Reads": matrix.data * 7}
    columns |= {"Raw_Molecules": matrix.data + 1, "RSEC_Adjusted_Molecules": matrix.data}
    return write(d / "S_Expression_Data.st.gz", pd.DataFrame(columns).to_csv(sep="\t", index=False))


def zarr_archive(d: Path, lot: Lot, *, version: int, tar: bool = False, inside: str = "") -> Path:
    """Zarr store in an archive."""
    import anndata

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = anndata.settings.zarr_write_format
        anndata.settings.zarr_write_format = version
        lot.annotated().write_zarr(d / "a.zarr")
        anndata.settings.zarr_write_format = before
    if not tar:
        return zip_folder(d / "a.zarr", d / "a.zarr.zip", inside=inside)
    with tarfile.open(d / "a.tar.gz", "w:gz") as archive:
        archive.add(d / "a.zarr", "a.zarr")
    return d / "a.tar.gz"


def mudata(d: Path, lot: Lot) -> Path:
    """MuData with RNA and proteins."""
    import anndata

    adata, protein = lot.annotated(), lot.annotated()[:, :5].copy()
    protein.var_names = [f"CD{i}" for i in range(5)]
    with h5py.File(d / "a.h5mu", "w") as file:
        for name, one in (("rna", adata), ("prot", protein)):
            anndata.io.write_elem(file.require_group("mod"), name, one)
    return d / "a.h5mu"


def h5seurat(d: Path, lot: Lot) -> Path:
    """SeuratDisk's own format."""
    matrix = lot.sparse
    with h5py.File(d / "a.h5seurat", "w") as file:
        file.attrs["active.assay"] = "RNA"
        file["cell.names"] = np.array(lot.barcodes, "S")
        group = file.create_group("assays/RNA/counts")
        group["data"], group["indices"], group["indptr"] = matrix.data.astype(float), matrix.indices, matrix.indptr
        group.attrs["dims"] = matrix.shape[::-1]
        file["assays/RNA/features"] = np.array(lot.symbols, "S")
    return d / "a.h5seurat"


def loom(d: Path, lot: Lot, matrix: np.ndarray, **layers) -> Path:
    """Loom with layers."""
    with h5py.File(d / "a.loom", "w") as file:
        file["matrix"] = matrix.T
        file["row_attrs/var_names"], file["col_attrs/obs_names"] = (
            np.array(lot.symbols, "S"),
            np.array(lot.barcodes, "S"),
        )
        file.create_group("layers")
        for name, one in layers.items():
            file[f"layers/{name}"] = one.T
    return d / "a.loom"


def tenx_h5(d: Path, counts: np.ndarray, ids: list[str], names: list[str], barcodes: list[str]) -> Path:
    """10x h5 of the present version."""
    matrix = sp.csr_matrix(counts)
    with h5py.File(d / "a.h5", "w") as file:
        group = file.create_group("matrix")
        group["shape"], group["data"] = np.array(matrix.shape[::-1]), matrix.data.astype(np.int32)
        group["indices"], group["indptr"] = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
        group["barcodes"] = np.array(barcodes, "S")
        group["features/id"], group["features/name"] = np.array(ids, "S"), np.array(names, "S")
        group["features/feature_type"] = np.array([EXPRESSION] * len(ids), "S")
        group["features/genome"] = np.array(["GRCh38"] * len(ids), "S")
    return d / "a.h5"


def text_of(lot: Lot, d: Path, name: str, change: Callable[[str], str], *, sep: str = "\t", **options) -> Path:
    """Text of genes x cells with each line changed."""
    lines = lot.frame().to_csv(sep=sep, **options).splitlines()
    return write(d / name, "\n".join(change(line) for line in lines) + "\n")


def dotted(lot: Lot) -> list[str]:
    """Symbols as R's data.frame makes them."""
    return [re.sub(r"[^A-Za-z0-9._]", ".", one) for one in lot.symbols]


def renamed(d: Path, lot: Lot, change: Callable[[str, str], str]) -> Path:
    """AnnData whose genes bear changed names."""
    adata = lot.annotated()
    adata.var = pd.DataFrame(index=[change(s, i) for s, i in zip(lot.symbols, lot.ids, strict=True)])
    return write_h5ad(d / "a.h5ad", adata)


def seen_genes(lot: Lot) -> np.ndarray:
    """Number of genes seen in each cell."""
    return (lot.counts > 0).sum(axis=1)


EXACT: dict[str, tuple[Callable[[Path, Lot], Path], set[str], dict]] = {
    # name: builder, warnings of the check, columns of the sheet
    "CELLxGENE, biotypes in feature_type": (cellxgene, set(), {}),
    "CELLxGENE, some rows say gene": (lambda d, lot: cellxgene(d, lot, some_genes=True), set(), {}),
    "row Total": (lambda d, lot: table(lot, d / "a.csv", extra={"Total": lot.counts.sum(1)}), {"content"}, {}),
    "row of sums by another name": (
        lambda d, lot: table(lot, d / "a.csv", extra={"ALLE": lot.counts.sum(1)}),
        {"no genes"},
        {},
    ),
    "row Total in AnnData": (
        lambda d, lot: write_h5ad(d / "a.h5ad", with_gene(lot, "Total", lot.counts.sum(1))),
        {"no genes"},
        {},
    ),
    "number of genes among the genes": (
        lambda d, lot: write_h5ad(d / "a.h5ad", with_gene(lot, "anything", seen_genes(lot))),
        {"no genes"},
        {},
    ),
    "column Total": (lambda d, lot: table(lot, d / "a.csv", columns={"Total": lot.counts.sum(0)}), {"content"}, {}),
    "column of sums by another name": (
        lambda d, lot: table(lot, d / "a.csv", columns={"pool": lot.counts.sum(0)}),
        {"content"},
        {},
    ),
    "metadata before and behind the genes": (
        lambda d, lot: of_cells(
            lot,
            d / "a.csv",
            before={"nCount_RNA": lot.counts.sum(1), "nFeature_RNA": seen_genes(lot), "percent.mt": 3.25},
            after={"seurat_clusters": 1, "nCount_ADT": 700},
        ),
        {"content"},
        {},
    ),
    "antibodies in text": (
        lambda d, lot: table(
            lot,
            d / "a.csv",
            extra=dict.fromkeys(("CD73_TotalSeqB", "CD90-ADT", "ADT_CD105", "HTO_1", "Hashtag2", "CD73:PROT"), 300),
        ),
        {"no genes"},
        {},
    ),
    "summaries of htseq-count without underscores": (
        lambda d, lot: table(lot, d / "a.tsv", extra={"no_feature": 500, "ambiguous": 9, "not_aligned": 70}, sep="\t"),
        {"content"},
        {},
    ),
    "rounded values in X, counts in a layer": (
        lambda d, lot: layered(d, lot, sp.csr_matrix(np.rint(lot.scaled()).astype("f4")), counts=lot.sparse),
        set(),
        {},
    ),
    "whole numbers in X that look like counts, counts in a layer": (
        lambda d, lot: layered(d, lot, lot.sparse.multiply(lot.counts > 1).tocsr().astype("f4"), counts=lot.sparse),
        set(),
        {},
    ),
    "X all zero": (
        lambda d, lot: layered(d, lot, sp.csr_matrix(lot.counts.shape, dtype="f4"), counts=lot.sparse),
        set(),
        {},
    ),
    "X all zero and dense": (
        lambda d, lot: layered(d, lot, np.zeros(lot.counts.shape, "f4"), counts=lot.sparse),
        set(),
        {},
    ),
    "X null": (null_x, set(), {}),
    "chosen genes in X, all in raw": (raw_of_all, set(), {}),
    "velocity layers": (
        lambda d, lot: layered(
            d,
            lot,
            lot.logged(),
            **dict(zip(("spliced", "unspliced", "ambiguous"), map(sp.csr_matrix, parts(lot)), strict=True)),
        ),
        set(),
        {},
    ),
    "velocity layers, the spliced again in X": (
        lambda d, lot: layered(
            d,
            lot,
            sp.csr_matrix(parts(lot)[0].astype("f4")),
            **dict(zip(("spliced", "unspliced", "ambiguous"), map(sp.csr_matrix, parts(lot)), strict=True)),
        ),
        set(),
        {},
    ),
    "kb's layers, one of them zero": (
        lambda d, lot: layered(
            d,
            lot,
            lot.logged(),
            mature=lot.sparse,
            nascent=sp.csr_matrix(lot.counts * 0),
            ambiguous=sp.csr_matrix(lot.counts * 0),
        ),
        set(),
        {},
    ),
    "AnnData without encoding": (without_encoding, set(), {}),
    **{
        f"symbols in var[{name!r}]": (lambda d, lot, name=name: named_in(d, lot, name), set(), {})
        for name in (
            "Gene",
            "genes",
            "features",
            "names",
            "hgnc_symbol",
            "external_gene_name",
            "SYMBOL",
            "GeneName",
            "any",
        )
    },
    "alevin-fry": (alevin, set(), {}),
    "alevin-fry with three blocks": (alevin_usa, set(), {}),
    "alevin-fry with three blocks, genes named once": (lambda d, lot: alevin_usa(d, lot, named_once=True), set(), {}),
    "Parse": (parse, set(), {}),
    "Parse, earlier name": (lambda d, lot: parse(d, lot, matrix="DGE.mtx"), set(), {}),
    "names of R's write.csv": (r_names, set(), {}),
    "kb nac, whole": (kb_nac, set(), {}),
    "STARsolo Velocyto, whole": (velocyto, set(), {}),
    "biotypes in genes.tsv": (
        lambda d, lot: folder(d, lot, names=features(lot, third="protein_coding"), end="", genes="genes"),
        set(),
        {},
    ),
    "chromosomes in genes.tsv with a header": (
        lambda d, lot: folder(
            d, lot, names=[("gene_id", "gene_name", "chromosome"), *features(lot, third="7")], end="", genes="genes"
        ),
        set(),
        {},
    ),
    "symbol behind a row number": (
        lambda d, lot: folder(
            d, lot, names=[(n, i, s) for n, (i, s, _) in enumerate(features(lot), 1)], end="", genes="genes"
        ),
        set(),
        {},
    ),
    **{
        f"names such as {change('NT5E', 'ENSG00000135318')}": (
            lambda d, lot, change=change: renamed(d, lot, change),
            set(),
            {},
        )
        for change in (
            lambda s, i: f"GRCh38-{s}",
            lambda s, i: f"hg19---{s}",
            lambda s, i: f"GRCh38.p13_{s}",
            lambda s, i: f"HUMAN_{s}",
            lambda s, i: f"rna_{s}",
            lambda s, i: f"{i}-{s}",
            lambda s, i: f"{s} ({i}.4)",
            lambda s, i: f"{i}|{s}|protein_coding",
            lambda s, i: f"gene:{i}.11",
            lambda s, i: f"{s}_{i}",
            lambda s, i: f"{s}-GRCh38",
            lambda s, i: f"'{s}'",
            lambda s, i: f"b'{s}'",
        )
    },
    "names of R's data.frame": (lambda d, lot: of_cells(lot, d / "a.csv", names=dotted(lot)), set(), {}),
    "underscores for hyphens": (
        lambda d, lot: of_cells(lot, d / "a.csv", names=[one.replace("-", "_") for one in lot.symbols]),
        set(),
        {},
    ),
    "row number, then the gene": (
        lambda d, lot: write(d / "a.csv", lot.frame().rename_axis("gene").reset_index().to_csv()),
        set(),
        {},
    ),
    "row number, then the barcode": (
        lambda d, lot: write(d / "a.csv", lot.frame().T.rename_axis("barcode").reset_index().to_csv()),
        set(),
        {},
    ),
    "BD Rhapsody, molecules per cell": (rhapsody, {"no genes"}, {}),
    "cells that are numbers": (
        lambda d, lot: write(
            d / "a.csv", lot.frame().T.set_axis(range(1, len(lot.barcodes) + 1)).rename_axis("Cell_Index").to_csv()
        ),
        set(),
        {},
    ),
    "BD Rhapsody, one count a row": (rhapsody_long, set(), {}),
    "Drop-seq": (
        lambda d, lot: write(d / "a.dge.txt.gz", lot.frame().rename_axis("GENE").to_csv(sep="\t")),
        set(),
        {},
    ),
    "long table": (long, set(), {}),
    "long table of other names": (lambda d, lot: long(d, lot, names=("feature", "cell_barcode", "n_umi")), set(), {}),
    **{
        f"zarr {version} in a {'tar' if tar else 'zip'}{' with a folder' if inside else ''}": (
            lambda d, lot, version=version, tar=tar, inside=inside: zarr_archive(
                d, lot, version=version, tar=tar, inside=inside
            ),
            set(),
            {},
        )
        for version, tar, inside in ((2, False, ""), (3, False, ""), (3, False, "a.zarr/"), (2, True, ""))
    },
    "MuData": (mudata, set(), {}),
    "h5Seurat": (h5seurat, set(), {}),
    "loom of velocity layers": (
        lambda d, lot: loom(
            d, lot, lot.logged().toarray(), **dict(zip(("spliced", "unspliced", "ambiguous"), parts(lot), strict=True))
        ),
        set(),
        {},
    ),
    "every line ends in a tab": (lambda d, lot: text_of(lot, d, "a.txt", lambda line: line + "\t"), set(), {}),
    "rows end in a tab, the header does not": (
        lambda d, lot: text_of(lot, d, "a.txt", lambda line: line if line.startswith("\t") else line + "\t"),
        set(),
        {},
    ),
    "semicolons and decimal commas": (
        lambda d, lot: write(
            d / "a.csv", lot.frame().astype(float).map(lambda v: f"{v:.1f}".replace(".", ",")).to_csv(sep=";")
        ),
        set(),
        {},
    ),
    "UTF-16": (lambda d, lot: write(d / "a.txt", lot.frame().to_csv(sep="\t").encode("utf-16")), set(), {}),
    "bytes behind the end of a gzip": (
        lambda d, lot: write(d / "a.csv", b"") and add_bytes(table(lot, d / "b.csv.gz"), b"trailing"),
        {"content"},
        {},
    ),
    "zeros behind the end of a gzip": (lambda d, lot: add_bytes(table(lot, d / "b.csv.gz"), bytes(512)), set(), {}),
    "filtered beside unfiltered": (
        lambda d, lot: folder(d / "counts_filtered", lot) and folder(d / "counts_unfiltered", double(lot)).parent,
        set(),
        {},
    ),
    "STARsolo's UniqueAndMult beside matrix.mtx": (
        lambda d, lot: write_mtx(folder(d, lot, end="") / "UniqueAndMult-EM.mtx", lot.counts.T + 1).parent,
        set(),
        {},
    ),
    "member that is part of another name": (
        lambda d, lot: (
            write(d / "x1sample1.csv", double(lot).frame().to_csv()).parent
            / write(d / "sample1.csv", lot.frame().to_csv()).parent
        ),
        set(),
        {"member": "sample1.csv"},
    ),
    "GSM1 beside GSM10": (lambda d, lot: geo(d, lot), set(), {"member": "GSM1"}),
    "spreadsheet dates": (lambda d, lot: excel(d, lot), set(), {}),
}


def with_gene(lot: Lot, name: str, values: np.ndarray):
    """AnnData with one more gene, in the midst of the others."""
    wide = np.insert(lot.counts, 100, values, axis=1)
    adata = Lot(
        wide, np.insert(lot.symbols, 100, name).tolist(), np.insert(lot.ids, 100, "").tolist(), lot.barcodes
    ).annotated()
    adata.var = adata.var.drop(columns="gene_ids")
    return adata


def add_bytes(path: Path, data: bytes) -> Path:
    """Append bytes to a file."""
    path.write_bytes(path.read_bytes() + data)
    return path


def double(lot: Lot) -> Lot:
    """The same lot with other counts."""
    return Lot(lot.counts + 1, lot.symbols, lot.ids, lot.barcodes)


def geo(d: Path, lot: Lot) -> Path:
    """Two samples of a deposit in one folder, the number of one a part of the other's."""
    for name, one in (("GSM1", lot), ("GSM10", double(lot))):
        write_mtx(d / f"{name}_matrix.mtx.gz", one.counts.T)
        write_lines(d / f"{name}_features.tsv.gz", features(one))
        write_lines(d / f"{name}_barcodes.tsv.gz", one.barcodes)
    return d


def excel(d: Path, lot: Lot) -> Path:
    """Text in which a spreadsheet has turned septins into dates; the lot is given two of them."""
    names = ["2-Sep" if one == "SEPTIN2" else "Sep-07" if one == "SEPTIN7" else one for one in lot.symbols]
    frame = lot.frame()
    frame.index = names
    return write(d / "a.csv", frame.to_csv())


def probes(d: Path, lot: Lot) -> Path:
    """10x Flex before the probes of a gene are summed."""
    twice = np.hstack([lot.counts, lot.counts])
    ids = [f"{i}|{s}|{n:07x}" for n, (i, s) in enumerate(zip(lot.ids * 2, lot.symbols * 2, strict=True))]
    return tenx_h5(d, twice, ids, [f"{s}|{i}" for s, i in zip(lot.symbols * 2, lot.ids * 2, strict=True)], lot.barcodes)


def two_species(lot: Lot) -> list[tuple]:
    """Features of a joint reference without prefixes."""
    mouse = [(f"ENSMUSG{n:011d}", one.capitalize(), EXPRESSION) for n, one in enumerate(lot.symbols)]
    return features(lot) + mouse


def both(lot: Lot) -> Lot:
    """The lot beside itself."""
    return Lot(np.hstack([lot.counts, lot.counts]), lot.symbols * 2, lot.ids * 2, lot.barcodes)


REFUSED: dict[str, tuple[Callable[[Path, Lot], Path], str]] = {
    # name: builder, what the message must say
    "features.tsv with one line more": (
        lambda d, lot: folder(d, lot, names=[*features(lot), ("GFP", "GFP", EXPRESSION)]),
        r"features\.tsv\.gz has 401 lines.*no header",
    ),
    "barcodes.tsv with one line more": (
        lambda d, lot: folder(d, lot, barcodes=[*lot.barcodes, "ACGTACGTACGTACGT-1"]),
        r"barcodes\.tsv\.gz has 41 lines.*no header",
    ),
    "a header in the place of a name": (
        lambda d, lot: folder(d, lot, names=[("gene_id", "gene_name", "type"), *features(lot)[1:]]),
        "names 399 below its header: one name is missing",
    ),
    "counts scaled to 10,000 and rounded": (
        lambda d, lot: write(
            d / "a.csv", pd.DataFrame(np.rint(lot.scaled()).astype(int).T, lot.symbols, lot.barcodes).to_csv()
        ),
        "whole numbers that are no counts",
    ),
    "counts per million, rounded": (
        lambda d, lot: write_h5ad(d / "a.h5ad", lot.annotated(np.rint(lot.scaled(1e6)))),
        "whole numbers that are no counts",
    ),
    "scaled to the median and rounded": (
        lambda d, lot: write_h5ad(
            d / "a.h5ad", lot.annotated(np.rint(lot.scaled(float(np.median(lot.counts.sum(1))))))
        ),
        "whole numbers that are no counts",
    ),
    "logarithms, rounded": (
        lambda d, lot: write_h5ad(d / "a.h5ad", lot.annotated(np.rint(lot.logged().toarray()))),
        "whole numbers that are no counts",
    ),
    "presence and absence": (
        lambda d, lot: write_h5ad(d / "a.h5ad", lot.annotated((lot.counts > 0).astype("f4"))),
        "presence and absence",
    ),
    "two species by ids": (
        lambda d, lot: folder(d, both(lot), names=two_species(lot)),
        r"several genomes: human \(400 genes\), mouse \(400 genes\).*column 'genome'",
    ),
    "two species by spelling": (
        lambda d, lot: write(d / "a.csv", pd.concat([lot.frame(), lot.frame().rename(index=str.capitalize)]).to_csv()),
        "several genomes: human.*mouse.*column 'genome'",
    ),
    "probes": (probes, "rows are probes"),
    "a sum of cells in a folder": (
        lambda d, lot: folder(
            d,
            Lot(np.vstack([lot.counts, lot.counts.sum(0)]), lot.symbols, lot.ids, [*lot.barcodes, "Total"]),
        ),
        "the cell 'Total' holds 50% of all counts",
    ),
    "transposed AnnData": (
        lambda d, lot: write_h5ad(d / "a.h5ad", lot.annotated().T.copy()),
        "transposed",
    ),
    "an unknown row with most of the counts": (
        lambda d, lot: write_h5ad(d / "a.h5ad", with_gene(lot, "everything else", lot.counts.sum(1) * 2)),
        "not known as genes",
    ),
    "a header one name short": (
        lambda d, lot: write(
            d / "a.csv", lot.frame().rename_axis("gene").to_csv().replace(f",{lot.barcodes[-1]}", "", 1)
        ),
        "the header has 40 fields, the rows 41",
    ),
    "two lists of genes that differ": (
        lambda d, lot: (
            write_lines(folder(d, lot) / "genes.tsv.gz", sorted(features(lot), key=lambda one: one[1])).parent
        ),
        "differ",
    ),
    "one matrix written three times as parts of kb": (
        lambda d, lot: kb_nac(d, lot, of=lambda lot: (lot.counts,) * 3),
        r"ambiguous\.mtx and cells_x_genes\.mature\.mtx hold the same numbers: copies.*'member'",
    ),
    "two equal parts of STARsolo Velocyto": (
        lambda d, lot: velocyto(d, lot, of=lambda lot: (lot.counts, lot.counts // 2, lot.counts)),
        r"ambiguous\.mtx and spliced\.mtx hold the same numbers: copies",
    ),
    "two equal layers of parts": (
        lambda d, lot: layered(d, lot, lot.logged(), spliced=lot.sparse, unspliced=lot.sparse),
        r"layers/spliced and layers/unspliced hold the same numbers: copies.*'parts'",
    ),
    "two equal layers of a loom": (
        lambda d, lot: loom(d, lot, lot.logged().toarray(), spliced=lot.counts, unspliced=lot.counts),
        "layers/spliced and layers/unspliced hold the same numbers: copies",
    ),
    "velocity values of an early STARsolo": (
        lambda d, lot: (
            write_lines(
                folder(d, lot, end="") / "matrix.mtx",
                ["%%MatrixMarket matrix coordinate integer general", "400 40 2", "1 1 5 6 7", "2 1 1 1 1"],
            ).parent
        ),
        "values a line",
    ),
}
