"""The gate before work: what was read of all samples is judged together, errors stop, and it is said in words."""

from types import SimpleNamespace

import pandas as pd
import pytest
from input_files import GENES, MARKERS, NOT_GIVEN
from lots import make_lot, write_h5ad
from odd_inputs import table

import load_counts
import review_inputs
from mscape.checks import study
from mscape.errors import UserError


def review(folder, paths):
    """Load samples and review them; return (findings, inputs) as written."""
    rows, raw = [], []
    for number, path in enumerate(paths):
        sample = f"s{number}"
        target = folder / f"{sample}.raw.h5ad"
        load_counts.main(
            SimpleNamespace(path=path, genes=GENES, orthologs=[]),
            SimpleNamespace(h5ad=target),
            SimpleNamespace(sample=sample, dataset="D", format="auto", organism="human", **NOT_GIVEN),
        )
        rows.append({"sample_id": sample, "path": str(path), "lot_id": sample})
        raw.append(target)
    output = SimpleNamespace(findings=folder / "findings.tsv", inputs=folder / "inputs.tsv")
    params = SimpleNamespace(rows=rows, dataset="D", organism="human")
    review_inputs.main(SimpleNamespace(raw=raw, markers=MARKERS), output, params)
    return [pd.read_csv(path, sep="\t", keep_default_na=False) for path in (output.findings, output.inputs)]


def lot_file(folder, name, seed, change=str):
    """A lot whose symbols are changed, as AnnData."""
    adata = make_lot(seed).annotated()
    adata.var = pd.DataFrame(index=[change(symbol) for symbol in make_lot(seed).symbols])
    return write_h5ad(folder / name, adata)


def test_what_was_read_is_said_and_warnings_are_kept(tmp_path):
    lot = make_lot(0)
    total = table(lot, tmp_path / "a.csv", extra={"Total": lot.counts.sum(1)})
    findings, inputs = review(tmp_path, [total])
    assert list(inputs.columns) == study.READING
    row = inputs.iloc[0]
    assert (row["cells"], row["genes"], row["counts"]) == (40, 400, lot.counts.sum())
    assert "Total" in row["left_out"]
    assert row["species"] == "human by its symbols"
    warnings = set(findings.loc[findings["level"] == "warning", "check"])
    assert "content" in warnings


def test_a_sample_without_any_gene_of_the_gate_stops_the_run(tmp_path):
    with pytest.raises(UserError, match="panel: not in the feature table"):
        review(tmp_path, [lot_file(tmp_path, "a.h5ad", 0, lambda symbol: f"zz{symbol}")])


def test_samples_that_share_no_genes_stop_the_run_before_work(tmp_path):
    paths = [lot_file(tmp_path, "a.h5ad", 0), lot_file(tmp_path, "b.h5ad", 0, lambda symbol: f"zz{symbol}")]
    with pytest.raises(UserError, match="0 of 400 genes are also in s0"):
        review(tmp_path, paths)


def test_a_prefix_is_no_reason_to_stop(tmp_path):
    paths = [lot_file(tmp_path, "a.h5ad", 0), lot_file(tmp_path, "b.h5ad", 1, lambda symbol: f"GRCh38-{symbol}")]
    findings, inputs = review(tmp_path, paths)
    assert "error" not in set(findings["level"])
    assert inputs.loc[1, "rewritten"] == "GRCh38 removed from 400 names"


@pytest.mark.parametrize("copied", [False, True])
def test_one_file_in_two_rows_stops_the_run(tmp_path, copied):
    path = lot_file(tmp_path, "a.h5ad", 0)
    other = tmp_path / "b.h5ad" if copied else path
    other.write_bytes(path.read_bytes())
    with pytest.raises(
        UserError, match="same cells: 40 of 40 barcodes are also in s0, 100% with equal counts"
    ) as caught:
        review(tmp_path, [path, other])
    assert ("same path: the same path as s0" in str(caught.value)) is not copied
