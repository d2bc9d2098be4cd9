"""List the packages of the environment that ran as a software bill of materials (CycloneDX 1.6, JSON).

https://cyclonedx.org/docs/1.6/json; written from the metadata that each package was installed with.
"""

from __future__ import annotations

import json
import platform
import re
import uuid
from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE = "sbom.cdx.json"
SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org")


def list_software(packages: Iterable[metadata.Distribution], *, version: str) -> dict:
    """Make the document.

    Parameters
    ----------
    packages
        Installed packages, such as ``importlib.metadata.distributions()``; of a name that occurs twice the first, which
        is the one that is imported.
    version
        Of the workflow.

    Returns
    -------
    The document: the workflow as subject, each package with version, package URL and license, and who needs whom. It
    holds no time, so that equal environments give equal documents; its serial number follows from the content.
    """
    found: dict[str, metadata.Distribution] = {}
    for package in packages:
        found.setdefault(_normal(package.metadata["Name"]), package)
    names = sorted(set(found) - {"mscape"})
    subject: dict = {"type": "application", "bom-ref": "mscape", "name": "mscape", "version": version}
    subject |= {"licenses": [{"license": {"id": "BSD-3-Clause"}}]}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": subject,
            "properties": [{"name": "python", "value": platform.python_version()}],
        },
        "components": [_component(name, found[name]) for name in names],
        "dependencies": [
            {"ref": "mscape", "dependsOn": [_url(name, found[name]) for name in names]},
            *({"ref": _url(name, found[name]), "dependsOn": _needs(found[name], found)} for name in names),
        ],
    }
    return document | {"serialNumber": f"urn:uuid:{uuid.uuid5(SPACE, json.dumps(document, sort_keys=True))}"}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _url(name: str, package: metadata.Distribution) -> str:
    return f"pkg:pypi/{name}@{package.version}"


def _component(name: str, package: metadata.Distribution) -> dict:
    component = {"type": "library", "bom-ref": _url(name, package), "name": name, "version": package.version}
    return component | {"purl": _url(name, package)} | ({"licenses": known} if (known := _licenses(package)) else {})


def _licenses(package: metadata.Distribution) -> list[dict]:
    """License as the package states it: its expression, else its classifiers, else its words."""
    about = package.metadata
    if about.get("License-Expression"):
        return [{"expression": about["License-Expression"]}]
    classes = [one.rpartition(" :: ")[2] for one in about.get_all("Classifier") or [] if one.startswith("License ::")]
    words = (about.get("License") or "").strip().split("\n")[0][:60]
    return [{"license": {"name": name}} for name in dict.fromkeys(classes or ([words] if words else []))]


def _needs(package: metadata.Distribution, found: dict[str, metadata.Distribution]) -> list[str]:
    """Package URLs of what a package needs on this platform."""
    needed = set()
    for line in package.requires or []:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:  # of an old package; pip passes over it as well
            continue
        name = _normal(requirement.name)
        if name in found and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            needed.add(_url(name, found[name]))
    return sorted(needed)
