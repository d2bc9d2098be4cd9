"""Reference tables are text: what looks like a number or a missing value stays as it is written."""

import gzip

from mscape.data.reference_table import read_reference


def test_text_stays_text_and_comments_are_left_out(tmp_path):
    path = tmp_path / "a.tsv.gz"
    with gzip.open(path, "wt") as file:
        file.write("# source\ngene\tid\nNA\t007\n\t1.50\n")
    assert read_reference(path).to_dict("list") == {"gene": ["NA", ""], "id": ["007", "1.50"]}
