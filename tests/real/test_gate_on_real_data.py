"""The gate on real cells whose kinds are known, and on cells drawn around real profiles."""

import sys

import gate_cases
import pytest
from gate_cases import SHARED_DATA, run_gate, write_case

pytestmark = pytest.mark.real


def real_case(tmp_path, name, label):
    import anndata

    path = SHARED_DATA / name / f"{name}.h5ad"
    if not path.exists():
        pytest.skip(f"{path} is missing; set MSCAPE_SHARED_DATA")
    data = anndata.read_h5ad(path)
    result = run_gate(*write_case(tmp_path, data.X, data.var_names))
    result.obs["kind"] = data.obs[label].astype(str).to_numpy()
    return result


def test_lung_stroma_is_indeterminate_and_everything_else_fails(tmp_path):
    result = real_case(tmp_path, "zilionis_lung300", "Major.cell.type")
    obs = result.obs
    stroma = obs["kind"].isin(["Fibroblasts", "Smooth muscle cells"])
    assert set(obs["isct_call"][stroma]) == {"indeterminate"}
    assert not (obs["isct_call"] == "pass").any()
    endothelial = obs[obs["kind"] == "Endothelial cells"]
    assert set(endothelial["isct_call"]) == {"fail"}
    assert set(endothelial["isct_identity"]) == {"endothelial"}
    assert "NEG_CD45" not in set(endothelial["isct_reason"])
    t_cells = obs[obs["kind"].str.match(r"^[bt](T|NK)")]
    assert len(t_cells) > 10
    assert not t_cells["isct_reason"].isin(["NEG_CD14|CD11b", "NEG_CD34", "NEG_CD79a|CD19"]).any()
    immune = obs[obs["kind"].str.match(r"^[bt](T|B|NK|Mo|Neu|Plasma|Mast|Baso|pDC)")]
    assert (immune["isct_call"] == "fail").all()
    assert (immune["isct_identity"][immune["kind"] == "tPlasma cells"] == "plasma cell").all()
    assert (immune["isct_identity"][immune["kind"] == "tMast cells"] == "mast cell or basophil").all()


def test_reasons_name_the_right_lineage_in_semi_real_cells(monkeypatch):
    if not (SHARED_DATA / "housman_ipsc_msc_osteo_pseudobulk").exists():
        pytest.skip(f"{SHARED_DATA} is missing; set MSCAPE_SHARED_DATA")
    monkeypatch.setattr(sys, "path", [str(gate_cases.REPO / "benchmarks" / "gating"), *sys.path])
    import methods
    import semireal

    cells = semireal.build(semireal.load(SHARED_DATA), seed=7, depth=5000, rho=0.05, donors=("H1", "H2"), n_msc=1000)
    calls = methods.Gate(gate_cases.MARKERS).run(cells).calls[~cells.truth["doublet"].to_numpy()]
    kinds = cells.truth["kind"][~cells.truth["doublet"]].to_numpy()
    for kind, name, wrong in (
        ("T", "T cell", {"NEG_CD14|CD11b", "NEG_CD34", "NEG_CD79a|CD19"}),
        ("B", "B cell", {"NEG_CD14|CD11b", "NEG_CD34"}),
        ("Mono", "myeloid cell", {"NEG_CD34", "NEG_CD79a|CD19"}),
        ("HUVEC", "endothelial", {"NEG_CD45", "NEG_CD14|CD11b", "NEG_CD79a|CD19"}),
        ("iPSC", "pluripotent", {"NEG_CD45", "NEG_CD34", "NEG_CD14|CD11b"}),
    ):
        own = calls[kinds == kind]
        assert (own["call"] == "fail").mean() >= 0.95, kind
        assert (own["identity"] == name).mean() >= 0.9, kind
        assert not wrong & set(own["reason"]), kind


def test_blood_fails_for_the_right_reason_and_absent_genes_are_open(tmp_path):
    result = real_case(tmp_path, "pbmc3k_labelled2638", "classified")
    obs = result.obs
    assert (obs["isct_call"] == "fail").mean() > 0.998
    assert not (obs["isct_call"] == "pass").any()
    lymphoid = obs[obs["kind"].str.contains("T|^B$|NK")]
    assert not lymphoid["isct_reason"].isin(["NEG_CD14|CD11b", "NEG_CD34"]).any()
    assert (lymphoid["isct_reason"] == "NEG_CD45").mean() > 0.98
    for kind, name in (("B", "B cell"), ("CD14+ Mono", "myeloid cell"), ("Naive CD4 T", "T cell"), ("NK", "NK cell")):
        assert (obs["isct_identity"][obs["kind"] == kind] == name).mean() > 0.9
    verdicts = result.table.set_index("criterion")
    for name in ("CD90", "CD34"):
        assert verdicts.loc[name, ["verdict", "reason"]].tolist() == ["not_assessable", "GENE_NOT_IN_REFERENCE"]


def test_cell_lines_are_told_by_their_lineage(tmp_path):
    obs = real_case(tmp_path, "pollen_celllines299", "sample_alias").obs
    for kind, names in (
        ("iPS", {"pluripotent"}),
        ("Kera", {"epithelial or keratinocyte"}),
        ("K562", {"erythroid cell"}),
        ("HL60", {"haematopoietic progenitor", "myeloid cell"}),
    ):
        cells = obs[obs["kind"] == kind]
        assert (cells["isct_call"] == "fail").all()
        assert set(cells["isct_identity"]) <= names
    assert set(obs["kind"][obs["isct_call"] == "pass"]) == {"BJ"}
