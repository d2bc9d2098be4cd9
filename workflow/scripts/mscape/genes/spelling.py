"""Recognise gene names however a file spells them, and bring them back to symbols and Ensembl ids.

A name counts as a gene by evidence only: an Ensembl id, a symbol of ``resources/genes.tsv``, a mouse symbol of the
table of orthologs, or the form of a non-coding gene. A rewrite is made where most names become known by it.
"""

from __future__ import annotations

import functools
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.genes.names import read_gene_ids, read_orthologs
from mscape.genes.species import species

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOKED_AT = 2000  # names sampled over a list to judge what it holds
FEW_FORMS = 3  # prefixes of genomes in one file
ENSEMBL = re.compile(r"^(ENS[A-Z]*G\d{6,})(\.\d+)?(_PAR_Y)?$")
_ID_INSIDE = re.compile(r"(?:^|(?<=[^A-Za-z0-9]))(?P<id>ENS[A-Z]*G\d{6,})(?:\.\d+)?(?![A-Za-z0-9])(?!_PAR_Y$)")
_GENOME = re.compile(
    r"^(GRC[a-z]{1,2}\d+(?:\.p\d+)?|hg\d\d|mm\d\d?|rn\d|T2T-?CHM13\w*?|EquCab\d(?:\.\d)?)[-_.:|\s]+(?=\S)",
    re.IGNORECASE,
)
_SEPARATORS = "-_.:| "
_LEADING = re.compile(rf"[^{re.escape(_SEPARATORS)}]+[{re.escape(_SEPARATORS)}]")
_CLONES = re.compile(
    r"^(Metazoa[_-]SRP|Vault|Telomerase-vert|sno[A-Z]\w*|uc[_.-]\d+\S*|hsa-\S+|\d+\.?\d?S_rRNA|7SK|XX[a-z]+-\S+"
    r"|LA16c-\S+|DKFZp\w+|[A-Z]+\d*-\S+)(\.\d+)?$"
)
_ABUNDANT = re.compile(  # non-coding genes that hold a per cent and more of the counts of some cells; any mammal
    r"^(MALAT1|NEAT1|H19|MEG3|GAS5|XIST|KCNQ1OT1|MIAT|NORAD|TUG1|PVT1|RMRP|RPPH1|RN7S\w+|RN45S|SNHG\d+|MIR\d+HG|LINC\d+"
    r"|MT-(R|T)\w+|RNA\d+S\w*|LARS2)$",
    re.IGNORECASE,
)
_EXCEL = re.compile(
    r"^(?:(?P<day>\d{1,2})[-/. ](?P<month>Mar|Sept?|Dec)|(?P<month2>Mar|Sept?|Dec)[-/. ](?P<day2>\d{1,2}))$",
    re.IGNORECASE,
)
_EXCEL_NUMERIC = re.compile(r"^(\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}/\d{1,2}/\d{2,4})( 00:00:00)?$")


@dataclass(kw_only=True)
class Spelled:
    """Names taken apart.

    Parameters
    ----------
    name, id, genome
        Of each feature; id is an Ensembl id without version, or "".
    rewrites
        What was done to the names, in words.
    dates
        Names that a spreadsheet turned into dates and that are not known to be one gene.
    """

    name: pd.Series
    id: pd.Series
    genome: pd.Series
    rewrites: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)


@functools.cache
def _symbols() -> frozenset[str]:
    return frozenset(read_gene_ids()) | _mouse_symbols()


@functools.cache
def _mouse_symbols() -> frozenset[str]:
    table = read_orthologs()
    return frozenset(table["mouse"][table["mouse"] != ""])


@functools.cache
def _upper() -> frozenset[str]:
    return frozenset(name.upper() for name in _symbols())


@functools.cache
def _by_letters() -> dict[str, str]:
    """Human and mouse symbols that hold a separator, by the form R's make.names gives them, where it is unique."""
    keys: dict[str, str | None] = {}
    for name in sorted(_symbols()):
        key = re.sub(r"[^A-Za-z0-9]", ".", name)
        if key != name or "." in name:
            keys[key] = None if key in keys else name
    return {key: name for key, name in keys.items() if name}


def is_known(name: str) -> bool:
    """Say whether a name is an Ensembl id, a known symbol exactly as spelled, or a non-coding gene that is abundant."""
    return bool(ENSEMBL.match(name)) or name in _symbols() or bool(_ABUNDANT.match(name))


def is_symbol(name: str) -> bool:
    """Say whether a name is a known symbol in any case."""
    return name.upper() in _upper()


def looks_like_gene(name: str, *, organism: str = "human") -> bool:
    """Say whether a name is known or has the form of a gene's name."""
    if is_known(name) or _CLONES.match(name):
        return True
    form = species(organism).form
    return form is None or bool(form.match(name))


def gene_share(names: Sequence[str]) -> float:
    """Share of names that are genes of any mammal: Ensembl ids, or known symbols in any case, also with a prefix.

    Of long lists, names spread over the list are examined.
    """
    names = [str(name) for name in names[:: max(1, len(names) // LOOKED_AT)]]
    if not names:
        return 0.0
    upper, letters = _upper(), _by_letters()
    found = sum(_is_gene(name, upper, letters) for name in names)
    if found < 0.5 * len(names):
        stripped, _ = _without_affixes(names)
        found = max(found, sum(_is_gene(name, upper, letters) for name in stripped))
    return found / len(names)


def _is_gene(name: str, upper: frozenset[str], letters: dict[str, str]) -> bool:
    name = _GENOME.sub("", name.strip("\"' "))
    return bool(_ID_INSIDE.search(name)) or name.upper() in upper or name in letters


def symbol_share(names: Sequence[str]) -> float:
    """Share of names that are known symbols in any case."""
    names = [str(name) for name in names[:: max(1, len(names) // LOOKED_AT)]]
    upper, letters = _upper(), _by_letters()
    return sum(name.upper() in upper or name in letters for name in names) / max(len(names), 1)


def id_share(names: Sequence[str]) -> float:
    """Share of names that are Ensembl gene ids."""
    names = [str(name) for name in names[:: max(1, len(names) // LOOKED_AT)]]
    return sum(bool(ENSEMBL.match(name)) for name in names) / max(len(names), 1)


def take_apart(name: pd.Series, id: pd.Series, genome: pd.Series, *, organism: str = "human") -> Spelled:
    """Bring names to symbols and ids: without quotes, genome, version, or a joined id.

    Parameters
    ----------
    name, id, genome
        Strings of each feature as the file gives them, "" where it does not.
    organism
        Symbols of ``human`` and ``mouse`` are compared with the tables; of ``other`` only prefixes are removed.
    """
    rewrites: list[str] = []
    name, id = _unquote(name, rewrites), _unquote(id, [])
    genome = genome.copy()
    for key, column in (("name", name), ("id", id)):
        if not any(map(_GENOME.match, column.tolist())):  # extracting costs ten times as much
            continue
        prefix = column.str.extract(_GENOME, expand=True)[0].fillna("")
        if (prefix != "").any():
            column = column.str.replace(_GENOME, "", regex=True)
            genome = genome.where(genome != "", prefix)
            if key == "name":
                which = ", ".join(sorted(set(prefix) - {""}))
                rewrites.append(f"{which} removed from {int((prefix != '').sum()):,} names")
        if key == "name":
            name = column
        else:
            id = column
    name, id = _split_joined(name, id, rewrites)
    if _known_share(name) < 0.5 and id_share(name.tolist()) < 0.5:
        stripped, affix, what = _strip_affixes(name)
        if what:
            joined: list[str] = []
            name = stripped
            genome = genome.where(genome != "", affix)
            rewrites.append(what)
            name, id = _split_joined(name, id, joined)
            rewrites += joined
    pairs = zip(id.tolist(), name.tolist(), strict=True)
    id = pd.Series([_bare_id(one) or _bare_id(other) for one, other in pairs], index=id.index)
    dates: list[str] = []
    if species(organism).has_markers:
        name = _letters_back(name, rewrites)
        name, dates = _from_dates(name, rewrites, organism=organism)
    if organism == "human":
        name = _orf_case(name, rewrites)
    return Spelled(name=name, id=id, genome=genome, rewrites=rewrites, dates=dates)


def _bare_id(name: str) -> str:
    """Ensembl id without its version, or ""."""
    match = ENSEMBL.match(name)
    return match[1] if match else ""


def _unquote(column: pd.Series, rewrites: list[str]) -> pd.Series:
    quoted = column.str.fullmatch(r"""b?(["']).*\1""")
    if not quoted.any():
        return column
    rewrites.append(f"quotes removed from {int(quoted.sum()):,} names")
    return column.where(~quoted, column.str.replace(r"""^b?(["'])(.*)\1$""", r"\2", regex=True).str.strip())


def _split_joined(name: pd.Series, id: pd.Series, rewrites: list[str]) -> tuple[pd.Series, pd.Series]:
    """Take names such as ``ENSG00000135318_NT5E``, ``NT5E (ENSG00000135318.11)`` or ``ENSG...|NT5E|coding`` apart."""
    if not any(map(_ID_INSIDE.search, name.tolist())):
        return name, id
    whole = name.str.match(ENSEMBL)
    inside = name.where(~whole, "").str.extract(_ID_INSIDE)["id"]
    joined = inside.notna()
    if not joined.any():
        return name, id
    rest = name[joined].str.replace(_ID_INSIDE, "\t", n=1, regex=True)
    parts = rest.map(lambda text: [part for piece in text.split("\t") for part in _pieces(piece)])
    width = int(parts.map(len).max())
    if not width:
        return name.where(~joined, inside), id.where(~joined, inside)
    columns = [parts.map(lambda part, i=i: part[i] if i < len(part) else "") for i in range(width)]
    best = max(columns, key=lambda column: symbol_share(list(column)))
    name, id = name.copy(), id.copy()
    same_word = best.nunique() <= max(1, 0.05 * len(best))  # "gene:" and the like name nothing
    name[joined] = inside[joined] if same_word and len(best) > 1 else best.where(best != "", inside[joined])
    id[joined] = inside[joined]
    rewrites.append(f"{int(joined.sum()):,} names that join id and symbol were taken apart")
    return name, id


def _pieces(text: str) -> list[str]:
    """Split the text beside an id at marks that no symbol holds."""
    pieces = [piece.strip(_SEPARATORS + "()[],;") for piece in re.split(r"[|:;,()\[\]\s]+", text)]
    return [piece for piece in pieces if piece]


def _known_share(names: pd.Series) -> float:
    symbols = _symbols()
    return sum(name in symbols for name in names.tolist()) / max(len(names), 1)


def _strip_affixes(names: pd.Series) -> tuple[pd.Series, pd.Series, str]:
    """Remove a prefix or suffix that all names share, or one of a few, if names become known by it.

    Returns
    -------
    The names, what was removed from each (without separators), and the change in words ("" if there is none).
    """
    rest, affix = _without_affixes(names.tolist())
    if not any(affix):
        return names, pd.Series("", index=names.index), ""
    removed = pd.Series(affix, index=names.index)
    which = ", ".join(repr(one) for one in removed[removed != ""].value_counts().index)
    said = f"{which} removed from {int((removed != '').sum()):,} names"
    return pd.Series(rest, index=names.index), removed.str.strip(_SEPARATORS), said


def _without_affixes(names: list[str]) -> tuple[list[str], list[str]]:
    """Give names without such a prefix or suffix, and what was removed from each."""
    before = _gene_like(names)
    for backwards in (False, True):
        turned = [name[::-1] for name in names] if backwards else names
        affix = _common_affixes(turned)
        if affix is None:
            continue
        rest = [name[len(cut) :] for name, cut in zip(turned, affix, strict=True)]
        if backwards:
            rest, affix = [name[::-1] for name in rest], [cut[::-1] for cut in affix]
        after = _gene_like(rest)
        if after >= 0.2 and after > 2 * before:
            return rest, affix
    return names, [""] * len(names)


def _gene_like(names: Sequence[str]) -> float:
    if not names:
        return 0.0
    upper = _upper()
    return sum(name.upper() in upper or _ID_INSIDE.search(name) is not None for name in names) / len(names)


def _common_affixes(names: list[str]) -> list[str] | None:
    """Find the leading part, up to a separator, that nearly all names share, or one of a few such parts."""
    first = [match[0] if (match := _LEADING.match(name)) else "" for name in names]
    counts = Counter(part for part in first if part)
    leading = [part for part, count in counts.most_common(FEW_FORMS) if count >= 0.05 * len(names)]
    if sum(counts[part] for part in leading) < 0.9 * len(names):
        return None
    affix = dict.fromkeys(first, "")
    for start in leading:
        mine = [name for name, part in zip(names, first, strict=True) if part == start]
        common = os.path.commonprefix(mine)  # noqa: RUF071  names, not paths
        affix[start] = common[: max(common.rfind(mark) for mark in _SEPARATORS) + 1]
    return [affix[part] for part in first]


def _letters_back(name: pd.Series, rewrites: list[str]) -> pd.Series:
    """Give names that R's make.names or a database altered (HLA.DRA, MT_ND1) their hyphens back."""
    letters = _by_letters()
    symbols = _symbols()
    unknown = np.array([one not in symbols for one in name.tolist()], dtype=bool)
    if not unknown.any():
        return name
    keys = name[unknown].str.replace(r"[^A-Za-z0-9]", ".", regex=True)
    found = keys.map(letters).dropna()
    mito = keys[keys.str.match(r"^(MT|mt)\.[A-Za-z0-9.]+$") & ~keys.index.isin(found.index)].str.replace(".", "-", n=1)
    found = pd.concat([found, mito])
    found = found[found != name[found.index]]
    if found.empty:
        return name
    name = name.copy()
    example = f"{name[found.index[0]]} to {found.iloc[0]}"
    name[found.index] = found
    rewrites.append(f"{len(found):,} names were given their hyphen back, such as {example}")
    return name


def _orf_case(name: pd.Series, rewrites: list[str]) -> pd.Series:
    """Give C1ORF112 its lower-case letters back."""
    upper = name.str.match(r"^C[0-9XY]+ORF\d+\w*$")
    if not upper.any():
        return name
    found = name[upper].str.replace("ORF", "orf", n=1)
    rewrites.append(f"{len(found):,} names of open reading frames were given their lower-case letters back")
    return name.where(~upper, found.reindex(name.index))


def _from_dates(name: pd.Series, rewrites: list[str], *, organism: str) -> tuple[pd.Series, list[str]]:
    """Give genes that a spreadsheet turned into dates their name back, where a date is the name of one gene only."""
    if not any(_EXCEL.match(one) or _EXCEL_NUMERIC.match(one) for one in name.tolist()):
        return name, []
    matched = name.str.extract(_EXCEL)
    month = matched["month"].fillna(matched["month2"])
    numeric = list(name[name.str.match(_EXCEL_NUMERIC)])
    if month.isna().all():
        return name, numeric
    day = pd.to_numeric(matched["day"].fillna(matched["day2"]), errors="coerce").fillna(0).astype(int)
    genes = {"mar": "MARCHF", "sep": "SEPTIN", "dec": "DELEC"}
    name, lost, made = name.copy(), numeric, 0
    twice = set(name[name.duplicated(keep=False)])
    for row in month.dropna().index:
        family = genes[month[row].lower()[:3]]
        gene = f"{family}{day[row]}"
        # MARC1 and MARCH1 both become 1-Mar, SEP15 (SELENOF) and a fifteenth septin 15-Sep
        unsure = (family == "MARCHF" and day[row] <= 2) or (family == "SEPTIN" and day[row] == 15)
        if unsure or name[row] in twice or not 1 <= day[row] <= 15:
            lost.append(name[row])
            continue
        name[row] = species(organism).spell(gene)
        made += 1
    if made:
        rewrites.append(f"{made:,} dates of a spreadsheet were turned back into genes (2-Sep is SEPTIN2)")
    return name, lost
