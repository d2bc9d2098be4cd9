"""Find and read the files that name the genes and cells of a matrix, by what they hold."""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import pandas as pd

from mscape.errors import UserError
from mscape.genes.spelling import gene_share, id_share, is_known, symbol_share
from mscape.io.formats.detect import identify, open_text

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_LINE = 10_000  # characters; a longer line is a table of counts
IS_GENES = 0.3  # share of names that are genes, from which a list is one of genes
UNIQUE = 0.9  # share of a list's names that differ, from which it can name cells
_FEATURES = re.compile(r"features?|genes?|rows?|cols?", re.IGNORECASE)
_BARCODES = re.compile(r"barcodes?|cells?|col(umn)?s?|rows?", re.IGNORECASE)
_NOT_NAMES = re.compile(
    r"\.(json|html?|log|yaml|yml|md|pdf|png|svg|sh|py|r|rmd)$|readme|summary|metrics|stats", re.IGNORECASE
)
_WORDS = re.compile(
    r"^((gene|feature|symbol|ensembl|hgnc|mgi|entrez|id|name|short|external|stable|accession|barcode|bc|well|cell|index|type"
    r"|biotype|genome|chr|chrom|chromosome|start|end|strand|number|row|col|column|rowname|colname|obs|var|sample|s)+|x|v\d|0)$"
)
_GENOME_NAME = re.compile(r"^(GRC[a-z]{1,2}\d+\S*|hg\d\d|mm\d\d?|rn\d|human|mouse|T2T\S*)$", re.IGNORECASE)
_CELLS_FIRST = re.compile(r"cells_x_genes|quants_mat|count_matrix|(^|[_.])DGE", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class NameFile:
    """A file of names: its rows without the header, and the header's words (none if there is no header)."""

    path: Path
    header: list[str]
    rows: list[list[str]]

    def column(self, number: int) -> list[str]:
        """Names in one column, "" where a row is short."""
        return [row[number] if number < len(row) else "" for row in self.rows]

    @property
    def width(self) -> int:
        """Number of columns."""
        return max((len(row) for row in self.rows[:100]), default=0)


@dataclass(frozen=True, kw_only=True)
class Named:
    """What names a matrix: file of genes, file of symbols beside it, file of cells (None: they are numbered)."""

    genes: NameFile
    symbols: NameFile | None
    cells: NameFile | None
    cells_in_rows: bool


def read_names(path: Path, *, at_most: int | None = None) -> NameFile | None:
    """Read a small table of names, whatever separates its columns; None if it is longer than ``at_most`` or no list."""
    with open_text(path) as file:
        lines = [line.rstrip("\r\n") for line in islice(file, None if at_most is None else at_most + 1)]
    lines = [line for line in lines if line.strip()]
    if not lines or (at_most is not None and len(lines) > at_most) or max(map(len, lines[:100])) > LONGEST_LINE:
        return None
    rows = _split(lines)
    header = rows[0] if _is_header(rows) else []
    return NameFile(path=path, header=header, rows=rows[1:] if header else rows)


def _split(lines: list[str]) -> list[list[str]]:
    sample = lines[:200]
    if any("\t" in line for line in sample):
        mark = "\t"
    else:
        mark = next((m for m in ",;" if len({line.count(m) for line in sample}) == 1 and m in sample[0]), "")
    if mark:
        rows = list(csv.reader(lines, delimiter=mark))
        return [[cell.strip().strip("\"'") for cell in row] for row in rows]
    rows = [[line.strip().strip("\"'")] for line in lines]
    spaced = [line.split() for line in lines]
    widths = {len(row) for row in spaced[:200]}
    if (
        len(widths) == 1
        and widths != {1}
        and max(gene_share(list(column)) for column in zip(*spaced, strict=False)) > IS_GENES
    ):
        return [[cell.strip("\"'") for cell in row] for row in spaced]
    return rows


def _is_header(rows: list[list[str]]) -> bool:
    """Say whether the first line is a header: its words are words of headers and no names, those below are names."""
    first = rows[0]
    words = [re.sub(r"[^a-z0-9]", "", cell.lower()).removesuffix("s") for cell in first]
    if len(rows) < 2 or any(is_known(cell) for cell in first) or not any(_WORDS.match(word) for word in words):
        return False
    if all(word == "0" or not word for word in words):  # pandas' header of a list: the names below are no numbers
        return not any(row[-1].isdigit() for row in rows[1:20])
    return not any(cell and cell in {row[i] for row in rows[1:] if i < len(row)} for i, cell in enumerate(first))


def find_names(matrix: Path, shape: tuple[int, int]) -> Named:
    """Find the files that name the rows and columns of a Matrix Market file, beside it.

    A file belongs to the matrix whose name it shares most of. Among those, the numbers of names decide, then what
    they hold: a list in which genes are recognised names the genes.

    Raises
    ------
    mscape.errors.UserError
        If no file has as many names as the matrix has genes, or two of them name the genes differently.
    """
    n_rows, n_cols = shape
    longest = max(shape) + 2
    files = []
    for path in _eligible(matrix):
        names = read_names(path, at_most=max(longest, 10_000))
        if names is not None:
            files.append(names)
    options = []
    for cells_in_rows in (False, True):
        n_genes, n_cells = (n_cols, n_rows) if cells_in_rows else (n_rows, n_cols)
        genes = _genes_file(files, n_genes, matrix)
        if genes is None:
            continue
        cells = _cells_file([file for file in files if file is not genes], n_cells, matrix)
        others = any(_BARCODES.search(_end(file.path, matrix)) and file is not genes for file in files)
        if cells is None and others and not _is_other_list(files, genes, n_genes):
            continue
        share = _best(genes, gene_share) - (_best(cells, gene_share) if cells else 0)
        options.append(
            (
                cells is not None,
                share > 0,
                share,
                Named(genes=genes, symbols=None, cells=cells, cells_in_rows=cells_in_rows),
            )
        )
    options = [one for one in options if one[0]] or [one for one in options if not one[3].cells_in_rows]
    if not options:
        raise _no_names(matrix, shape, files)
    best = max(options, key=lambda one: one[:3])[3]
    if n_rows == n_cols and len(options) == 2:
        best = Named(
            genes=best.genes, symbols=None, cells=best.cells, cells_in_rows=bool(_CELLS_FIRST.search(matrix.name))
        )
    return Named(
        genes=best.genes,
        symbols=_symbols_file(files, best.genes),
        cells=best.cells,
        cells_in_rows=best.cells_in_rows,
    )


def features_of(named: Named) -> pd.DataFrame:
    """Table of the features: columns name, id, type, genome."""
    file = named.genes
    columns = [file.column(i) for i in range(file.width)]
    symbols, ids = [symbol_share(column) for column in columns], [id_share(column) for column in columns]
    taken = [i for i, column in enumerate(columns) if not _is_row_number(column)] or [0]
    id_at = max(taken, key=lambda i: ids[i])
    if ids[id_at] < 0.1:
        id_at = taken[0]
    others = [i for i in taken if i != id_at]
    name_at = max(taken, key=lambda i: symbols[i])
    if symbols[name_at] < 0.05 or (name_at == id_at and others and ids[id_at] >= 0.1):
        name_at = others[0] if others and (ids[id_at] >= 0.1 or file.width > 1) and len(taken) > 1 else id_at
    name, id = columns[name_at], columns[id_at]
    if named.symbols is not None:
        other = [named.symbols.column(i) for i in range(named.symbols.width)]
        name = max(other, key=symbol_share)
    rest = [i for i in range(file.width) if i not in {id_at, name_at}]
    type_at = next(
        (i for i in rest if _says(file, i, "type") or "gene expression" in {v.lower() for v in columns[i][:2000]}), None
    )
    genome_at = next(
        (i for i in rest if _says(file, i, "genome") or all(_GENOME_NAME.match(v) for v in columns[i][:2000])), None
    )
    if type_at is None:
        type_at = next((i for i in rest if i != genome_at and i >= 2), None)
    empty = [""] * len(name)
    return pd.DataFrame(
        {
            "name": [one or other for one, other in zip(name, id, strict=True)],
            "id": id,
            "type": empty if type_at is None else columns[type_at],
            "genome": empty if genome_at is None else columns[genome_at],
        }
    )


def cells_of(file: NameFile) -> list[str]:
    """Names of the cells: the column that a header calls barcodes, else the first that is no row number."""
    columns = [file.column(i) for i in range(file.width)]
    called = [
        i
        for i, word in enumerate(file.header)
        if re.search(r"barcode|^bc|^cell(_?id|_?name|s)?$|^cb$", word, re.IGNORECASE)
    ]
    unique = [i for i, column in enumerate(columns) if len(set(column)) >= UNIQUE * len(column)]
    for i in [*called, *unique]:
        if i in unique and (not _is_row_number(columns[i]) or len(unique) == 1):
            return columns[i]
    return columns[0]


def _says(file: NameFile, i: int, word: str) -> bool:
    return i < len(file.header) and word in file.header[i].lower()


def _is_row_number(column: list[str]) -> bool:
    head = column[:1000]
    return len(column) > 1 and any(head == [str(i) for i in range(start, start + len(head))] for start in (0, 1))


def _eligible(matrix: Path) -> list[Path]:
    """Files of text beside a matrix that do not belong to another matrix beside it."""
    beside = [path for path in sorted(matrix.parent.iterdir()) if path.is_file() and not path.name.startswith(".")]
    matrices = [path.name for path in beside if ".mtx" in path.name.lower()]
    found = []
    for path in beside:
        if path.name in matrices or _NOT_NAMES.search(path.name) or not path.stat().st_size:
            continue
        mine = len(os.path.commonprefix([path.name, matrix.name]))  # noqa: RUF071  names, not paths
        other = max(len(os.path.commonprefix([path.name, name])) for name in matrices)  # noqa: RUF071
        if mine == other and identify(path) == "text":
            found.append(path)
    return found


def _end(path: Path, matrix: Path) -> str:
    """Name of a file without what it shares with the matrix's."""
    return path.name.removeprefix(os.path.commonprefix([path.name, matrix.name]))  # noqa: RUF071


def _closeness(file: NameFile, matrix: Path) -> int:
    return len(os.path.commonprefix([file.path.name, matrix.name]))  # noqa: RUF071


def _best(file: NameFile, share) -> float:
    return max((share(file.column(i)) for i in range(file.width)), default=0.0)


def _genes_file(files: list[NameFile], wanted: int, matrix: Path) -> NameFile | None:
    fitting = [file for file in files if len(file.rows) == wanted]
    if not fitting and "quants_mat" in matrix.name:
        fitting = [
            _thrice(file) for file in files if 3 * len(file.rows) == wanted and _best(file, gene_share) > IS_GENES
        ]
    ranked = [
        (
            _best(file, gene_share) > IS_GENES,
            bool(_FEATURES.search(_end(file.path, matrix))),
            _closeness(file, matrix),
            file,
        )
        for file in fitting
    ]
    ranked = [one for one in ranked if one[0] or one[1]]
    if not ranked:
        return None
    ranked.sort(key=lambda one: (*one[:3], _best(one[3], id_share), one[3].path.name), reverse=True)
    first = ranked[0][3]
    for *rank, other in ranked[1:]:
        if tuple(rank) == ranked[0][:3] and _disagree(first, other):
            msg = (
                f"{matrix}: {first.path.name} and {other.path.name} have as many names as it has genes, and differ. "
                "Leave the one beside it that was written with it."
            )
            raise UserError(msg)
    return first


def _thrice(file: NameFile) -> NameFile:
    """List of alevin-fry's spliced, unspliced and ambiguous columns, where its file names each gene once."""
    names = file.column(0)
    return NameFile(path=file.path, header=[], rows=[[name + end] for end in ("", "-U", "-A") for name in names])


def _disagree(one: NameFile, other: NameFile) -> bool:
    """Say whether two lists hold the same kind of names and other ones."""
    for share in (id_share, symbol_share):
        if _best(one, share) > IS_GENES and _best(other, share) > IS_GENES:
            first, second = (max((f.column(i) for i in range(f.width)), key=share) for f in (one, other))
            return [a.split(".")[0] for a in first] != [b.split(".")[0] for b in second]
    return False


def _symbols_file(files: list[NameFile], genes: NameFile) -> NameFile | None:
    """Find a second list that gives symbols to a list of ids, as kallisto's genes.names.txt."""
    if _best(genes, symbol_share) > IS_GENES:
        return None
    other = [
        file
        for file in files
        if file is not genes
        and len(file.rows) == len(genes.rows)
        and re.search(r"name|symbol", file.path.name, re.IGNORECASE)
    ]
    return next((file for file in other if _best(file, symbol_share) > IS_GENES), None)


def _cells_file(files: list[NameFile], wanted: int, matrix: Path) -> NameFile | None:
    ranked = []
    for file in files:
        if len(file.rows) != wanted:
            continue
        named = bool(_BARCODES.search(_end(file.path, matrix)))
        column = cells_of(file)
        if named or len(set(column)) >= UNIQUE * wanted:
            barcodes = "barcode" in file.path.name.lower()
            ranked.append((_best(file, gene_share) <= IS_GENES, barcodes, named, _closeness(file, matrix), file))
    return max(ranked, key=lambda one: one[:4])[4] if ranked else None


def _is_other_list(files: list[NameFile], genes: NameFile, n_genes: int) -> bool:
    """Say whether all files whose names speak of cells are lists of the genes after all."""
    return all(
        file is genes or len(file.rows) == n_genes
        for file in files
        if re.search(r"barcode|cell", file.path.name, re.IGNORECASE)
    )


def _no_names(matrix: Path, shape: tuple[int, int], files: list[NameFile]) -> UserError:
    """Say which list of names does not fit, and why."""
    n_rows, n_cols = shape
    for file in files:
        number = len(file.rows)
        for wanted in shape:
            has = f"{matrix} has {wanted:,} {'rows' if wanted == n_rows else 'columns'}, but {file.path.name}"
            if number == wanted + 1 and not file.header:
                msg = (
                    f"{has} has {number:,} lines, and the first ({file.rows[0][0]!r}) is no header: with a line too "
                    "many names would be at their neighbours' counts. Take the added line out."
                )
                return UserError(msg)
            if number == wanted - 1 and file.header:
                msg = (
                    f"{has} names {number:,} below its header: one name is missing. Give the file written with this "
                    "matrix."
                )
                return UserError(msg)
    genes = [file for file in files if _best(file, gene_share) > IS_GENES]
    lacking = "barcodes" if any(len(file.rows) in shape for file in genes) else "genes"
    found = ", ".join(f"{file.path.name} ({len(file.rows):,})" for file in files[:5]) or "none"
    msg = (
        f"{matrix} is {n_rows:,} x {n_cols:,}, and no file beside it names its {lacking}; lists of names found: "
        f"{found}. Put the features (or genes) and barcodes files of the same matrix beside it."
    )
    return UserError(msg)
