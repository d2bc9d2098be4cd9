"""Read tables of counts in text (csv, tsv, txt) or parquet, genes in rows or in columns, in blocks of lines."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from mscape.errors import UserError
from mscape.genes.spelling import gene_share, id_share, is_symbol, symbol_share
from mscape.io.formats.count_table import CountTable, as_counts, slices, why_not_counts
from mscape.io.formats.detect import OPEN_END, damaged, ends_open, open_text
from mscape.io.formats.evidence import cells_no_cells, kind_by_name
from mscape.io.formats.orientation import CELLS, Side, find_orientation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK_FIELDS = 20_000_000  # fields parsed at a time
HEAD_LINES = 50
UNIQUE = 0.8  # share of the first names that differ, from which a column can name cells
FEW_COLUMNS = 12  # of a long table
_ANNOTATION = re.compile(
    r"^(chr(omosome)?|start|end|strand|length|gene_?length|(gene_?)?(bio)?type|description|entrez(_?gene)?(_?id)?|geneid|gene_?id"
    r"|gene_?names?|gene_?symbols?|gene_?short_?name|symbol|ensembl(_?(gene_?)?id)?|id|name|gene|genes|features?|gc(_?content)?"
    r"|hgnc(_?id|_?symbol)?|highly_?variable|unnamed: \d+|index|row_?names?)$",
    re.IGNORECASE,
)
_VALUES = (  # names of the counts in a long table, best first
    r"rsec_?adjusted_?molecules|dbec_?adjusted_?molecules",
    r"(raw_?)?molecules?",
    r"(n_?)?umis?(_?counts?)?|count_?umis?",
    r"(raw_?)?counts?|n",
    r"value|expression|reads?(_?counts?)?|num_?reads?",
)
_SEPARATORS = ("\t", ";", ",", "|", " ")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a table of text is laid out.

    Parameters
    ----------
    separator, decimal, thousands
        Marks between fields, before decimals, and between thousands ("" if there are none).
    skip
        Lines before the first row of the body, the header among them.
    header
        Names of the columns.
    labels
        Columns that name or describe a row.
    values
        Columns of counts.
    name, id
        Columns of ``labels`` that name the rows: by symbols or barcodes, and by ids.
    genes_in_rows
        Whether rows are genes.
    evidence
        By what this is known, in words.
    long
        Whether each row is one count: ``name`` is then the gene, ``id`` the cell.
    warnings
        Columns that were left out, in words.
    """

    separator: str
    decimal: str = "."
    thousands: str = ""
    skip: int
    header: list[str]
    labels: list[int]
    values: list[int]
    name: int
    id: int
    genes_in_rows: bool
    evidence: str = ""
    long: bool = False
    warnings: list[str] = field(default_factory=list)


def read_text(path: Path, known: pd.DataFrame | None = None, *, block_fields: int = BLOCK_FIELDS) -> CountTable:
    """Read a table of counts in text.

    Separator, header (also R's, which lacks the name of the first column), columns that describe genes, and
    orientation are found from the first lines; a table with one count a row (umi_tools) is put together.

    Parameters
    ----------
    path
        The file, compressed or not.
    known
        Not used; genes are recognised by ``mscape.genes.spelling``.
    block_fields
        Fields parsed at a time.

    Raises
    ------
    mscape.errors.UserError
        If it is no table of counts.
    """
    layout = find_layout(path)
    names, parts, warnings = [], [], list(layout.warnings)
    dropped: dict[str, list[str]] = {}
    warnings += [OPEN_END.format(path.name)] if ends_open(path) else []
    chunks = _read_chunks(path, layout, block_fields, warnings)
    if layout.long:
        return _from_long(path, layout, list(chunks), warnings)
    for chunk in chunks:
        labels, values = _without_summaries(chunk, layout, dropped)
        names.append(labels)
        parts.append(sp.csr_matrix(as_counts(_to_numbers(values, path, layout), path)))
    if not parts:
        msg = f"{path} has a header and no rows. Give the file that holds the counts."
        raise UserError(msg)
    labels, counts = pd.concat(names, ignore_index=True), sp.vstack(parts, format="csr")
    del parts
    warnings += [f"left out: {kind}: {', '.join(rows[:5])}" for kind, rows in dropped.items()]
    return _as_table(layout, labels, counts, kind="text", warnings=warnings)


def read_parquet(path: Path, known: pd.DataFrame | None = None, *, block_fields: int = BLOCK_FIELDS) -> CountTable:
    """Read a parquet table of counts, genes in rows or in columns, or one count a row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    dropped: dict[str, list[str]] = {}
    try:
        with pq.ParquetFile(path) as file:
            header = list(file.schema_arrow.names)
            if file.metadata.num_rows == 0:
                msg = f"{path} has no rows. Give the file that holds the counts."
                raise UserError(msg)
            head = next(file.iter_batches(batch_size=HEAD_LINES))
            columns = [head.column(i).to_pylist() for i in range(head.num_columns)]
            texts = [["" if cell is None else str(cell) for cell in row] for row in zip(*columns, strict=True)]
            layout = _lay_out(path, header, texts, separator=",", skip=0)
            names, parts = [], []
            for batch in file.iter_batches(batch_size=max(1, block_fields // len(header))):
                chunk = pd.DataFrame(
                    {i: batch.column(i).to_numpy(zero_copy_only=False) for i in (*layout.labels, *layout.values)}
                )
                chunk[layout.labels] = chunk[layout.labels].astype(str)
                if layout.long:
                    parts.append(chunk)
                    continue
                labels, values = _without_summaries(chunk, layout, dropped)
                names.append(labels)
                parts.append(sp.csr_matrix(as_counts(_to_numbers(values, path, layout), path)))
    except pa.ArrowException as error:
        raise damaged(path, error) from error
    warnings = layout.warnings + [f"left out: {kind}: {', '.join(rows[:5])}" for kind, rows in dropped.items()]
    if layout.long:
        return _from_long(path, layout, parts, warnings)
    labels = pd.concat(names, ignore_index=True)
    return _as_table(layout, labels, sp.vstack(parts, format="csr"), kind="parquet", warnings=warnings)


def find_layout(path: Path, known: pd.DataFrame | None = None) -> Layout:
    """Find out how a table of text is laid out, from its first lines."""
    with open_text(path) as file:
        lines: list[str] = []
        skipped, skip = [], 0
        for line in islice(file, 1000):
            if not lines and (not line.strip() or line.startswith(("#", "%"))):
                skip += 1
                skipped.append(line.rstrip("\r\n"))
            elif line.strip():
                lines.append(line.rstrip("\r\n"))
            if len(lines) > HEAD_LINES:
                break
    if not lines:
        msg = f"{path} holds no table. Give the file that holds the counts."
        raise UserError(msg)
    separator, rows = _split(lines)
    rows = _without_trailing(rows)
    header, body = rows[0], rows[1:]
    if skipped and (above := _header_in_comment(skipped[-1], separator, rows)):
        header, body, skip = above, rows, skip - 1
    if not body:
        msg = f"{path} has one line only. Expected a header and one row for each gene or cell."
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
    if len(header) == width - 1 and not _ANNOTATION.match(header[0]) and not CELLS.match(header[0]):  # R's write.table
        header = ["", *header]
    if len(header) != width:
        msg = (
            f"{path}: the header has {len(header)} fields, the rows {width}: names would be at their neighbours' "
            "counts. Give each column one name."
        )
        raise UserError(msg)
    return _lay_out(path, header, body, separator=separator, skip=skip + 1)


def _split(lines: list[str]) -> tuple[str, list[list[str]]]:
    """Choose the separator that gives all lines as many fields, and most of these numbers."""
    best = None
    for place, mark in enumerate(_SEPARATORS):
        if mark not in lines[-1]:
            continue
        rows = [
            [cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark, skipinitialspace=mark == " ")
        ]
        widths = {len(row) for row in rows[1:]}
        even = len(widths) == 1 and len(rows[0]) - max(widths) in {-1, 0}
        cells = [cell for row in rows[1:11] for cell in row[1:]]
        numbers = sum(_is_number(cell, comma=mark != ",") for cell in cells) / max(len(cells), 1)
        rank = (even, numbers > 0.2, lines[-1].count(mark) if not even else -place)
        if best is None or rank > best[0]:
            best = (rank, mark, rows)
    return (best[1], best[2]) if best else (",", [[line.strip()] for line in lines])


def _without_trailing(rows: list[list[str]]) -> list[list[str]]:
    """Take off the empty fields behind a separator at the end of every line."""
    while len(rows) > 1 and all(len(row) > 1 and row[-1] == "" for row in rows[1:]):
        header = rows[0]
        if header[-1] == "" and len(header) > 1:
            header = header[:-1]
        elif len(header) >= len(rows[1]):  # a column that has a name and is empty
            break
        rows = [header, *(row[:-1] for row in rows[1:])]
    return rows


def _header_in_comment(line: str, separator: str, rows: list[list[str]]) -> list[str] | None:
    """Header that begins with a mark of comments, where the first line of the table is a row of numbers."""
    cells = [cell.strip() for cell in next(csv.reader([line.lstrip("#% ")], delimiter=separator), [])]
    numbers = sum(map(_is_number, rows[0][1:]))
    return (
        cells
        if len(cells) == len(rows[0]) > 1 and 2 * numbers > len(rows[0]) - 1 and not all(map(_is_number, cells[1:]))
        else None
    )


def _lay_out(path: Path, header: list[str], body: list[list[str]], *, separator: str, skip: int) -> Layout:
    numbers = [cell for cell in header[1:] if cell]
    no_names = bool(numbers) and all(map(_is_number, numbers))
    if no_names and (len(set(header)) < len(header) or gene_share([header[0]]) == 1):
        msg = f"{path} has no header: its first line holds numbers. Add a line with the names of the columns."
        raise UserError(msg)
    decimal, thousands = _marks(body, separator)
    numeric = [
        2 * sum(_is_number(row[i], comma=bool(thousands) or decimal == ",") for row in body) > len(body)
        for i in range(len(header))
    ]
    described = [bool(_ANNOTATION.match(name)) for name in header]
    labels = [i for i in range(len(header)) if not numeric[i] or described[i] or bool(CELLS.match(header[i]))]
    in_header = gene_share([header[i] for i in range(len(header)) if i not in labels])
    in_columns = {i: gene_share([row[i] for row in body]) for i in labels}
    shared: dict[str, Any] = {
        "separator": separator,
        "decimal": decimal,
        "thousands": thousands,
        "skip": skip,
        "header": header,
    }
    long = _find_long(header, body, labels, numeric, in_columns)
    if long:
        gene, cell, value = long
        return Layout(**shared, labels=[gene, cell], values=[value], name=gene, id=cell, genes_in_rows=True, long=True)
    if 0 not in labels and (not header[0] or in_header > 0.3):  # numbers of rows, or cells that are numbers
        labels = [0, *labels]
    values = [i for i in range(len(header)) if i not in labels]
    if not values or not labels:
        what = "no column of numbers" if not values else "no column of names"
        msg = (
            f"{path} is not a table of counts ({what}; it begins {' '.join(header[:4])!r}). Expected names in the "
            "first column and whole numbers in the others."
        )
        raise UserError(msg)
    genes_in_rows, evidence = find_orientation(
        Side(called=[header[i] for i in labels], names=[[row[i] for row in body] for i in labels]),
        Side(called=[], names=[[header[i] for i in values]]),
        path,
    )
    warnings: list[str] = []
    values = _counted(header, body, values, genes_in_rows=genes_in_rows, warnings=warnings)
    pick = _name_of_genes if genes_in_rows else _name_of_cells
    name, id = pick(header, body, labels)
    return Layout(
        **shared,
        labels=labels,
        values=values,
        name=name,
        id=id,
        genes_in_rows=genes_in_rows,
        evidence=evidence,
        warnings=warnings,
    )


def _marks(body: list[list[str]], separator: str) -> tuple[str, str]:
    """Find the mark before decimals and the one between thousands."""
    if separator == ",":
        cells = [cell for row in body for cell in row if "," in cell]
        return ".", "," if cells and all(re.fullmatch(r"-?\d{1,3}(,\d{3})+", cell) for cell in cells) else ""
    cells = [cell for row in body for cell in row[1:] if re.fullmatch(r"-?\d+,\d+(,\d+)*", cell)]
    if not cells:
        return ".", ""
    if all(re.fullmatch(r"-?\d{1,3}(,\d{3})+", cell) for cell in cells):
        return ".", ","
    return ",", ""


def _find_long(
    header: list[str], body: list[list[str]], labels: list[int], numeric: list[bool], genes: dict[int, float]
) -> tuple[int, int, int] | None:
    """Find the columns of gene, cell and count of a table with one count a row; None if it is no such table."""
    if not 3 <= len(header) <= FEW_COLUMNS:
        return None
    gene = max(genes, key=lambda column: genes[column], default=None)
    if gene is None or genes[gene] < 0.3:
        gene = next(
            (i for i in labels if re.fullmatch(r"genes?|features?|gene_?(id|name|symbol)", header[i], re.IGNORECASE)),
            None,
        )
    cell = next((i for i in range(len(header)) if CELLS.match(header[i]) and i != gene), None)
    if gene is None or cell is None:
        return None
    value = next(
        (
            i
            for pattern in _VALUES
            for i in range(len(header))
            if numeric[i] and i not in {gene, cell} and re.fullmatch(pattern, header[i], re.IGNORECASE)
        ),
        None,
    )
    again = any(len({row[i] for row in body}) < len(body) for i in (gene, cell))
    return (gene, cell, value) if value is not None and (again or len(header) == 3) else None


def _counted(
    header: list[str], body: list[list[str]], values: list[int], *, genes_in_rows: bool, warnings: list[str]
) -> list[int]:
    """Leave out columns of numbers that are no cells, or no genes, by their names or their decimals."""
    kinds = {"summary row"} if genes_in_rows else {"summary row", "metadata"}
    out = {i: kind for i in values if (kind := kind_by_name(header[i])) in kinds and not is_symbol(header[i])}
    decimals = [i for i in values if i not in out and any(_has_decimals(row[i]) for row in body)]
    rest = len(values) - len(out)
    if not genes_in_rows and len(decimals) <= 0.1 * rest:
        out |= {i: "decimals" for i in decimals if not is_symbol(header[i]) and gene_share([header[i]]) == 0}
    if out:
        shown = ", ".join(header[i] for i in list(out)[:6]) + (", ..." if len(out) > 6 else "")
        warnings.append(f"columns left out that are no {'cells' if genes_in_rows else 'genes'}: {shown}")
    return [i for i in values if i not in out]


def _name_of_genes(header: list[str], body: list[list[str]], labels: list[int]) -> tuple[int, int]:
    """Columns of symbols and of ids, by what they hold; the first column where nothing is recognised."""
    columns = {i: [row[i] for row in body] for i in labels}
    symbols = {i: symbol_share(column) for i, column in columns.items()}
    ids = {i: id_share(column) for i, column in columns.items()}
    texts = [i for i in labels if not all(map(_is_number, columns[i]))] or labels
    id = max(texts, key=lambda i: (ids[i], -i))
    id = id if ids[id] > 0.1 else texts[0]
    name = max(texts, key=lambda i: (symbols[i], -i))
    if symbols[name] < 0.1:
        called = [i for i in texts if i != id and re.search(r"symbol|name", header[i], re.IGNORECASE)]
        name = called[0] if called else max(texts, key=lambda i: (gene_share(columns[i]), -i))
    return name, id


def _name_of_cells(header: list[str], body: list[list[str]], labels: list[int]) -> tuple[int, int]:
    """Column of the cells' names: one called so, else the first of text whose names differ, else the first."""
    unique = [i for i in labels if len({row[i] for row in body}) >= UNIQUE * len(body)]
    called = [i for i in unique if CELLS.match(header[i])]
    texts = [i for i in unique if not all(_is_number(row[i]) for row in body)]
    chosen = (called or texts or labels)[0]
    return chosen, chosen


def _read_chunks(path: Path, layout: Layout, block_fields: int, warnings: list[str]) -> Iterator[pd.DataFrame]:
    rows = max(1, block_fields // len(layout.header))
    with open_text(path) as file:
        try:
            chunks = pd.read_csv(
                file,
                sep=r"\s+" if layout.separator == " " else layout.separator,
                decimal=layout.decimal,
                thousands=layout.thousands or None,
                header=None,
                skiprows=layout.skip,
                chunksize=rows,
                dtype=dict.fromkeys(layout.labels, str),
                keep_default_na=False,
                na_values={i: ["", "NA", "NaN", "nan"] for i in layout.values},
                low_memory=False,
                skipinitialspace=True,
            )
            for chunk in chunks:
                extra = range(len(layout.header), chunk.shape[1])  # behind a separator at the end of each line
                if chunk.shape[1] < len(layout.header) or any(not _is_blank(chunk[i]) for i in extra):
                    msg = (
                        f"{path}: rows have {chunk.shape[1]} fields, the header {len(layout.header)}. Give each column "
                        "one name."
                    )
                    raise UserError(msg)
                chunk[layout.labels] = chunk[layout.labels].fillna("")
                yield chunk
        except pd.errors.EmptyDataError:
            return
        except pd.errors.ParserError as error:
            raise damaged(path, error) from error
        if getattr(getattr(file.buffer, "raw", None), "left_over", False):
            warnings.append("bytes behind the end of the compressed data were not read, as gunzip does")


def _is_blank(column: pd.Series) -> bool:
    return bool((column.isna() | (column.astype(str).str.strip() == "")).all())


def _without_summaries(
    chunk: pd.DataFrame, layout: Layout, dropped: dict[str, list[str]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Take apart labels and values, without rows of numbers that are no genes by their names."""
    labels, values = chunk[layout.labels], chunk[layout.values]
    if not layout.genes_in_rows:
        return labels, values
    names = labels[layout.name].astype(str)
    kinds = names.map(lambda name: "" if is_symbol(name) else kind_by_name(name))
    out = kinds.isin(["summary row", "metadata"]).to_numpy()
    if not out.any():
        return labels, values
    for name, kind in zip(names[out], kinds[out], strict=True):
        dropped.setdefault(kind, []).append(name)
    return labels[~out], values[~out]


def _to_numbers(values: pd.DataFrame, path: Path, layout: Layout) -> np.ndarray:
    wrong = [name for name, kind in values.dtypes.items() if kind.kind not in "iuf"]
    if wrong:
        column = values[wrong[0]].astype(str)
        text = column[pd.to_numeric(column, errors="coerce").isna()].iloc[0]
        msg = (
            f"{path}: {text!r} is in column {layout.header[wrong[0]]!r}, where counts were expected. Leave out "
            "columns and rows that hold no counts."
        )
        raise UserError(msg)
    array = values.to_numpy()
    evidence = why_not_counts(array[:1]) if array.dtype.kind == "f" and np.isnan(array).any() else ""
    if evidence or (array.dtype.kind == "f" and np.isnan(array).any()):
        missing = int(np.isnan(array).sum())
        msg = (
            f"{path}: {missing:,} counts are missing (empty or NA). Where zeros were left empty, write them as 0; if "
            "the file ends early, give the whole file."
        )
        raise UserError(msg)
    return array


def _as_table(
    layout: Layout, labels: pd.DataFrame, counts: sp.csr_matrix, *, kind: str, warnings: list[str]
) -> CountTable:
    row_names = labels[layout.name].to_numpy(dtype=object)
    row_ids = labels[layout.id].to_numpy(dtype=object)
    column_names = np.array([layout.header[i] for i in layout.values], dtype=object)
    notes = [f"{'genes' if layout.genes_in_rows else 'cells'} in rows"]
    other = [layout.header[i] or "(unnamed)" for i in layout.labels if i not in {layout.name, layout.id}]
    if other:
        notes.append(f"columns not read as counts: {', '.join(other[:10])}")
    if layout.genes_in_rows:
        barcodes, matrix = column_names, counts.T.tocsr()
        names, ids = np.where(row_names == "", row_ids, row_names), row_ids
    else:
        barcodes, matrix = row_names, counts
        names = ids = column_names
    barcodes, matrix, said = _without_sums(barcodes, matrix)
    return CountTable(
        format=f"{kind}, genes x cells" if layout.genes_in_rows else f"{kind}, cells x genes",
        barcodes=barcodes,
        features=pd.DataFrame({"name": names, "id": ids, "type": "", "genome": ""}),
        rows=lambda: slices(matrix),
        notes=notes,
        matrix="the table",
        why=f"genes in {'rows' if layout.genes_in_rows else 'columns'}, {layout.evidence}",
        warnings=[*warnings, *said],
    )


def _without_sums(barcodes: np.ndarray, matrix: sp.csr_matrix) -> tuple[np.ndarray, sp.csr_matrix, list[str]]:
    """Leave out columns that are the sum of all cells, or are called so."""
    out = cells_no_cells(barcodes, matrix)
    if not out:
        return barcodes, matrix, []
    keep = np.ones(len(barcodes), dtype=bool)
    keep[list(out)] = False
    said = [f"left out, no cell: {barcodes[row]} ({why})" for row, why in list(out.items())[:5]]
    return barcodes[keep], matrix[keep], said


def _from_long(path: Path, layout: Layout, chunks: list[pd.DataFrame], warnings: list[str]) -> CountTable:
    """Put a table with one count a row together; cells and genes are in the order in which they first occur."""
    table = pd.concat(chunks, ignore_index=True)
    values = as_counts(_to_numbers(table[layout.values], path, layout).ravel(), path)
    cells, barcodes = pd.factorize(table[layout.id])
    genes, names = pd.factorize(table[layout.name])
    again = int(pd.Series(cells.astype(np.int64) * len(names) + genes).duplicated().sum())
    if again:
        warnings = [*warnings, f"{again:,} pairs of gene and cell are in more than one row and were summed"]
    matrix = sp.coo_matrix((values.astype(np.int64), (cells, genes)), shape=(len(barcodes), len(names))).tocsr()
    matrix.data = as_counts(matrix.data, path)
    other = [name for i, name in enumerate(layout.header) if i not in {layout.name, layout.id, *layout.values}]
    notes = [
        f"one count a row: {layout.header[layout.name]}, {layout.header[layout.id]}, {layout.header[layout.values[0]]}"
    ]
    notes += [f"columns not read: {', '.join(other[:6])}"] if other else []
    return CountTable(
        format="text, one count a row",
        barcodes=np.asarray(barcodes, dtype=object),
        features=pd.DataFrame({"name": names, "id": names, "type": "", "genome": ""}),
        rows=lambda: slices(matrix),
        notes=notes,
        maker="BD Rhapsody" if any("rsec" in name.lower() for name in layout.header) else "",
        matrix=f"column {layout.header[layout.values[0]]}",
        why="the column of counts, by its name",
        warnings=warnings,
    )


def _is_number(text: str, *, comma: bool = False) -> bool:
    text = text.replace(",", "." if text.count(",") == 1 else "") if comma else text
    try:
        float(text or "nan")
    except ValueError:
        return text in {"NA", "NaN"}
    return True


def _has_decimals(text: str) -> bool:
    match = re.fullmatch(r"-?\d*[.,](\d+)", text)
    return bool(match and match[1].strip("0")) or "e-" in text.lower()
