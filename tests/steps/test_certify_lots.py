"""The step judges the copies that ``mscape.certify`` judges."""

from types import SimpleNamespace

import gate_cases
import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData
from toy_study import default_settings

import certify_lots
import embed_cells
import gate_msc
import mscape as ms
from mscape.data import counts
from mscape.data.table_io import read_table


def test_the_step_and_the_public_function_give_the_same_table(tmp_path):
    matrix, genes, _ = gate_cases.toy_cells({"MSC": 90, "T": 30}, depth=8000, seed=3)
    adata = AnnData(sp.csr_matrix(matrix).astype(np.int32), var=pd.DataFrame({"gene_id": ""}, index=genes))
    adata.obs_names = [f"c{i}" for i in range(120)]
    adata.obs["lot_id"] = adata.obs["sample_id"] = pd.Categorical(["mixed"] * 120)
    adata.obs["total_counts"] = np.asarray(adata.X.sum(axis=1)).ravel().astype(float)
    counts.write(adata, tmp_path / "counts.h5ad")
    files = {name: tmp_path / f"{name}.tsv" for name in ("table", "contaminants", "hidden", "flow_agreement")}
    given = SimpleNamespace(
        h5ad=tmp_path / "counts.h5ad",
        embedding=tmp_path / "embedding.h5ad",
        gate=tmp_path / "gate.h5ad",
        gate_table=files["table"],
        markers=gate_cases.MARKERS,
    )
    common = {"organism": "human", "culture": "expanded", "seed": 0, "threads": 1}
    scope = {"settings": default_settings("embed"), "cluster": default_settings("cluster"), "scope": "all"}
    embed_cells.main(given, SimpleNamespace(h5ad=given.embedding), SimpleNamespace(**scope, **common))
    settings = SimpleNamespace(settings=default_settings("gate"), **common)
    gate_msc.main(given, SimpleNamespace(h5ad=given.gate, **files), settings)
    certify_lots.main(given, SimpleNamespace(table=tmp_path / "certificate.tsv"), settings)
    ms.gate(adata, culture="expanded")
    written = read_table(tmp_path / "certificate.tsv", "certificate")
    assert len(written) >= 5
    pd.testing.assert_frame_equal(written, ms.certify(adata), check_dtype=False)
