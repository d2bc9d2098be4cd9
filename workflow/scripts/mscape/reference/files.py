"""Names of the files of a reference: a run that is planned asks for them, and reads none."""

from __future__ import annotations

RECORD = "reference.json"
TABLES = ("lots.tsv", "sums.tsv.gz", "depth.tsv", "attributes.tsv")
FILES = (RECORD, *TABLES)
