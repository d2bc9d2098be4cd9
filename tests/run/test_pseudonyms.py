"""Codes of donors, samples and lots: stable, not to be guessed; a run stops where a name would still be shown."""

import hashlib

import pytest

from mscape.data.schema import load_schema
from mscape.errors import UserError
from mscape.run import config, pseudonyms
from mscape.run.pseudonyms import Pseudonyms, find_names, refuse_names

CONFIG = {"report": {"pseudonyms": True}, "datasets": {"d": {"samples": "sheet.tsv"}}}
HEAD = "sample_id\tpath\tlot_id\tdonor_id\tbatch\n"
SHEET = HEAD + "Smith.1\tcounts of Smith.h5ad\tL-1\tSmith\tb1\nSmith.2\tx\t\tunknown\tb2\n"


@pytest.fixture
def study(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def conceal(given=CONFIG, sheet=SHEET):
        (tmp_path / "sheet.tsv").write_text(sheet)
        (tmp_path / "counts of Smith.h5ad").touch()
        (tmp_path / "x").mkdir(exist_ok=True)
        schema, rows = (load_schema(root / f"workflow/schemas/{name}.schema.yaml") for name in ("config", "samples"))
        resolved = config.resolve(given, schema, folder=tmp_path)
        sheets = {"d": config.read_sheet(tmp_path / "sheet.tsv", schema=rows)}
        names = pseudonyms.conceal_study(resolved, sheets, tmp_path)
        return sheets["d"], resolved, names

    return conceal


def test_a_sheet_is_left_alone_unless_it_is_asked_for(study, tmp_path):
    sheet, _, names = study({"datasets": {"d": {"samples": "sheet.tsv"}}})
    assert (list(sheet["donor_id"]), names) == (["Smith", "unknown"], [])
    assert not (tmp_path / "pseudonyms.tsv").exists()
    assert not (tmp_path / "data").exists()


def test_codes_stand_for_names_and_links_for_paths(study, tmp_path):
    sheet, _, names = study()
    assert names == ["Smith.1", "Smith.2", "Smith", "L-1"]
    assert list(sheet.index) == list(sheet["sample_id"])
    assert list(sheet["donor_id"].str[:6]) == ["donor-", "unknow"]
    assert sheet["lot_id"].str.match(r"lot-[0-9a-f]{8}$").all()
    first, second = sheet.index
    assert list(sheet["path"]) == [f"data/d/{first}/counts.h5ad", f"data/d/{second}/counts"]
    assert (tmp_path / f"data/d/{first}/counts.h5ad").readlink() == tmp_path / "counts of Smith.h5ad"
    key = (tmp_path / "pseudonyms.tsv").read_text().splitlines()
    assert key[0] == "kind\tid\tcode"
    assert f"sample\tSmith.1\t{first}" in key
    assert len(key) == 1 + 5  # two samples, two lots, one donor


def test_codes_follow_from_the_sheet_and_stay_when_it_grows(study, tmp_path):
    first = study()[0]
    (tmp_path / "pseudonyms.tsv").unlink()
    assert study()[0].equals(first)
    longer = study(sheet=SHEET + "Smith.3\tx\tL-1\tSmith\tb1\n")[0]
    assert longer.iloc[:2].equals(first)
    assert longer.iloc[2]["donor_id"] == first.iloc[0]["donor_id"]
    (tmp_path / "pseudonyms.tsv").unlink()
    assert study(sheet=SHEET.replace("b1", "b3"))[0]["donor_id"].iloc[0] != first["donor_id"].iloc[0]


def test_a_comment_of_random_text_keeps_names_from_being_tried(study, tmp_path):
    plain, resolved, _ = study()
    (tmp_path / "pseudonyms.tsv").unlink()
    salted, salted_config, _ = study(sheet=f"{SHEET}# 5f0c7d1e9b\n")
    for column in ("sample_id", "lot_id", "donor_id"):
        known = plain[column] != "unknown"
        assert (plain[column].to_numpy() != salted[column].to_numpy())[known.to_numpy()].all()
    assert salted_config == resolved  # and nothing of the comment goes further
    assert "5f0c7d1e9b" not in salted.to_csv()


def test_a_code_does_not_follow_from_the_name_alone(study):
    code = study()[0]["donor_id"].iloc[0].removeprefix("donor-")
    for text in ("Smith", "donor\0Smith", "donorSmith", "donor-Smith"):
        assert not hashlib.sha256(text.encode()).hexdigest().startswith(code)


def test_two_names_never_share_a_code(tmp_path, monkeypatch):
    monkeypatch.setattr(pseudonyms.hmac, "new", lambda *_: hashlib.sha256(b"the same for all"))
    codes = Pseudonyms(tmp_path / "key.tsv", {"d": b""})
    first, second = codes.code("donor", "A"), codes.code("donor", "B")
    assert second.startswith(first)
    assert len(second) == len(first) + 1


@pytest.mark.parametrize(
    ("sheet", "more", "said"),
    [
        (SHEET.replace("b1", "b_smith"), {}, "sheet.batch: 'b_smith' holds 'smith'"),
        ("sample_id\tpath\tdonor_id\tcells\nS-one\tx\tD1\tdonor_id=D1\n", {}, "sheet.cells: 'donor_id=D1' holds 'D1'"),
        (SHEET, {"title": "Cells of SMITH"}, "title: 'Cells of SMITH' holds 'SMITH'"),
        (SHEET, {"report": {"pseudonyms": True, "contact": "L-1"}}, "report.contact: 'L-1' holds 'L-1'"),
        (SHEET.replace("\tx\t", "\tgeo:GSM1:a.h5\t"), {}, "the path of Smith.2 is an address"),
        (SHEET.replace("\tx\t", "\ty\t"), {}, "d/Smith.2: no file or folder at"),
    ],
)
def test_a_name_that_would_be_shown_stops_the_run(study, tmp_path, sheet, more, said):
    with pytest.raises(UserError) as error:
        study(CONFIG | more, sheet)
    assert said in str(error.value)
    assert not (tmp_path / "pseudonyms.tsv").exists()


def test_labels_of_ones_own_are_refused(study, tmp_path):
    (tmp_path / "labels.tsv").write_text("barcode\tcell_type\n")
    with pytest.raises(UserError, match="annotations name samples as the sheet does"):
        study(CONFIG | {"datasets": {"d": {"samples": "sheet.tsv", "annotations": "labels.tsv"}}})


def test_lots_of_a_reference_are_named_by_their_codes(study):
    sheet, resolved, _ = study(CONFIG | {"reference": {"lots": ["L-1"]}})
    assert resolved["datasets"]["d"]["reference"]["lots"] == [sheet["lot_id"].iloc[0]]


@pytest.mark.parametrize("text", ["kind\tid\nx\ty\n", 'kind\tid\tcode\ndonor\t"Smith\td', "a\tb\tc\n1\t2\t3\n"])
def test_a_damaged_key_is_said(study, tmp_path, text):
    (tmp_path / "pseudonyms.tsv").write_text(text)
    with pytest.raises(UserError, match="is not the table of codes"):
        study()


def test_names_are_found_as_words_only():
    texts = ["SMITHSON", "a_Smith", "Smith2", "x smith.", "L-1-ACGT", "L-10"]
    assert [text for text, _ in find_names(texts, ["Smith", "L-1"])] == ["a_Smith", "x smith.", "L-1-ACGT"]
    assert list(find_names(texts, [])) == []


def test_cells_named_after_a_donor_are_refused():
    with pytest.raises(UserError) as error:
        refuse_names("counts.h5", {"cells": [*(f"Smith_{i}" for i in range(100)), "ACGT"]}, ["Smith"])
    lines = str(error.value).splitlines()
    assert lines[1] == "  - cells: 'Smith_0' holds 'Smith'"
    assert lines[-1] == "  - and 80 more"
    assert len(lines) == 1 + 20 + 1
