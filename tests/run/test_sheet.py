"""A sample sheet is read by explicit rules: no value is lost, and no column takes the place of a result."""

import random

import pytest

from mscape.data.schema import load_schema
from mscape.errors import UserError
from mscape.run import config, sheet


def write(folder, text, name="samples.tsv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_hash_in_a_value_or_a_header_is_a_character(tmp_path):
    text = "# my samples\nsample_id\tpath\tpassage #\tdonor_id\nA\tLot#3/a.h5ad\t4\tdonor #1\n#B\tx\t\t\nC\tc\t\tD2\n"
    rows = sheet.read_rows(write(tmp_path, text))
    assert list(rows.columns) == ["sample_id", "path", "passage #", "donor_id"]
    assert rows.to_numpy().tolist() == [["A", "Lot#3/a.h5ad", "4", "donor #1"], ["C", "c", "", "D2"]]
    assert list(rows.index) == [3, 5]


@pytest.mark.parametrize("mark", ["\t", ";", ","])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_separators_and_encodings(tmp_path, mark, encoding):
    text = f'sample_id{mark}path{mark}condition\r\nA{mark}a.h5ad{mark}"5 mg{mark} daily"\r\n'
    rows = sheet.read_rows(write(tmp_path, text.encode(encoding)))
    assert rows.to_numpy().tolist() == [["A", "a.h5ad", f"5 mg{mark} daily"]]


def test_a_header_may_begin_with_a_hash(tmp_path):
    assert sheet.read_rows(write(tmp_path, "#sample_id\tpath\nA\tx\n")).to_numpy().tolist() == [["A", "x"]]


@pytest.mark.parametrize(
    "name",
    [
        "isct_call",
        "leiden",
        "phase",
        "dataset_id",
        "total_counts",
        "doublet_score",
        "_index",
        "Leiden",
        "isct_p_X",
        "qc",
    ],
)
def test_names_of_results_are_refused(tmp_path, name):
    with pytest.raises(UserError, match=f"column {name!r} is the name of a result"):
        sheet.read_rows(write(tmp_path, f"sample_id\tpath\t{name}\nA\tx\ty\n"))


@pytest.mark.parametrize("name", ["donor_id", "tissue", "batch", "age", "my_leiden", "clinic"])
def test_other_names_are_kept(tmp_path, name):
    assert name in sheet.read_rows(write(tmp_path, f"sample_id\tpath\t{name}\nA\tx\ty\n")).columns


def test_all_faults_of_rows_and_names_are_listed(tmp_path):
    text = "sample_id\tpath\tage/years\t.\tx\tX\nA\ta\t3\t1\t1\t1\nB\tb\nC\tc\t3\t1\t1\t1\tmore\nD\td\t3\t1\t1\t1\t\n"
    with pytest.raises(UserError) as caught:
        sheet.read_rows(write(tmp_path, text))
    said = str(caught.value)
    assert "has 6 faults" in said
    assert "column 'age/years': a name may not hold '/' or be '.'; rename it, e.g. 'age_years'" in said
    assert "column 'X' is in the header more than once" in said
    assert "line 3 has 2 fields, the header 6: separate them with tabs, also empty ones" in said
    assert "line 4 has 7 fields, the header 6: no column for 'more'" in said
    assert "line 5" not in said


def test_a_workbook_is_refused_with_the_way_out(tmp_path):
    with pytest.raises(UserError, match=r"is a workbook\. Save its first sheet as text"):
        sheet.read_rows(write(tmp_path, b"PK\x03\x04....", "samples.xlsx"))


@pytest.mark.parametrize(("folder", "name"), [("a", "Lot {x}/a.h5ad"), ("a", "{dataset}.csv"), ("my {x}", "a.csv")])
def test_braces_in_a_path_are_refused_before_work(tmp_path, root, folder, name):
    (tmp_path / folder).mkdir()
    path = write(tmp_path / folder, f"sample_id\tpath\nA\t{name}\n")
    with pytest.raises(UserError) as caught:
        config.read_sheet(path, schema=load_schema(root / "workflow/schemas/samples.schema.yaml"))
    assert f"line 2: path {str(tmp_path / folder / name)!r} holds braces, which Snakemake fills in" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('S1\ta.h5\t"L1\tD1\nS2\tb.h5\tL2"\tD2\n', "line 2: a quote that opens or ends a field has no counterpart"),
        ('S1\ta.h5\t"5" plate\tD1\n', "line 2: a quote that opens or ends a field has no counterpart"),
        ("S1\ta.h5\tL1\tD1\tx\n", "line 2 has 5 fields, the header 4: no column for 'x'"),
        ("S1\ta.h5\tL1\n", "line 2 has 3 fields, the header 4"),
        ("S1\ta.h5\tL\0\tD1\n", r"line 2: 'L\\x00' holds a character that is no text"),
        ("S1\ta.h5\tL\x1b[31m\tD1\n", "holds a character that is no text"),
        ("S1\ta.h5\tL\x1c1\tD1\n", "holds a character that is no text"),
    ],
)
def test_rows_that_cannot_be_read_as_written_are_refused_with_their_line(tmp_path, text, fault):
    with pytest.raises(UserError, match=fault):
        sheet.read_rows(write(tmp_path, "sample_id\tpath\tlot_id\tdonor_id\n" + text))


def test_no_accepted_sheet_holds_other_text_than_was_written(tmp_path):
    """Random fields of characters that a dialect would take for something."""
    rng, accepted = random.Random(0), 0
    letters = "aB1 #\"'\\{};,%@\u00e9\u4e2d\u2028\x85.-/"
    for _ in range(500):
        mark = rng.choice(["\t", "\t", ",", ";"])
        rows = [["".join(rng.choices(letters, k=rng.randrange(5))) for _ in range(4)] for _ in range(3)]
        body = "".join(mark.join(row) + rng.choice(["", "", mark]) + "\n" for row in rows)
        path = write(tmp_path, mark.join(["sample_id", "path", "lot_id", "donor_id"]) + "\n" + body)
        try:
            got = sheet.read_rows(path)
        except UserError:
            continue
        accepted += 1
        for number, values in zip(got.index, got.to_numpy().tolist(), strict=True):
            line = body.split("\n")[number - 2].rstrip("\n")
            given = line.split(mark)
            if any(one[:1] == '"' and not (len(one) > 1 and one[-1] == '"') for one in given):
                continue  # a quoted field that holds the mark
            fields = [one[1:-1].replace('""', '"') if one[:1] == '"' else one for one in given]
            assert values == [one.strip() for one in fields[:4]], line
        skipped = [line for line in body.split("\n") if not line.strip(f" {mark}\u2028\x85") or line.startswith("#")]
        assert len(got) >= 3 - len(skipped) + 1
    assert accepted > 100
