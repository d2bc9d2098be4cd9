"""Read tables of counts in text (csv, tsv, txt) or parquet, genes in rows or in columns, in blocks of lines."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.errors import UserError
from mscape.io.formats.count_table import CountTable, as_counts, slices, why_not_counts
from mscape.io.formats.detect import damaged, open_text
from mscape.io.formats.features import ENSEMBL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK_FIELDS = 20_000_000  # fields parsed at a time
HEAD_LINES = 50
_ANNOTATION = re.compile(
    r"^(chr(omosome)?|start|end|strand|length|gene_?length|(gene_?)?(bio)?type|description|entrez(_?id)?|geneid|gene_?id"
    r"|gene_?names?|gene_?symbols?|gene_?short_?name|symbol|ensembl(_?id)?|id|name|gene|genes)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a table of text is laid out: separator, lines to skip, columns of names and of counts."""

    separator: str
    skip: int
    header: list[str]
    labels: list[int]  # columns that name or describe a row
    values: list[int]  # columns of counts
    genes_in_rows: bool


def read_text(path: Path, known: pd.DataFrame | None = None, *, block_fields: int = BLOCK_FIELDS) -> CountTable:
    """Read a table of counts in text.

    Separator, header (also R's, which lacks the name of the first column), columns that describe genes, and
    orientation are found from the first lines.

    Parameters
    ----------
    path
        The file, compressed or not.
    known
        Gene table with column ``symbol``, to tell genes from cells.
    block_fields
        Fields parsed at a time.

    Raises
    ------
    mscape.errors.UserError
        If it is no table of counts.
    """
    layout = find_layout(path, known)
    names, parts = [], []
    for labels, block in _read_blocks(path, layout, block_fields):
        names.append(labels)
        parts.append(block)
    if not parts:
        msg = f"{path} has a header and no rows. Export the counts again."
        raise UserError(msg)
    labels, counts = pd.concat(names, ignore_index=True), sp.vstack(parts, format="csr")
    del parts
    return _as_table(path, layout, labels, counts, kind="text")


def read_parquet(path: Path, known: pd.DataFrame | None = None, *, block_fields: int = BLOCK_FIELDS) -> CountTable:
    """Read a parquet table of counts, genes in rows or in columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            header = list(file.schema_arrow.names)
            if file.metadata.num_rows == 0:
                msg = f"{path} has no rows. Export the counts again."
                raise UserError(msg)
            head = next(file.iter_batches(batch_size=HEAD_LINES)).to_pandas().reset_index()
            head = head[[name for name in header if name in head]]
            texts = [list(map(str, row)) for row in head.itertuples(index=False)]
            layout = _lay_out(path, ",", 0, header, texts, known)
            names, parts = [], []
            for batch in file.iter_batches(batch_size=max(1, block_fields // len(header))):
                columns = [batch.column(i) for i in range(batch.num_columns)]
                names.append(pd.DataFrame({i: columns[i].to_pylist() for i in layout.labels}).astype(str))
                values = np.column_stack([columns[i].to_numpy(zero_copy_only=False) for i in layout.values])
                parts.append(sp.csr_matrix(as_counts(values, path)))
    except pa.ArrowException as error:
        raise damaged(path, error) from error
    return _as_table(path, layout, pd.concat(names, ignore_index=True), sp.vstack(parts, format="csr"), kind="parquet")


def find_layout(path: Path, known: pd.DataFrame | None = None) -> Layout:
    """Find out how a table of text is laid out, from its first lines."""
    with open_text(path) as file:
        lines, skip = [], 0
        for line in islice(file, 1000):
            if not lines and (not line.strip() or line.startswith(("#", "%"))):
                skip += 1
            elif line.strip():
                lines.append(line.rstrip("\r\n"))
            if len(lines) > HEAD_LINES:
                break
    if not lines:
        msg = f"{path} holds no table. Export the counts again."
        raise UserError(msg)
    separator = max(("\t", ",", ";", " "), key=lambda mark: (lines[-1].count(mark) > 0, lines[-1].count(mark)))
    rows = list(csv.reader(lines, delimiter=separator, skipinitialspace=separator == " "))
    rows = [[cell.strip() for cell in row] for row in rows]
    header, body = rows[0], rows[1:]
    if not body:
        msg = f"{path} has one line only. Expected a header and one row for each gene or cell; export it again."
        raise UserError(msg)
    width = len(body[0])
    uneven = next((number for number, row in enumerate(body, start=2 + skip) if len(row) != width), None)
    if width < 2 or uneven:
        where = (
            f"line {uneven} has {len(body[uneven - 2 - skip])} fields, others {width}" if uneven else "one column only"
        )
        msg = (
            f"{path} is not a table of counts ({where}). Expected genes in rows and cells in columns, or the other way "
            "round, separated by tabs or commas."
        )
        raise UserError(msg)
    if len(header) == width - 1:  # R's write.table
        header = ["", *header]
    if len(header) != width:
        msg = f"{path}: the header has {len(header)} fields, the rows {width}. Export the table again."
        raise UserError(msg)
    return _lay_out(path, separator, skip, header, body, known)


def _lay_out(
    path: Path, separator: str, skip: int, header: list[str], body: list[list[str]], known: pd.DataFrame | None
) -> Layout:
    if all(_is_number(cell) for cell in header[1:]) and len(set(header)) < len(header):
        msg = f"{path} has no header: its first line holds numbers. Add a line with the names of the columns."
        raise UserError(msg)
    numeric = [2 * sum(_is_number(row[i]) for row in body) > len(body) for i in range(len(header))]
    described = [bool(_ANNOTATION.match(name)) for name in header]
    labels = [i for i in range(len(header)) if not numeric[i] or i == 0 or described[i]]
    if numeric[0] and header[0] and not described[0]:
        labels = [i for i in labels if i != 0]
    values = [i for i in range(len(header)) if i not in labels]
    if not values or 0 not in labels:
        what = "no column of numbers" if not values else "no column of names"
        msg = (
            f"{path} is not a table of counts ({what}; it begins {' '.join(header[:4])!r}). Expected names in the "
            "first column and whole numbers in the others."
        )
        raise UserError(msg)
    in_rows = _share_of_genes([row[0] for row in body], known)
    in_columns = _share_of_genes([header[i] for i in values[:2000]], known)
    if in_rows == in_columns:  # no names known: a sample has more genes than the few cells of such a table
        in_rows += any(described[i] for i in labels[1:])
    return Layout(
        separator=separator,
        skip=skip,
        header=header,
        labels=labels,
        values=values,
        genes_in_rows=in_rows >= in_columns,
    )


def _read_blocks(path: Path, layout: Layout, block_fields: int) -> Iterator[tuple[pd.DataFrame, sp.csr_matrix]]:
    rows = max(1, block_fields // len(layout.header))
    with open_text(path) as file:
        try:
            chunks = pd.read_csv(
                file,
                sep=r"\s+" if layout.separator == " " else layout.separator,
                header=None,
                skiprows=layout.skip + 1,
                chunksize=rows,
                dtype=dict.fromkeys(layout.labels, str),
                keep_default_na=False,
                na_values={i: ["", "NA", "NaN", "nan"] for i in layout.values},
                low_memory=False,
                skipinitialspace=True,
            )
            for chunk in chunks:
                if chunk.shape[1] != len(layout.header):
                    msg = (
                        f"{path}: rows have {chunk.shape[1]} fields, the header {len(layout.header)}. Export it again."
                    )
                    raise UserError(msg)
                values = _to_numbers(chunk[layout.values], path, layout)
                yield chunk[layout.labels].fillna(""), sp.csr_matrix(as_counts(values, path))
        except pd.errors.EmptyDataError:
            return
        except pd.errors.ParserError as error:
            raise damaged(path, error) from error


def _to_numbers(values: pd.DataFrame, path: Path, layout: Layout) -> np.ndarray:
    wrong = [name for name, kind in values.dtypes.items() if kind.kind not in "iuf"]
    if wrong:
        column = values[wrong[0]].astype(str)
        text = column[pd.to_numeric(column, errors="coerce").isna()].iloc[0]
        msg = (
            f"{path}: {text!r} stands in column {layout.header[wrong[0]]!r}, where counts were expected. Leave out "
            "columns that hold no counts, or export the table again."
        )
        raise UserError(msg)
    array = values.to_numpy()
    evidence = why_not_counts(array[:1]) if array.dtype.kind == "f" and np.isnan(array).any() else ""
    if evidence or (array.dtype.kind == "f" and np.isnan(array).any()):
        missing = int(np.isnan(array).sum())
        msg = f"{path}: {missing:,} counts are missing (empty or NA). The file may be cut short; export it again."
        raise UserError(msg)
    return array


def _as_table(path: Path, layout: Layout, labels: pd.DataFrame, counts: sp.csr_matrix, *, kind: str) -> CountTable:
    row_names = labels[layout.labels[0]].to_numpy(dtype=object)
    column_names = np.array([layout.header[i] for i in layout.values], dtype=object)
    notes = [f"{'genes' if layout.genes_in_rows else 'cells'} in rows"]
    other = [layout.header[i] or "(unnamed)" for i in layout.labels[1:]]
    if other:
        notes.append(f"columns not read as counts: {', '.join(other[:10])}")
    if layout.genes_in_rows:
        genes, barcodes, matrix = row_names, column_names, counts.T.tocsr()
        names = _best_symbols(labels, layout)
    else:
        genes, barcodes, matrix = column_names, row_names, counts
        names = genes
    return CountTable(
        format=f"{kind}, genes x cells" if layout.genes_in_rows else f"{kind}, cells x genes",
        barcodes=barcodes,
        features=pd.DataFrame({"name": names, "id": genes, "type": "", "genome": ""}),
        rows=lambda: slices(matrix),
        notes=notes,
    )


def _best_symbols(labels: pd.DataFrame, layout: Layout) -> np.ndarray:
    """Take the symbols from a second column of names, if the first holds ids."""
    first = labels[layout.labels[0]]
    for i in layout.labels[1:]:
        if re.search(r"symbol|name", layout.header[i], re.IGNORECASE):
            column = labels[i]
            return column.where(column != "", first).to_numpy(dtype=object)
    return first.to_numpy(dtype=object)


def _share_of_genes(names: list[str], known: pd.DataFrame | None) -> float:
    """Share of names that are genes: known symbols (in any case: other species) or Ensembl ids, no barcodes."""
    if not names:
        return 0.0
    symbols = set(known["symbol"].str.upper()) if known is not None else set()
    plain = [re.sub(r"^(GRC[a-z]{1,2}\d+|hg\d\d|mm\d\d?)_+", "", name) for name in names]
    is_gene = [
        bool(ENSEMBL.match(name.split("_")[0])) or name.upper() in symbols or name.split("_")[0].upper() in symbols
        for name in plain
    ]
    return sum(is_gene) / len(names)


def _is_number(text: str) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return text in {"NA", "NaN"}
    return True
