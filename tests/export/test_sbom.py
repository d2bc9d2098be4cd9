"""The list of software: what CycloneDX 1.6 requires, and what of an environment is known."""

from __future__ import annotations

import json
import re
from email.message import Message
from importlib import metadata

import pytest

from mscape.export import sbom

REF = re.compile(r"^pkg:pypi/[a-z0-9.-]+@[^\s/]+$")


class Package:
    """An installed package with metadata of one's own."""

    def __init__(self, name, version, requires=(), **about):
        self.version, self.requires, self.metadata = version, list(requires), Message()
        self.metadata["Name"] = name
        for key, value in about.items():
            self.metadata[key.replace("_", "-")] = value


@pytest.fixture(scope="module")
def document():
    return sbom.list_software(metadata.distributions(), version="0.1.0")


def test_the_fields_that_the_standard_requires_are_there(document):
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", document["serialNumber"])
    assert document["metadata"]["component"] | {"licenses": []} == {
        "type": "application",
        "bom-ref": "mscape",
        "name": "mscape",
        "version": "0.1.0",
        "licenses": [],
    }
    refs = [one["bom-ref"] for one in document["components"]]
    assert len(refs) == len(set(refs)) > 50
    for one in document["components"]:
        assert set(one) <= {"type", "bom-ref", "name", "version", "purl", "licenses"}
        assert one["type"] == "library"
        assert REF.match(one["purl"]), one
        for stated in one.get("licenses", []):
            assert set(stated) == {"expression"} or set(stated["license"]) == {"name"}
    assert [one["ref"] for one in document["dependencies"]] == ["mscape", *refs]
    assert {ref for one in document["dependencies"] for ref in one["dependsOn"]} <= set(refs)


def test_what_is_installed_is_listed_with_its_needs(document):
    versions = {one["name"]: one["version"] for one in document["components"]}
    for name in ("scanpy", "anndata", "numpy", "snakemake"):
        assert versions[name] == metadata.version(name)
    needs = {one["ref"].partition("@")[0]: one["dependsOn"] for one in document["dependencies"]}
    assert f"pkg:pypi/numpy@{versions['numpy']}" in needs["pkg:pypi/anndata"]


def test_equal_environments_give_equal_documents_and_others_do_not():
    one, other = Package("A_b.c", "1.0", ["D>=1", "e; extra == 'x'"], License="MIT"), Package("d", "2")
    again = sbom.list_software([other, one, Package("D", "9")], version="1")
    assert sbom.list_software([one, other], version="1") == again
    assert [c["name"] for c in again["components"]] == ["a-b-c", "d"]  # of a name that is there twice, the first counts
    assert again["dependencies"][1] == {"ref": "pkg:pypi/a-b-c@1.0", "dependsOn": ["pkg:pypi/d@2"]}
    assert sbom.list_software([one], version="1")["serialNumber"] != again["serialNumber"]


@pytest.mark.parametrize(
    ("about", "licenses"),
    [
        ({"License_Expression": "MIT OR Apache-2.0", "License": "x"}, [{"expression": "MIT OR Apache-2.0"}]),
        ({"Classifier": "License :: OSI Approved :: BSD License"}, [{"license": {"name": "BSD License"}}]),
        ({"License": "GPL-3\nlong text"}, [{"license": {"name": "GPL-3"}}]),
        ({}, None),
    ],
)
def test_a_license_is_what_the_package_states(about, licenses):
    (component,) = sbom.list_software([Package("a", "1", **about)], version="1")["components"]
    assert component.get("licenses") == licenses
    json.dumps(component)
