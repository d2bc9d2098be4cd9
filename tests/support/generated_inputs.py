"""Random lots in random layouts of each family, with harmless variation, and with one harmful change.

Everything follows from one seed, so that a case can be made again: ``make_case(seed, harmful=...)``.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anndata
import h5py
import numpy as np
import pandas as pd
import scipy.io
import scipy.sparse as sp
from lots import Lot, make_lot, zip_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROUNDINGS = {
    "scaled to 10,000": lambda lot: np.rint(lot.scaled()),
    "scaled to the median": lambda lot: np.rint(lot.scaled(float(np.median(lot.counts.sum(1))))),
    "per million": lambda lot: np.rint(lot.scaled(1e6)),
    "logarithms": lambda lot: np.rint(np.log1p(lot.scaled())),
    "presence": lambda lot: (lot.counts > 0).astype(float),
    "doubled": lambda lot: lot.counts * 2.0,
    "logarithms with decimals": lambda lot: np.log1p(lot.scaled()),
}
TOTALS = ("Total", "total_counts", "sum", "ALL", "Zusammen", "nCount_RNA", "XYZ9", "library")
METADATA = ("nFeature_RNA", "seurat_clusters", "n_genes", "percent_mt", "leiden", "batch", "nUMI")
TAGS = ("CD73_TotalSeqB", "HTO_1", "ADT-CD90", "Hashtag2", "CD105.PROT", "IgG1-ctrl")


@dataclass
class Case:
    """A written sample: its path, row of the sheet, truth, family, what was varied and what harmful was done."""

    path: Path
    lot: Lot
    family: str
    harmful: str = ""
    row: dict = field(default_factory=dict)
    varied: list[str] = field(default_factory=list)


class Maker:
    """Makes one case in a folder from a seed."""

    def __init__(self, folder: Path, seed: int):
        self.folder, self.rng = folder, np.random.default_rng(seed)
        self.varied: list[str] = []
        self.lot = self._shuffled(
            make_lot(int(self.rng.integers(8)), n_cells=30, n_genes=130, depth=2500, genes=int(self.rng.integers(2)))
        )

    def maybe(self, what: str, share: float = 0.35) -> bool:
        """Decide on a variation and note it."""
        chosen = self.rng.random() < share
        if chosen:
            self.varied.append(what)
        return chosen

    def pick(self, options):
        """Choose one of several and note it."""
        chosen = options[int(self.rng.integers(len(options)))]
        self.varied.append(str(chosen))
        return chosen

    def _shuffled(self, lot: Lot) -> Lot:
        genes, cells = self.rng.permutation(len(lot.symbols)), self.rng.permutation(len(lot.barcodes))
        cells = cells[: int(self.rng.integers(24, len(cells) + 1))]
        return Lot(
            counts=lot.counts[np.ix_(cells, genes)],
            symbols=[lot.symbols[i] for i in genes],
            ids=[lot.ids[i] for i in genes],
            barcodes=[lot.barcodes[i] for i in cells],
        )

    # Writers ----------------------------------------------------------------------------------------------------------

    def put(self, name: str, data: str | bytes, *, may_compress: bool = True) -> Path:
        """Write a file of text, compressed or not, in one of several encodings of its ends of lines."""
        path = self.folder / name
        if isinstance(data, str):
            if self.maybe("CRLF", 0.15):
                data = data.replace("\n", "\r\n")
            data = data.encode()
        kind = self.pick(["", "", ".gz", ".gz", ".bz2", ".xz"]) if may_compress else ""
        pack = {
            "": bytes,
            ".gz": lambda b: gzip.compress(b, 1),
            ".bz2": bz2.compress,
            ".xz": lambda b: lzma.compress(b, preset=0),
        }
        path = path.with_name(path.name + kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pack[kind](data))
        return path

    def names(self, symbols: list[str], ids: list[str]) -> list[str]:
        """One spelling of the genes: symbols or ids, with a prefix, version, or both."""
        how = self.pick(["symbols", "symbols", "ids", "versions", "prefix", "joined", "dotted", "quoted"])
        changes: dict[str, Callable[[str, str], str]] = {
            "symbols": lambda s, i: s,
            "ids": lambda s, i: i or s,
            "versions": lambda s, i: f"{i}.7" if i else s,
            "prefix": lambda s, i: f"GRCh38_{s}" if i else s,
            "joined": lambda s, i: f"{i}_{s}" if i else s,
            "dotted": lambda s, i: s.replace("-", ".") if i else s,
            "quoted": lambda s, i: f"'{s}'" if i else s,
        }
        return [changes[how](s, i) for s, i in zip(symbols, ids, strict=True)]

    def tenx_lines(self, lot: Lot) -> list[str]:
        """Lines of a features file, of one to four columns."""
        width = self.pick([1, 2, 3, 3, 4])
        third = self.pick(["Gene Expression", "Gene Expression", "protein_coding", "7"]) if width >= 3 else ""
        rows = []
        for s, i in zip(lot.symbols, lot.ids, strict=True):
            columns = [i or s, s, third, "GRCh38"][:width] if width > 1 else [s]
            rows.append("\t".join(columns))
        return rows

    def folder_of_three(
        self, lot: Lot, *, cells_in_rows: bool, features: list[str] | None = None, barcodes: list[str] | None = None
    ) -> Path:
        """Matrix Market with lists of names, as Cell Ranger, STARsolo, kallisto and GEO have them."""
        prefix = self.pick(["", "GSM12_", "lot.A-"])
        features = self.tenx_lines(lot) if features is None else features
        barcodes = list(lot.barcodes) if barcodes is None else barcodes
        if self.maybe("header of genes", 0.2):
            features = [["gene_id", "gene_name", "type", "genome"][: features[0].count("\t") + 1], *features]
            features[0] = "\t".join(features[0])
        if self.maybe("header of cells", 0.2):
            barcodes = ["barcode", *barcodes]
        matrix = sp.coo_matrix(lot.counts if cells_in_rows else lot.counts.T)
        if self.maybe("order of values"):
            order = self.rng.permutation(matrix.nnz)
            matrix = sp.coo_matrix((matrix.data[order], (matrix.row[order], matrix.col[order])), shape=matrix.shape)
        buffer = io.BytesIO()
        whole = np.array_equal(matrix.data, np.rint(matrix.data))
        scipy.io.mmwrite(buffer, matrix, field="integer" if whole and self.maybe("integer", 0.7) else "real")
        stem = "cells_x_genes." if cells_in_rows else ""
        at = self.pick(["", "outs/filtered_feature_bc_matrix/"])
        genes = self.pick(["features.tsv", "genes.tsv"]) if not cells_in_rows else "genes.txt"
        self.put(f"{at}{prefix}{'cells_x_genes' if cells_in_rows else 'matrix'}.mtx", buffer.getvalue())
        self.put(f"{at}{prefix}{stem}{genes}", "\n".join(features) + "\n")
        self.put(f"{at}{prefix}{stem}barcodes.{'txt' if cells_in_rows else 'tsv'}", "\n".join(barcodes) + "\n")
        return self.folder

    def text(self, lot: Lot, *, genes_in_rows: bool) -> Path:
        """Table of text."""
        sep = self.pick([",", "\t", ";", "\t"])
        frame = pd.DataFrame(lot.counts.T, index=self.names(lot.symbols, lot.ids), columns=lot.barcodes)
        frame = frame if genes_in_rows else frame.T
        whole = np.array_equal(lot.counts, np.rint(lot.counts))
        if whole:
            frame = frame.astype(int)
            if self.maybe("3.0", 0.15):
                frame = frame.astype(float)
            elif sep == ";" and self.maybe("3,0", 0.3):
                frame = frame.map(lambda v: f"{v},0")
        style = self.pick(["named", "pandas", "R", "numbered"])
        label = self.pick(["gene", "", "Gene symbol"] if genes_in_rows else ["barcode", "", "cell"])
        if genes_in_rows and style != "R" and self.maybe("description", 0.2):
            frame.insert(0, "chromosome", [f"chr{n % 22 + 1}" for n in range(len(frame))])
        if style == "numbered":
            frame = frame.rename_axis(label or ("gene" if genes_in_rows else "barcode")).reset_index()
        data = frame.to_csv(sep=sep, index_label=label if style == "named" else None)
        lines = data.rstrip("\n").split("\n")
        if style == "R":
            lines[0] = lines[0].split(sep, 1)[1]
        if self.maybe("trailing", 0.15):
            lines = [line + sep for line in lines]
        if self.maybe("comment", 0.15):
            lines = ["# written by hand", *lines]
        data = ("\ufeff" if self.maybe("mark", 0.1) else "") + "\n".join(lines) + "\n"
        return self.put(self.pick(["a.csv", "a.txt", "counts.tsv"]), data)

    def long(self, lot: Lot) -> Path:
        """Table with one count a row."""
        matrix = sp.coo_matrix(lot.counts)
        order = self.rng.permutation(matrix.nnz)
        names = np.array(self.names(lot.symbols, lot.ids), dtype=object)
        columns = {
            self.pick(["gene", "gene_id", "feature"]): names[matrix.col[order]],
            self.pick(["cell", "barcode", "cell_id"]): np.array(lot.barcodes, dtype=object)[matrix.row[order]],
            self.pick(["count", "umi_count", "n"]): matrix.data[order],
        }
        return self.put("long.tsv", pd.DataFrame(columns).to_csv(sep="\t", index=False))

    def matrix(self, counts: np.ndarray):
        """Matrix of one of the kinds that AnnData files hold."""
        dtype = (
            self.pick(["float32", "float64", "int32", "int64", "uint16"])
            if np.array_equal(counts, np.rint(counts))
            else "float32"
        )
        dtype = "int64" if dtype == "uint16" and counts.max() > 60_000 else dtype
        return self.pick([sp.csr_matrix, sp.csc_matrix, np.asarray])(counts.astype(dtype))

    def annotated(self, lot: Lot, *, only_x: bool = False) -> Path:
        """AnnData file."""
        adata = self.object(lot, only_x=only_x)
        path = self.folder / self.pick(["a.h5ad", "data.h5"])
        adata.write_h5ad(path, compression=self.pick([None, "gzip", "lzf"]))
        return path

    def store(self, lot: Lot, *, only_x: bool = False) -> Path:
        """Zarr store of several chunks."""
        adata = self.object(lot, only_x=only_x)
        path = self.folder / "a.zarr"
        adata.write_zarr(path, chunks=(self.pick([7, 1000]),) * 2 if isinstance(adata.X, np.ndarray) else None)
        return path

    def object(self, lot: Lot, *, only_x: bool) -> anndata.AnnData:
        """AnnData; anndata warns of names that occur twice, which are meant."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".* names are not unique", category=UserWarning)
            return self._object(lot, only_x=only_x)

    def _object(self, lot: Lot, *, only_x: bool) -> anndata.AnnData:
        where = "X" if only_x else self.pick(["X", "X", "counts", "raw", "raw_counts", "zero", "hvg"])
        names = self.names(lot.symbols, lot.ids)
        in_index = self.maybe("index", 0.6) or len(set(names)) < len(names)
        var = pd.DataFrame(index=names if in_index else [str(i) for i in range(len(names))])
        if not in_index:
            var[self.pick(["gene", "Gene", "feature_name", "SYMBOL", "hgnc_symbol"])] = names
        if self.maybe("ids", 0.4):
            var["gene_ids"] = lot.ids
        if self.maybe("biotypes", 0.2):
            var["feature_type"] = pd.Categorical(
                ["protein_coding", "lncRNA"] * (len(names) // 2) + ["lncRNA"] * (len(names) % 2)
            )
        obs = pd.DataFrame({"batch": pd.Categorical(["a"] * len(lot.barcodes)), "n": 1}, index=lot.barcodes)
        adata = anndata.AnnData(X=self.matrix(lot.counts), obs=obs, var=var)
        logged = sp.csr_matrix(
            np.log1p(1e4 * lot.counts / np.maximum(lot.counts.sum(1, keepdims=True), 1)).astype("f4")
        )
        if where in {"counts", "raw_counts"}:
            adata.layers[where], adata.X = adata.X, logged
        elif where == "zero":
            adata.layers["counts"], adata.X = adata.X, sp.csr_matrix(lot.counts.shape, dtype="f4")
        elif where in {"raw", "hvg"}:
            adata.raw = adata.copy()
            adata = adata[:, : len(names) // 3].copy() if where == "hvg" else adata
            if where == "raw":
                adata.X = logged
        return adata

    def h5(self, lot: Lot) -> Path:
        """10x h5 of both versions."""
        version, index = self.pick([2, 3, 3]), self.pick(["i4", "i8", "u4", "u8"])
        matrix = sp.csr_matrix(lot.counts)
        path = self.folder / self.pick(["filtered_feature_bc_matrix.h5", "x.h5"])
        with h5py.File(path, "w") as file:
            group = file.create_group("matrix" if version == 3 else "GRCh38")
            packed = {"compression": "gzip"} if self.maybe("gzip", 0.5) else {}
            group["shape"] = np.array(matrix.shape[::-1], dtype="i4")
            whole = np.array_equal(matrix.data, np.rint(matrix.data))
            group.create_dataset(
                "data", data=matrix.data.astype(self.pick(["i4", "i8", "u4"]) if whole else "f4"), **packed
            )
            group.create_dataset("indices", data=matrix.indices.astype(index), **packed)
            group.create_dataset("indptr", data=matrix.indptr.astype(index))
            group["barcodes"] = np.array(lot.barcodes, "S")
            if version == 2:
                group["genes"], group["gene_names"] = np.array(lot.ids, "S"), np.array(lot.symbols, "S")
                return path
            features = group.create_group("features")
            features["id"], features["name"] = np.array(lot.ids, "S"), np.array(lot.symbols, "S")
            features["feature_type"] = np.array(["Gene Expression"] * len(lot.ids), "S")
            features["genome"] = np.array(["GRCh38"] * len(lot.ids), "S")
        return path

    def loom(self, lot: Lot) -> Path:
        """Loom file."""
        path = self.folder / "a.loom"
        with h5py.File(path, "w") as file:
            file["matrix"] = lot.counts.T.astype(
                self.pick(["f4", "i4"]) if np.array_equal(lot.counts, np.rint(lot.counts)) else "f4"
            )
            file[f"row_attrs/{self.pick(['Gene', 'var_names', 'gene_name'])}"] = np.array(lot.symbols, "S")
            file[f"col_attrs/{self.pick(['CellID', 'obs_names'])}"] = np.array(lot.barcodes, "S")
            file.create_group("layers")
        return path

    def parquet(self, lot: Lot) -> Path:
        """Parquet table."""
        frame = pd.DataFrame(lot.counts.T, index=lot.symbols, columns=lot.barcodes)
        frame = frame if self.maybe("genes in rows", 0.5) else frame.T
        frame.rename_axis(self.pick(["gene", "name"])).reset_index().to_parquet(self.folder / "a.parquet", index=False)
        return self.folder / "a.parquet"

    def archive(self, path: Path) -> Path:
        """Archive of what was written."""
        if self.maybe("zip", 0.5):
            return zip_folder(self.folder, self.folder.with_suffix(".zip"))
        target = self.folder.with_suffix(".tar.gz" if self.maybe("gz", 0.5) else ".tar")
        with tarfile.open(target, "w:gz" if target.suffix == ".gz" else "w") as archive:
            archive.add(self.folder, arcname="sample")
        return target


FAMILIES: dict[str, Callable[[Maker, Lot], Path]] = {
    "10x folder": lambda m, lot: m.folder_of_three(lot, cells_in_rows=False),
    "cells in rows": lambda m, lot: m.folder_of_three(lot, cells_in_rows=True),
    "10x h5": lambda m, lot: m.h5(lot),
    "h5ad": lambda m, lot: m.annotated(lot),
    "zarr": lambda m, lot: m.store(lot),
    "loom": lambda m, lot: m.loom(lot),
    "genes x cells": lambda m, lot: m.text(lot, genes_in_rows=True),
    "cells x genes": lambda m, lot: m.text(lot, genes_in_rows=False),
    "long table": lambda m, lot: m.long(lot),
    "parquet": lambda m, lot: m.parquet(lot),
}


def make_harmless(folder: Path, seed: int) -> Case:
    """Write a lot in a random layout with harmless variation."""
    maker = Maker(folder, seed)
    family = maker.pick(list(FAMILIES))
    path = FAMILIES[family](maker, maker.lot)
    if family in {"10x folder", "genes x cells"} and maker.maybe("archive", 0.15):
        path = maker.archive(path)
    return Case(path, maker.lot, family, varied=maker.varied)


def make_harmful(folder: Path, seed: int) -> Case:
    """Write a lot in a random layout with one harmful change; the truth is the lot without it."""
    maker = Maker(folder, seed)
    change = maker.pick(list(HARMFUL))
    path, family = HARMFUL[change](maker)
    return Case(path, maker.lot, family, harmful=change, varied=maker.varied)


def _any_family(maker: Maker, lot: Lot, *, but: tuple[str, ...] = ()) -> tuple[Path, str]:
    family = maker.pick([name for name in FAMILIES if name not in but])
    if family in {"h5ad", "zarr"}:
        return (maker.annotated if family == "h5ad" else maker.store)(lot, only_x=True), family
    return FAMILIES[family](maker, lot), family


def _one_more_name(maker: Maker) -> tuple[Path, str]:
    cells_in_rows = bool(maker.maybe("cells in rows", 0.5))
    features, barcodes = maker.tenx_lines(maker.lot), list(maker.lot.barcodes)
    target = features if maker.maybe("of genes", 0.7) else barcodes
    added = "GFP\tGFP\tGene Expression\tGRCh38" if target is features else "ACGTTGCAACGTTGCA-1"
    at = int(maker.rng.integers(len(target) + 1))
    target.insert(at, "\t".join(added.split("\t")[: features[0].count("\t") + 1]) if target is features else added)
    return maker.folder_of_three(maker.lot, cells_in_rows=cells_in_rows, features=features, barcodes=barcodes), "folder"


def _one_name_less(maker: Maker) -> tuple[Path, str]:
    features, barcodes = maker.tenx_lines(maker.lot), list(maker.lot.barcodes)
    target = features if maker.maybe("of genes", 0.7) else barcodes
    del target[int(maker.rng.integers(len(target)))]
    return maker.folder_of_three(maker.lot, cells_in_rows=False, features=features, barcodes=barcodes), "folder"


def _with_features(lot: Lot, rows: dict[str, np.ndarray], rng) -> Lot:
    counts, symbols, ids = lot.counts, list(lot.symbols), list(lot.ids)
    for name, values in rows.items():
        at = int(rng.choice([0, len(symbols), rng.integers(len(symbols) + 1)]))
        counts = np.insert(counts, at, values, axis=1)
        symbols.insert(at, name)
        ids.insert(at, "")
    return replace(lot, counts=counts, symbols=symbols, ids=ids)


def _total_row(maker: Maker) -> tuple[Path, str]:
    lot = _with_features(maker.lot, {maker.pick(TOTALS): maker.lot.counts.sum(1)}, maker.rng)
    return _any_family(maker, lot)


def _metadata(maker: Maker) -> tuple[Path, str]:
    lot, name = maker.lot, maker.pick(METADATA)
    values = {"nFeature_RNA": (lot.counts > 0).sum(1), "n_genes": (lot.counts > 0).sum(1), "nUMI": lot.counts.sum(1)}
    rows = {name: values.get(name, maker.rng.integers(1, 9, len(lot.barcodes)))}
    return _any_family(maker, _with_features(lot, rows, maker.rng))


def _tags(maker: Maker) -> tuple[Path, str]:
    names = maker.rng.choice(TAGS, int(maker.rng.integers(1, 5)), replace=False)
    rows = {name: maker.rng.poisson(200, len(maker.lot.barcodes)) for name in names}
    return _any_family(maker, _with_features(maker.lot, rows, maker.rng))


def _total_column(maker: Maker) -> tuple[Path, str]:
    lot = maker.lot
    at = int(maker.rng.choice([0, len(lot.barcodes), maker.rng.integers(len(lot.barcodes))]))
    barcodes = list(lot.barcodes)
    barcodes.insert(at, maker.pick(TOTALS))
    return _any_family(
        maker, replace(lot, counts=np.insert(lot.counts, at, lot.counts.sum(0), axis=0), barcodes=barcodes)
    )


def _rounded(maker: Maker) -> tuple[Path, str]:
    values = ROUNDINGS[maker.pick(list(ROUNDINGS))](maker.lot)
    return _any_family(maker, replace(maker.lot, counts=values))


def _transposed(maker: Maker) -> tuple[Path, str]:
    lot = maker.lot
    adata = anndata.AnnData(
        sp.csr_matrix(lot.counts.T.astype("f4")),
        obs=pd.DataFrame(index=lot.symbols),
        var=pd.DataFrame(index=lot.barcodes),
    )
    adata.write_h5ad(maker.folder / "a.h5ad")
    return maker.folder / "a.h5ad", "h5ad"


def _cut(maker: Maker) -> tuple[Path, str]:
    path, family = _any_family(maker, maker.lot, but=("parquet",))
    files = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
    file = files[int(maker.rng.integers(len(files)))]
    data = file.read_bytes()
    stop = int(len(data) * maker.rng.uniform(0.3, 0.999))
    while stop > 1 and data[stop - 1 : stop] in (b"\n", b"\r"):  # whole lines less are another file, not a cut one
        stop -= 1
    file.write_bytes(data[:stop])
    return path, family


def _same_cell_twice(maker: Maker) -> tuple[Path, str]:
    lot = maker.lot
    row = int(maker.rng.integers(len(lot.barcodes)))
    twice = replace(lot, counts=np.vstack([lot.counts, lot.counts[row]]), barcodes=[*lot.barcodes, lot.barcodes[row]])
    return _any_family(maker, twice, but=("long table", "parquet"))


def _two_species(maker: Maker) -> tuple[Path, str]:
    lot = maker.lot
    other = maker.rng.poisson(lot.counts.mean(0), lot.counts.shape)
    mouse = [f"ENSMUSG{int(i[4:]):011d}" for i in lot.ids]
    joint = Lot(
        np.hstack([lot.counts, other]),
        lot.symbols + [s.capitalize() for s in lot.symbols],
        lot.ids + mouse,
        lot.barcodes,
    )
    family = maker.pick(["10x folder", "10x h5", "cells in rows"])
    return FAMILIES[family](maker, joint), family


def _gene_twice(maker: Maker) -> tuple[Path, str]:
    lot = maker.lot
    row = lot.symbols.index("VIM")
    again = replace(
        lot,
        counts=np.column_stack([lot.counts, lot.counts[:, row]]),
        symbols=[*lot.symbols, "VIM"],
        ids=[*lot.ids, lot.ids[row]],
    )
    return _any_family(maker, again, but=("h5ad", "parquet", "cells x genes", "long table"))


def _unknown_names(maker: Maker) -> tuple[Path, str]:
    lot = maker.lot
    numbers = maker.rng.permutation(np.arange(60, 60 + len(lot.symbols)))
    form = maker.pick(["{}", "LOC{}", "gene_{}"])
    names = [form.format(number) for number in numbers]
    cells = [maker.pick(["d{}", "{}", "C{}"]).format(n) for n in range(len(lot.barcodes))]
    cells = list(lot.barcodes) if maker.maybe("barcodes", 0.3) else cells
    family = maker.pick(["genes x cells", "cells x genes", "parquet"])
    return FAMILIES[family](maker, replace(lot, symbols=names, ids=names, barcodes=cells)), family


def _copies_as_parts(maker: Maker) -> tuple[Path, str]:
    lot, adata = maker.lot, maker.lot.annotated(maker.lot.logged())
    for name in maker.pick([("spliced", "unspliced"), ("mature", "nascent", "ambiguous")]):
        adata.layers[name] = lot.sparse
    adata.write_h5ad(maker.folder / "a.h5ad")
    return maker.folder / "a.h5ad", "h5ad"


def _chunk_lost(maker: Maker) -> tuple[Path, str]:
    """Delete a chunk of a store as an interrupted copy does, or make a file whose writer stopped before its end."""
    if maker.maybe("never written", 0.4):
        path = maker.h5(maker.lot)
        part = maker.pick(["data", "indices"])
        with h5py.File(path, "a") as file:
            group = file["matrix" if "matrix" in file else "GRCh38"]
            values = group[part][:]
            del group[part]
            chunked = group.create_dataset(part, shape=values.shape, dtype=values.dtype, chunks=(64,))
            chunked[: int(maker.rng.integers(1, len(values) - 64))] = values[0]
        return path, "10x h5"
    path = maker.store(maker.lot, only_x=True)
    chunks = [
        one
        for one in sorted(path.rglob("*"))
        if one.is_file() and "c" in one.relative_to(path).parts and ("X" in one.parts or "_index" in one.parts)
    ]
    chunks[int(maker.rng.integers(len(chunks)))].unlink()
    return path, "zarr"


HARMFUL: dict[str, Callable[[Maker], tuple[Path, str]]] = {
    "one name more": _one_more_name,
    "one name less": _one_name_less,
    "total row": _total_row,
    "metadata among the genes": _metadata,
    "antibodies and tags": _tags,
    "total column": _total_column,
    "no counts": _rounded,
    "transposed": _transposed,
    "cut short": _cut,
    "a cell twice": _same_cell_twice,
    "two species": _two_species,
    "a gene twice": _gene_twice,
    "names of no gene": _unknown_names,
    "copies as parts": _copies_as_parts,
    "a chunk lost": _chunk_lost,
}
