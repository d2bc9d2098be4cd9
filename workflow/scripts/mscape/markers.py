"""The registry of gate panels, lineage panels and signatures, and the names under which a dataset knows their genes."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import yaml

from mscape.config import list_faults
from mscape.step import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROOT = Path(__file__).parents[3]
REGISTRY = ROOT / "resources" / "markers.yaml"
SCHEMA = ROOT / "workflow" / "schemas" / "markers.schema.yaml"
ALIASES = ROOT / "resources" / "gene_aliases.tsv"
GENES = ROOT / "resources" / "genes.tsv"
ORTHOLOGS = ROOT / "resources" / "orthologs_mouse.tsv"

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # both are safe; the compiled one is eight times faster

SCORED = ("score", "confounder")  # uses whose genes may be averaged

# What a set of the user's own says about itself when its file does not.
USER_DEFAULTS = {
    "axis": "user",
    "direction": "up",
    "use": "score",
    "evidence": "C",
    "licence": "given by the user",
    "organism": "human",
}


@dataclass(frozen=True)
class Markers:
    """Panels, lineages and signatures by id, each a plain mapping as ``resources/markers.yaml`` holds it."""

    panels: dict[str, dict]
    lineages: dict[str, dict]
    signatures: dict[str, dict]

    def scored(self) -> dict[str, dict]:
        """Signatures that may be averaged (``use`` is ``score`` or ``confounder``)."""
        return {key: entry for key, entry in self.signatures.items() if entry["use"] in SCORED}


def load_markers(path: str | Path = REGISTRY, extra: Iterable[str | Path] = ()) -> Markers:
    """Read the registry and the user's own signature files.

    Parameters
    ----------
    path
        A file of the shape of ``resources/markers.yaml``.
    extra
        GMT files, or YAML files with a mapping id -> entry (or ``signatures:`` with one) in which only ``genes`` is
        required. Their sets are scored like the built-in ones.

    Returns
    -------
    The checked registry.

    Raises
    ------
    mscape.step.UserError
        With every fault of all files: unknown keys, missing fields, ids given twice, pairs that do not exist.
    """
    path = Path(path)
    content, faults = _read_yaml(path)
    if not faults:
        faults += [f"{path.name}: {fault}" for fault in list_faults(content, _schema())]
    signatures = dict(content.get("signatures") or {}) if isinstance(content, dict) else {}
    for file in map(Path, extra):
        own, own_faults = _read_signatures(file)
        faults += own_faults
        for key, entry in own.items():
            if key in signatures:
                faults.append(f"{file.name}: the signature id {key} is taken; give the set another id.")
            signatures[key] = entry
    if not faults:
        faults += _find_dangling(signatures)
    if faults:
        msg = "The marker files have {} fault(s):\n{}".format(len(faults), "\n".join(f"  - {f}" for f in faults))
        raise UserError(msg)
    return Markers(dict(content["panels"]), dict(content["lineages"]), signatures)


def all_marker_genes(markers: Markers) -> set[str]:
    """Every gene of a gate or lineage panel: the genes that an embedding for the gate leaves out."""
    lineage = {gene for entry in markers.lineages.values() for gene in [*entry["genes"], *entry.get("mouse", [])]}
    return panel_genes(markers) | lineage


def panel_genes(markers: Markers) -> set[str]:
    """Every gene of a gate panel, whether required, excluded or allowed."""
    genes = {gene for panel in markers.panels.values() for gene in panel["positive"]}
    for panel in markers.panels.values():
        groups = [*panel["negative"].values(), *panel.get("allowed", {}).values()]
        genes |= {gene for group in groups for gene in group}
    return genes


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
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    return dict(zip(table["alias"], table["symbol"], strict=True))


@functools.cache
def read_orthologs(path: Path = ORTHOLOGS) -> pd.DataFrame:
    """Read the MGI table: index human symbol, columns mouse, class (``1:1``, ``complex``, ``none``)."""
    return pd.read_csv(path, sep="\t", comment="#", dtype=str, keep_default_na=False).set_index("human")


@functools.cache
def read_gene_ids(path: Path = GENES) -> dict[str, str]:
    """Read human symbol -> Ensembl id."""
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    return dict(zip(table["symbol"], table["gene_id"], strict=True))


@functools.cache
def _schema() -> dict:
    return yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))


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
    symbol = _symbols_by_id().get(_bare(gene), gene) if _is_ensembl(gene) else gene
    symbol = next((name for name in _spellings(symbol, aliases) if name in table.index), None)
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


def _read_yaml(path: Path) -> tuple[object, list[str]]:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER), []
    except FileNotFoundError:
        return None, [f"{path}: there is no such file."]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return None, [f"{path.name}: not readable as YAML ({' '.join(str(error).split())})."]


def _read_signatures(path: Path) -> tuple[dict[str, dict], list[str]]:
    """Read a user's GMT or YAML file."""
    if path.suffix.lower() == ".gmt":
        return _read_gmt(path)
    content, faults = _read_yaml(path)
    if faults:
        return {}, faults
    if isinstance(content, dict) and isinstance(content.get("signatures"), dict):
        content = content["signatures"]
    if not isinstance(content, dict) or not content:
        return {}, [f"{path.name}: expected a mapping of set id -> {{genes: [...]}}, or a .gmt file."]
    own = {}
    for key, entry in content.items():
        if isinstance(entry, list):
            entry = {"genes": entry}
        if isinstance(entry, dict):
            entry = {"name": str(key), **USER_DEFAULTS, "source": path.name, **entry}
        own[str(key)] = entry
    return _checked(own, path)


def _read_gmt(path: Path) -> tuple[dict[str, dict], list[str]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}, [f"{path}: there is no such file."]
    own, faults = {}, []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        key, *rest = (field.strip() for field in line.split("\t"))
        genes = list(dict.fromkeys(field for field in rest[1:] if field))
        if not genes:
            faults.append(f"{path.name}, line {number}: expected id, description and genes, separated by tabs.")
        elif key in own:
            faults.append(f"{path.name}, line {number}: the id {key} stands twice.")
        else:
            own[key] = {"name": key, **USER_DEFAULTS, "source": path.name, "genes": genes}
    checked, more = _checked(own, path)
    return checked, faults + more


def _checked(own: dict[str, dict], path: Path) -> tuple[dict[str, dict], list[str]]:
    faults = list_faults({"panels": {}, "lineages": {}, "signatures": own}, _schema())
    return (own if not faults else {}), [f"{path.name}: {fault}" for fault in faults]


def _find_dangling(signatures: Mapping[str, dict]) -> list[str]:
    """List pairs and depletions that name no set."""
    faults = []
    for key, entry in signatures.items():
        named = [("pair", entry["pair"])] if "pair" in entry else []
        named += [("without", other) for other in entry.get("without", [])]
        faults += [
            f"signatures.{key}.{field}: there is no signature {other}."
            for field, other in named
            if other not in signatures and not (field == "without" and other == "panels")
        ]
    return faults
