import re

import pytest
import yaml

from mscape.errors import UserError
from mscape.genes import names as gene_names
from mscape.genes import registry as markers


def registry(**changes):
    signature = {
        "name": "Toy",
        "axis": "toy",
        "direction": "up",
        "use": "score",
        "evidence": "C",
        "source": "a test",
        "licence": "facts",
        "organism": "human",
        "genes": ["RIGI", "ACTB"],
    }
    return {"panels": {}, "lineages": {}, "signatures": {"TOY": signature | changes}}


def write(path, content):
    path.write_text(yaml.safe_dump(content))
    return path


AXES = {"senescence", "immune_constitutive", "immune_licensed", "immune_inflammatory", "osteogenic", "adipogenic"}
AXES |= {
    "chondrogenic",
    "proliferation",
    "hypoxia",
    "dissociation_stress",
    "angiogenic",
    "antifibrotic",
    "antiapoptotic",
}
AXES |= {"antioxidant", "mitochondrial_transfer", "homing", "wound_repair", "identity"}
BY_GENE = {"stemness", "polarisation", "donor_ageing"}  # too few genes, or no direction: never averaged


def test_the_registry_fits_its_schema_and_each_axis_of_the_mission_has_a_set():
    loaded = markers.load_markers()
    assert {entry["axis"] for entry in loaded.scored().values()} >= AXES
    assert {entry["axis"] for entry in loaded.signatures.values()} >= AXES | BY_GENE
    assert not BY_GENE & {entry["axis"] for entry in loaded.scored().values()}
    ageing = loaded.signatures["HAO2024_DONOR_AGEING_HUBS"]
    assert set(ageing["genes"]) == {"TBX15", "IGF1", "GATA2", "PITX2", "SNAI1", "VCAN"}
    early, late = (set(loaded.signatures[f"MSC_OSTEOGENIC_{part}"]["genes"]) for part in ("EARLY", "LATE"))
    assert not early & late


@pytest.mark.parametrize("key", markers.load_markers().signatures)
def test_each_set_has_a_source_that_can_be_found_and_a_licence_that_allows_it(key):
    entry = markers.load_markers().signatures[key]
    found = entry.get("doi") or re.search(r"PMC\d+|PMID \d+|GSE\d+", entry["source"])
    assert found or entry["evidence"] != "A"
    assert re.match(r"CC BY 4\.0|CC0|BSD-3-Clause|facts", entry["licence"])
    assert not re.search(r"KEGG|BIOCARTA|CELLAGE|SENCAT|VAN_?DEN_?BRINK|LENG", key, flags=re.IGNORECASE)
    assert (entry["evidence"] == "C") == ("urated" in entry["source"])


def test_every_scored_set_has_the_ten_genes_that_a_score_needs():
    small = [key for key, entry in markers.load_markers().scored().items() if len(entry["genes"]) < 10]
    assert small == []


def test_the_parts_of_immunoregulation_share_no_gene():
    sets = markers.load_markers().signatures
    parts = [
        set(sets[key]["genes"])
        for key in ("MSC_IMMUNOREG_CONSTITUTIVE", "MSC_IMMUNOREG_LICENSED", "MSC_SASP_INFLAMMATORY")
    ]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


def test_all_faults_are_told_at_once(tmp_path):
    content = registry(use="scored", evidence="D", surprise=1)
    with pytest.raises(UserError, match=r"3 fault\(s\)") as caught:
        markers.load_markers(write(tmp_path / "m.yaml", content))
    assert all(word in str(caught.value) for word in ("scored", "evidence", "surprise"))


def test_a_pair_that_does_not_exist_is_a_fault(tmp_path):
    with pytest.raises(UserError, match=r"TOY\.pair: there is no signature TOY_DN"):
        markers.load_markers(write(tmp_path / "m.yaml", registry(pair="TOY_DN")))


def test_user_sets_come_from_gmt_and_yaml_and_are_scored(tmp_path):
    gmt = tmp_path / "own.gmt"
    gmt.write_text("OWN_GMT\tdescription\tACTB\tGAPDH\tACTB\n")
    own = write(tmp_path / "own.yaml", {"OWN_YAML": {"genes": ["ACTB"], "axis": "senescence"}, "OWN_LIST": ["VIM"]})
    loaded = markers.load_markers(extra=[gmt, own])
    assert loaded.signatures["OWN_GMT"]["genes"] == ["ACTB", "GAPDH"]
    assert loaded.signatures["OWN_GMT"]["axis"] == "user"
    assert loaded.signatures["OWN_YAML"]["axis"] == "senescence"
    assert {"OWN_GMT", "OWN_YAML", "OWN_LIST"} <= set(loaded.scored())


def test_faults_of_all_user_files_are_told_together(tmp_path):
    gmt = tmp_path / "own.gmt"
    gmt.write_text("SENMAYO\tdescription\tACTB\nALONE\n")
    own = write(tmp_path / "own.yaml", {"bad id": {"genes": ["ACTB"]}, "GOOD": {"gene": ["ACTB"]}})
    with pytest.raises(UserError) as caught:
        markers.load_markers(extra=[gmt, own, tmp_path / "absent.gmt"])
    text = str(caught.value)
    assert "own.gmt, line 2" in text
    assert "bad id" in text
    assert "genes" in text
    assert "absent.gmt" in text


def test_gate_genes_are_those_of_panels_and_lineages():
    loaded = markers.Markers(
        panels={"p": {"positive": {"NT5E": {}}, "negative": {"CD14|CD11b": {"CD14": 60, "ITGAM": 20}}}},
        lineages={"B_CELL": {"genes": ["MS4A1"], "mouse": ["Ms4a1"]}},
        signatures={"TOY": {"genes": ["ACTB"]}},
    )
    assert markers.panel_genes(loaded) == {"NT5E", "CD14", "ITGAM"}
    assert markers.all_marker_genes(loaded) == {"NT5E", "CD14", "ITGAM", "MS4A1", "Ms4a1"}


@pytest.mark.parametrize("name", ["DDX58", "RIGI", "ENSG00000107201", "ENSG00000107201.12"])
@pytest.mark.parametrize("asked", ["DDX58", "RIGI", "ENSG00000107201"])
def test_a_gene_is_found_under_any_of_its_names(asked, name):
    found, lost = gene_names.resolve_genes([asked], ["ACTB", name])
    assert (found, lost) == ({asked: name}, {})


def test_the_ensembl_id_decides_before_the_symbol():
    names, ids = ["RIGI", "renamed"], ["ENSG00000000003", "ENSG00000107201"]
    assert gene_names.resolve_genes(["RIGI"], names, ids)[0] == {"RIGI": "renamed"}


def test_a_gene_asked_twice_under_two_names_counts_once():
    found, lost = gene_names.resolve_genes(["RIGI", "DDX58", "NOSUCHGENE"], ["RIGI"])
    assert found == {"RIGI": "RIGI"}
    assert lost == {
        "DDX58": "the same gene as another of the list (RIGI)",
        "NOSUCHGENE": "not in the feature table",
    }


def test_mouse_genes_are_found_by_one_to_one_orthologs_and_the_lost_are_named():
    found, lost = gene_names.resolve_genes(
        ["A2M", "ENSG00000107201", "ALDH1A1", "CDKN1A", "NOSUCHGENE", "Ly6a"],
        ["A2m", "Rigi", "Aldh1a1", "CDKN1A", "Ly6a"],
        organism="mouse",
    )
    assert found == {"A2M": "A2m", "ENSG00000107201": "Rigi", "Ly6a": "Ly6a"}
    assert lost["ALDH1A1"] == "no 1:1 mouse ortholog"
    assert lost["CDKN1A"] == "not in the feature table (mouse Cdkn1a)"
    assert lost["NOSUCHGENE"] == "not in the table of mouse orthologs"
