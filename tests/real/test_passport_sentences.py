"""No sentence of a passport of real cells is false: each claim is computed again from the tables of its run."""

import anndata
import numpy as np
import pytest
from passport_sentences import find_false, from_memory

import mscape as ms

pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    ("name", "culture", "lots"),
    [
        ("pbmc3k_labelled2638", "fresh", None),  # no MSC; CD90 and CD34 are not in the file
        ("zilionis_lung300", "fresh", None),  # shallow
        ("pollen_celllines299", "expanded", "cell line"),  # lots of 8 to 54 cells, without mitochondrial genes
        ("scmix_sc_dropseq", "expanded", None),
        ("geact_diaphragm", "fresh", None),
    ],
)
def test_no_sentence_is_false(shared_data, name, culture, lots):
    path = shared_data / name
    if not path.exists():
        pytest.skip(f"{path} is missing")
    file = path / f"{name}.h5ad"
    adata = anndata.read_h5ad(file) if file.exists() else ms.read(path / "counts.txt.gz")
    if lots is None:
        adata.obs["lot_id"] = np.where(np.arange(adata.n_obs) % 3 == 0, "A", "B")
    else:
        label = next(column for column in adata.obs if 4 < adata.obs[column].nunique() < 20)
        adata.obs["lot_id"] = adata.obs[label].astype(str)
    adata.obs["sample_id"] = adata.obs["lot_id"]
    adata.obs_names_make_unique()
    ms.qc(adata)
    ms.embed(adata)
    ms.gate(adata, culture=culture)
    ms.cluster(adata)
    ms.score(adata)
    ms.passport(adata)
    document, given = from_memory(adata, culture=culture)
    assert len(document["lots"]) == adata.obs.loc[adata.obs["qc"] == "pass", "lot_id"].nunique()
    faults = [fault for lot in document["lots"] for fault in find_false(lot, given)]
    assert not faults, "\n".join(faults[:20])
