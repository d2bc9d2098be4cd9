"""The names under which a dataset knows a gene: Ensembl ids, symbols old and new, mouse orthologs. All offline."""

from __future__ import annotations

import functools
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from mscape import paths
from mscape.data.reference_table import read_reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ALIASES = paths.resource("gene_aliases.tsv")
GENES = paths.resource("genes.tsv")
ORTHOLOGS = paths.resource("orthologs_mouse.tsv")


_LAST: list[tuple[weakref.ref[pd.DataFrame], tuple[dict[str, str], dict[str, str]]]] = []


def names_of_table(known: pd.DataFrame) -> tuple[dict[str, str], dict[str, str]]:
    """Give symbol by Ensembl id, and Ensembl id by symbol, of a table of genes; made once for a table.

    Parameters
    ----------
    known
        Columns ``gene_id`` and ``symbol``, as ``resources/genes.tsv``; it is not changed later.
    """
    for table, names in _LAST:
        if table() is known:
            return names
    pairs = known[["gene_id", "symbol"]].to_numpy(dtype=object)
    symbol_of = {str(gene_id): str(symbol) for gene_id, symbol in pairs}
    names = symbol_of, {symbol: gene_id for gene_id, symbol in symbol_of.items()}
    _LAST[:] = [(weakref.ref(known), names)]
    return names


class GeneIndex:
    """The names of a dataset's genes, to look genes up offline.

    Parameters
    ----------
    var_names
        Names of the dataset's genes: symbols or Ensembl ids, versions (``.12``) allowed.
    gene_ids
        Ensembl ids of the same genes, "" where unknown.
    aliases
        Older symbol -> current symbol; ``resources/gene_aliases.tsv`` if not given.
    organism
        ``human``, or ``mouse``: human symbols are then taken to their mouse gene where the MGI table has exactly one on
        either side. Symbols are never merely re-cased.
    """

    def __init__(
        self,
        var_names: Sequence[str],
        gene_ids: Sequence[str] | None = None,
        *,
        aliases: Mapping[str, str] | None = None,
        organism: str = "human",
    ):
        self.aliases = read_aliases() if aliases is None else aliases
        self.organism = organism
        self.names = {str(name): str(name) for name in reversed(list(var_names))}
        self.ids = _index_ids(var_names, gene_ids)

    def resolve(self, genes: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
        """Find genes: by Ensembl id first, then by symbol, then by an older or newer symbol.

        Parameters
        ----------
        genes
            Human symbols or Ensembl ids; for mouse also mouse symbols, as the mouse panels name them.

        Returns
        -------
        found
            Requested gene -> name in ``var_names``, in the order asked. Two requests for one gene keep the first.
        lost
            Requested gene -> reason.
        """
        found, lost, used = {}, {}, set()
        for gene in dict.fromkeys(genes):
            targets, reason = _translate(gene, self.organism, self.aliases)
            hits = (_find(target, self.names, self.ids, self.aliases) for target in targets)
            name = next((hit for hit in hits if hit is not None), None)
            if name is None:
                lost[gene] = reason
            elif name in used:
                lost[gene] = f"the same gene as another of the list ({name})"
            else:
                found[gene] = name
                used.add(name)
        return found, lost


def resolve_genes(
    genes: Iterable[str],
    var_names: Sequence[str],
    gene_ids: Sequence[str] | None = None,
    *,
    aliases: Mapping[str, str] | None = None,
    organism: str = "human",
) -> tuple[dict[str, str], dict[str, str]]:
    """Find genes in a dataset once; the parameters are those of :class:`GeneIndex` and its ``resolve``."""
    return GeneIndex(var_names, gene_ids, aliases=aliases, organism=organism).resolve(genes)


@functools.cache
def read_aliases(path: Path = ALIASES) -> dict[str, str]:
    """Read older symbol -> current symbol."""
    table = read_reference(path)
    return dict(zip(table["alias"], table["symbol"], strict=True))


@functools.cache
def read_orthologs(path: Path = ORTHOLOGS) -> pd.DataFrame:
    """Read the MGI table: index human symbol, columns mouse, class (``1:1``, ``complex``, ``none``)."""
    return read_reference(path).set_index("human")


@functools.cache
def read_gene_ids(path: Path = GENES) -> dict[str, str]:
    """Read human symbol -> Ensembl id."""
    table = read_reference(path)
    return dict(zip(table["symbol"], table["gene_id"], strict=True))


@functools.cache
def _symbols_by_id() -> dict[str, str]:
    return {gene_id: symbol for symbol, gene_id in read_gene_ids().items()}


def _is_ensembl(name: str) -> bool:
    return name.startswith("ENS") and name[-1].isdigit()


def _bare(gene_id: str) -> str:
    return gene_id.split(".")[0]


def _index_ids(var_names: Sequence[str], gene_ids: Sequence[str] | None) -> dict[str, str]:
    """Ensembl id without version -> name; the first of several genes with one id."""
    index: dict[str, str] = {}
    columns = [list(map(str, var_names))] if gene_ids is None else [list(map(str, gene_ids)), list(map(str, var_names))]
    for column in columns:
        for gene_id, name in zip(column, var_names, strict=True):
            if gene_id and _is_ensembl(gene_id):
                index.setdefault(_bare(gene_id), str(name))
    return index


def _translate(gene: str, organism: str, aliases: Mapping[str, str]) -> tuple[list[str], str]:
    """Names to look for in a dataset of this species, and what to say when none is there."""
    absent = "not in the feature table"
    if organism != "mouse" or gene.startswith("ENSMUSG"):
        return [gene], absent
    table = read_orthologs()
    given = _symbols_by_id().get(_bare(gene), gene) if _is_ensembl(gene) else gene
    symbol = next((name for name in _spellings(given, aliases) if name in table.index), None)
    if symbol is None and gene not in read_gene_ids() and not gene.isupper():
        return [gene], absent  # a mouse symbol already
    if symbol is None:
        return [], "not in the table of mouse orthologs"
    mouse, kind = table.loc[symbol, ["mouse", "class"]]
    if kind != "1:1":
        return [], "no mouse ortholog" if kind == "none" else "no 1:1 mouse ortholog"
    return [mouse], f"{absent} (mouse {mouse})"


def _find(gene: str, names: Mapping[str, str], ids: Mapping[str, str], aliases: Mapping[str, str]) -> str | None:
    if _is_ensembl(gene):
        gene_id = _bare(gene)
        if gene_id in ids:
            return ids[gene_id]
        gene = _symbols_by_id().get(gene_id, gene)
    spellings = _spellings(gene, aliases)
    known = read_gene_ids()
    for spelling in spellings:
        if known.get(spelling) in ids:
            return ids[known[spelling]]
    return next((names[spelling] for spelling in spellings if spelling in names), None)


def _spellings(gene: str, aliases: Mapping[str, str]) -> list[str]:
    """List the names of a gene: as asked, the current one, the older ones."""
    current = aliases.get(gene, gene)
    older = [alias for alias, symbol in aliases.items() if symbol == current]
    return list(dict.fromkeys([gene, current, *older]))
