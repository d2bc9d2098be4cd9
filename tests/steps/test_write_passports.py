import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from toy_study import default_settings, write_study

import write_passports
from mscape.data.table_io import read_table, write_table
from mscape.passports import passport, reporting_items
from mscape.passports.reference_rules import UNIT


def run(folder, *, organism="human", empty=(), **settings):
    study = write_study(folder)
    for name in empty:  # a table with a header only
        path = Path(getattr(study, name))
        path.write_text(path.read_text().splitlines()[0] + "\n")
    output = SimpleNamespace(json=str(folder / "passports.json"))
    params = SimpleNamespace(
        settings=default_settings("passport") | settings, organism=organism, culture="expanded", threads=1
    )
    write_passports.main(study, output, params)
    return json.loads((folder / "passports.json").read_text())


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    return run(tmp_path_factory.mktemp("passports"))


def attributes(document, lot):
    record = next(record for record in document["lots"] if record["lot_id"] == lot)
    return {attribute["name"]: attribute for attribute in record["attributes"]}


def test_every_lot_has_a_record_with_its_metadata(document):
    assert [lot["lot_id"] for lot in document["lots"]] == [
        f"D{i}_{c}" for i in (1, 2, 3) for c in ("control", "primed")
    ]
    lot = document["lots"][0]
    assert (lot["donor_id"], lot["tissue"], lot["isbt_tissue"]) == ("D1", "bone marrow", "MSC(M)")
    assert (lot["n_loaded"], lot["n_cells"], lot["n_msc"]) == (70, 60, 54)
    assert document["run_id"] == "0123456789ab"


def test_reporting_items_hold_what_is_known_and_nothing_else(tmp_path, document):
    items = {item["item"]: item for item in document["lots"][0]["reporting"]}
    assert items["tissue"] == {
        "theme": "provenance",
        "item": "tissue",
        "value": "bone marrow",
        "source": "sample sheet",
    }
    assert items["ISBT 128 name"]["value"] == "MSC(M)"
    assert items["CD73 present, by RNA"]["value"] == "90% (85% to 94%) of cells: FAIL"
    assert items["Other lineages (purity), by RNA"]["theme"] == "purity"
    assert "HLA-DR absent, by RNA" not in items  # not measured
    assert "viability" not in items
    cells = pd.DataFrame({"tissue": ["heart"] * 2, "viability": ["0.93"] * 2, "medium": ["unknown"] * 2})
    added = reporting_items.report_items(cells, [], culture="unknown")
    assert [item["item"] for item in added] == ["name", "tissue", "viability"]


def test_a_failed_phenotype_fails_the_lot_and_says_why(document):
    lot = document["lots"][0]
    assert lot["verdict"] == "FAIL"
    assert lot["verdict_reason"].startswith(
        "ISCT phenotype, transcript level: 90% (85% to 94%) of callable cells (60 of 60) agree"
    )
    found = attributes(document, lot["lot_id"])
    assert found["criterion_CD73"]["verdict"] == "FAIL"
    assert found["criterion_CD73"]["reason"].endswith("Cells of other lineages account for most of it.")
    assert "contaminants" in found["criterion_CD73"]["next_action"]


def test_a_gene_that_is_not_measured_is_not_assessable(document):
    found = attributes(document, "D1_control")["criterion_HLA-DR"]
    assert found["verdict"] == "NOT ASSESSABLE"
    assert found["value"] is None
    assert "not in the feature table" in found["reason"]


def test_purity_names_the_contaminant(document):
    found = attributes(document, "D1_control")["purity"]
    assert found["value"] == pytest.approx(0.1)
    assert "T cell 10%" in found["reason"]
    assert found["verdict"] == "WARN"  # 10 % is above the limit of 5 %, but the interval of 60 cells is not
    assert (found["low"], found["high"]) == (pytest.approx(0.0466, abs=1e-4), pytest.approx(0.2015, abs=1e-4))


def test_limits_come_from_the_config(tmp_path, document):
    assert attributes(document, "D1_control")["cells"]["verdict"] == "WARN"
    found = attributes(run(tmp_path, min_cells=50, fail_contaminants=0.04), "D1_control")
    assert found["purity"]["verdict"] == "FAIL"
    assert found["cells"]["verdict"] == "PASS"


def test_ambient_rna_that_could_not_be_estimated_is_not_assessable(document):
    assert attributes(document, "D3_primed")["ambient"]["verdict"] == "NOT ASSESSABLE"
    assert attributes(document, "D1_control")["ambient"]["value"] == pytest.approx(0.03)


def test_unstable_clusters_warn(document):
    found = attributes(document, "D1_control")["structure"]
    assert found["value"] == pytest.approx(40 / 54, rel=1e-4)
    assert found["verdict"] == "WARN"


def test_licensing_is_told_from_rest(document):
    primed, resting = (attributes(document, lot)["immune_licensed"] for lot in ("D1_primed", "D1_control"))
    assert (primed["verdict"], resting["verdict"]) == (
        "DESCRIBED",
        "DESCRIBED",
    )  # the sheet says that the lot was primed
    assert "Licensed genes are above the average of the lots of this study" in primed["reason"]
    assert primed["value"] == pytest.approx(5)


def test_a_signature_that_could_not_be_scored_is_left_out_of_the_bias(document):
    found = attributes(document, "D1_control")["trilineage"]
    assert "osteogenic +0.5, adipogenic +0.5" in found["reason"]
    assert "chondrogenic" not in found["reason"]


def test_every_attribute_has_words(document):
    for lot in document["lots"]:
        for attribute in lot["attributes"]:
            assert attribute["reason"].endswith(".")
            assert attribute["definition"].endswith(".")
            assert (attribute["verdict"] in {"PASS", "DESCRIBED"}) == (attribute["next_action"] == ""), attribute
    text = json.dumps(document).lower()
    assert "compliant" not in text
    assert "potent" not in text.replace("no potency assay", "").replace("potency assay", "").replace("multipotent", "")


def test_the_same_inputs_give_the_same_bytes(tmp_path, document):
    assert run(tmp_path) == document


def test_the_panel_s_limits_are_printed(document):
    found = attributes(document, "D1_control")
    assert found["criterion_CD73"]["threshold"] == "at least 95%"
    assert found["criterion_CD45"]["threshold"] == "at most 2%"
    assert passport.find_limits({"panel": "mine", "max_negative": 0.1}) == {
        "min_positive": 0.95,
        "max_negative": 0.1,
    }


def test_empty_tables_are_not_assessable_and_no_exception(tmp_path):
    tables = ("gate_table", "contaminants", "hidden", "stability", "composition", "signature_scores", "signatures")
    found = run(tmp_path, organism="mouse", empty=tables)
    assert {lot["verdict"] for lot in found["lots"]} == {"NOT ASSESSABLE"}
    verdicts = {name: a["verdict"] for name, a in attributes(found, "D1_control").items()}
    assert verdicts["phenotype"] == "NOT ASSESSABLE"
    assert verdicts["depth"] == "PASS"


def test_a_document_that_does_not_fit_is_refused(document):
    with pytest.raises(ValueError, match="verdict"):
        passport.validate(document | {"lots": [document["lots"][0] | {"verdict": "MAYBE"}]})


def test_with_a_reference_programmes_are_relative_to_it(tmp_path):
    study = write_study(tmp_path)
    scores = read_table(study.signature_scores, "signature_scores")
    lots = list(dict.fromkeys(scores["lot_id"]))
    given = {
        "reference": "reference marrow, version 0123456789ab",
        "version": "0123456789ab",
        "place": "inside",
        "p": 0.4,
    }
    given |= {
        "alpha": 0.05,
        "smallest_rate": 1 / 31,
        "alarm_stratum": "all lots",
        "alarm_lots": 30,
        "stratum": "all lots",
    }
    given |= {"n_lots": 30, "decided_by": "genes", "top": "", "tissue": "", "nearest_tissue": "", "depth": 1e6}
    given |= {"sentence": "Inside the 30 lots."}
    write_table(
        "reference_lots", pd.DataFrame([{"lot_id": lot} | given for lot in lots]), tmp_path / "reference_lots.tsv"
    )
    signatures = scores[["lot_id", "signature"]].assign(z=2.5, z_low=2.0, z_high=3.0, level=1.0, percentile=0.9)
    signatures = signatures.assign(low=0.0, high=2.0, stratum="all lots", n_lots=30)
    write_table("reference_signatures", signatures, tmp_path / "reference_signatures.tsv")
    study.placed = [tmp_path / "reference_lots.tsv", tmp_path / "reference_signatures.tsv"]
    output = SimpleNamespace(json=str(tmp_path / "passports.json"))
    params = SimpleNamespace(settings=default_settings("passport"), organism="human", culture="expanded", threads=1)
    write_passports.main(study, output, params)
    (lot, *_) = json.loads((tmp_path / "passports.json").read_text())["lots"]
    found = {one["name"]: one for one in lot["attributes"]}
    assert found["reference"]["value"] == 0.4
    known = [one for one in found.values() if one["unit"] == UNIT and one["value"] is not None]
    assert {one["value"] for one in known} == {2.5}
    of = "the average of 30 lots (all lots) of the reference marrow, version 0123456789ab"
    assert all(one["reason"].startswith(f"Against {of}, z: ") for one in known)
