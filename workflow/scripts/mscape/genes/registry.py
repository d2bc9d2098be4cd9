"""The registry of gate panels, lineage panels and signatures."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mscape import paths
from mscape.data import yaml_file
from mscape.data.schema import list_faults
from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

REGISTRY = paths.resource("markers.yaml")
SCHEMA = paths.schema("markers.schema.yaml")

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

    panels: dict[str, dict[str, Any]]
    lineages: dict[str, dict[str, Any]]
    signatures: dict[str, dict[str, Any]]

    def scored(self) -> dict[str, dict[str, Any]]:
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
    mscape.errors.UserError
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


@functools.cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = yaml_file.read(SCHEMA)
    return schema


def _read_yaml(path: Path) -> tuple[Any, list[str]]:
    if path == REGISTRY:
        return yaml_file.read(path), []
    content, faults = yaml_file.read_given(path)
    return content, [f"{path.name}: {fault}" for fault in faults]


def _read_signatures(path: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
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


def _read_gmt(path: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}, [f"{path}: there is no such file."]
    except UnicodeDecodeError as error:
        return {}, [f"{path.name}: it is no text in UTF-8 ({error}). Save it as text in UTF-8."]
    own, faults = {}, []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        key, *rest = (field.strip() for field in line.split("\t"))
        genes = list(dict.fromkeys(field for field in rest[1:] if field))
        if not genes:
            faults.append(f"{path.name}, line {number}: expected id, description and genes, separated by tabs.")
        elif key in own:
            faults.append(f"{path.name}, line {number}: the id {key} occurs twice.")
        else:
            own[key] = {"name": key, **USER_DEFAULTS, "source": path.name, "genes": genes}
    checked, more = _checked(own, path)
    return checked, faults + more


def _checked(own: dict[str, dict[str, Any]], path: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    faults = list_faults({"panels": {}, "lineages": {}, "signatures": own}, _schema())
    return (own if not faults else {}), [f"{path.name}: {fault}" for fault in faults]


def _find_dangling(signatures: Mapping[str, dict[str, Any]]) -> list[str]:
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
