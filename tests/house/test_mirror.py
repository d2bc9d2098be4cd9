"""Each module has its tests in a file of its name; else it is listed here with the file that has them, and why."""

import ast

import pytest

from mscape.run import source_digest

SETTINGS = "settings only: held equal to the schema"
IN_STEP = "its functions are parts of one step, whose tests call them on files with a known answer"
ON_FILES = "readers are tested together, on files of every kind"
ON_PAGE = "a section is tested on the page that it is part of"
TOGETHER = "its functions are tested with those that they serve"
SECTIONS = ("alerts", "annotations", "clusters", "comparison", "confounders", "explore", "identity", "lots")
SECTIONS += ("methods", "passports", "purity", "quality", "scores", "summary", "truth")
INSIDE = {  # module -> file with its tests, and why it has none of its own
    "backends/contract.py": ("backends/test_active.py", TOGETHER),
    "backends/cpu.py": ("backends/test_active.py", "every test runs on it; this one compares backends"),
    "backends/gpu.py": ("backends/test_active.py", "needs a card, or its stand-in"),
    "checks/chemistry.py": ("steps/test_check_inputs.py", IN_STEP),
    "checks/duplicates.py": ("steps/test_check_inputs.py", IN_STEP),
    "checks/findings.py": ("steps/test_check_inputs.py", IN_STEP),
    "checks/inspect.py": ("steps/test_check_inputs.py", IN_STEP),
    "checks/study.py": ("steps/test_check_inputs.py", IN_STEP),
    "clustering/remarks.py": ("steps/test_cluster_cells.py", IN_STEP),
    "clustering/cluster.py": ("steps/test_cluster_cells.py", IN_STEP),
    "clustering/discriminant.py": ("clustering/test_gap_test.py", TOGETHER),
    "clustering/marker_separation.py": ("clustering/test_gap_test.py", TOGETHER),
    "clustering/marker_sums.py": ("steps/test_rank_markers.py", IN_STEP),
    "clustering/marker_values.py": ("steps/test_rank_markers.py", IN_STEP),
    "clustering/options.py": ("house/test_options.py", SETTINGS),
    "clustering/rank_genes.py": ("steps/test_rank_markers.py", IN_STEP),
    "comparison/compare.py": ("steps/test_compare_groups.py", IN_STEP),
    "comparison/options.py": ("house/test_options.py", SETTINGS),
    "data/json_file.py": ("data/test_checksum.py", TOGETHER),
    "diffing/runs.py": ("diffing/test_diff.py", TOGETHER),
    "embedding/embed.py": ("steps/test_embed_cells.py", IN_STEP),
    "embedding/options.py": ("house/test_options.py", SETTINGS),
    "embedding/umap.py": ("steps/test_compute_umap.py", IN_STEP),
    "export/cellxgene.py": ("steps/test_export_cellxgene.py", IN_STEP),
    "export/layers.py": ("steps/test_assemble_dataset.py", IN_STEP),
    "gating/calibration.py": ("gating/test_gating_units.py", TOGETHER),
    "gating/calls.py": ("steps/test_gate_reasons.py", IN_STEP),
    "gating/contaminants.py": ("gating/test_gating_units.py", TOGETHER),
    "gating/gate.py": ("steps/test_gate_msc.py", IN_STEP),
    "gating/gate_genes.py": ("steps/test_gate_msc.py", IN_STEP),
    "gating/hidden_subset_test.py": ("gating/test_gating_units.py", TOGETHER),
    "gating/intervals.py": ("gating/test_gating_units.py", TOGETHER),
    "gating/lineages.py": ("steps/test_gate_msc.py", IN_STEP),
    "gating/lots.py": ("steps/test_gate_msc.py", IN_STEP),
    "gating/lot_copies.py": ("gating/test_certificate.py", TOGETHER),
    "gating/options.py": ("house/test_options.py", SETTINGS),
    "gating/panels.py": ("gating/test_gating_units.py", TOGETHER),
    "gating/pool_groups.py": ("steps/test_gate_msc.py", IN_STEP),
    "gating/pooling.py": ("gating/test_gating_units.py", TOGETHER),
    "gating/posterior.py": ("gating/test_gating_units.py", TOGETHER),
    "gating/reasons.py": ("steps/test_gate_reasons.py", IN_STEP),
    "gating/resolution.py": ("gating/test_hidden_subset_bound.py", TOGETHER),
    "genes/names.py": ("genes/test_registry.py", TOGETHER),
    "in_memory.py": ("test_api.py", TOGETHER),
    "io/download/fetch.py": ("steps/test_fetch_sample.py", IN_STEP),
    "io/download/transfer.py": ("steps/test_fetch_sample.py", IN_STEP),
    "io/download/urls.py": ("steps/test_fetch_sample.py", IN_STEP),
    "io/formats/archives.py": ("steps/test_load_counts.py", ON_FILES),
    "io/formats/count_table.py": ("io/test_sparse_files.py", ON_FILES),
    "io/formats/detect.py": ("steps/test_load_counts.py", ON_FILES),
    "io/formats/evidence.py": ("io/test_odd_inputs.py", ON_FILES),
    "io/formats/features.py": ("steps/test_load_counts.py", ON_FILES),
    "io/formats/h5ad.py": ("steps/test_load_counts.py", ON_FILES),
    "io/formats/matrix_market.py": ("steps/test_load_counts.py", ON_FILES),
    "io/formats/name_files.py": ("io/test_odd_inputs.py", ON_FILES),
    "io/formats/tenx.py": ("steps/test_load_counts.py", ON_FILES),
    "io/formats/text.py": ("steps/test_load_counts.py", ON_FILES),
    "io/read.py": ("io/test_sparse_files.py", ON_FILES),
    "numbers.py": ("passports/test_sentences.py", TOGETHER),
    "passports/document.py": ("passports/test_sentences.py", TOGETHER),
    "passports/identity_rules.py": ("passports/test_rules.py", TOGETHER),
    "passports/options.py": ("house/test_options.py", SETTINGS),
    "passports/passport.py": ("steps/test_write_passports.py", IN_STEP),
    "passports/quality_rules.py": ("passports/test_rules.py", TOGETHER),
    "passports/reporting_items.py": ("steps/test_write_passports.py", IN_STEP),
    "passports/score_rules.py": ("passports/test_rules.py", TOGETHER),
    "quality/dying_cells.py": ("steps/test_qc_cells.py", IN_STEP),
    "quality/merge.py": ("steps/test_merge_samples.py", IN_STEP),
    "quality/metrics.py": ("steps/test_qc_cells.py", IN_STEP),
    "quality/options.py": ("house/test_options.py", SETTINGS),
    "quality/qc.py": ("steps/test_qc_cells.py", IN_STEP),
    "quality/sex.py": ("steps/test_qc_cells.py", IN_STEP),
    "reference/files.py": ("reference/test_folder.py", "names of files alone"),
    "reference/options.py": ("house/test_options.py", SETTINGS),
    "reference/sentences.py": ("reference/test_placing.py", TOGETHER),
    "report/cell_map.py": ("steps/test_render_report.py", IN_STEP),
    "report/charts/curves.py": ("steps/test_render_report.py", IN_STEP),
    "report/charts/enrichment.py": ("report/sections/test_enrichment.py", ON_PAGE),
    "report/charts/svg.py": ("steps/test_render_report.py", IN_STEP),
    "report/charts/upset.py": ("steps/test_render_report.py", IN_STEP),
    "report/context.py": ("report/test_report_numbers.py", ON_PAGE),
    "report/dataset.py": ("report/test_report_numbers.py", ON_PAGE),
    "report/numbers.py": ("steps/test_render_report.py", IN_STEP),
    "report/options.py": ("house/test_options.py", SETTINGS),
    "report/page.py": ("steps/test_render_report.py", IN_STEP),
    "report/paper_figures.py": ("steps/test_render_report.py", IN_STEP),
    **{f"report/sections/{name}.py": ("steps/test_render_report.py", ON_PAGE) for name in SECTIONS},
    "report/statement.py": ("steps/test_diff.py", IN_STEP),
    "report/charts/control.py": ("steps/test_track_lots.py", ON_PAGE),
    "report/tables.py": ("report/test_report_numbers.py", ON_PAGE),
    "run/study.py": ("runs/test_workflow.py", "what rules ask is tested by dry runs of the rules"),
    "tracking/lots.py": ("tracking/test_track.py", TOGETHER),
    "tracking/options.py": ("house/test_options.py", SETTINGS),
    "scoring/cluster_names.py": ("steps/test_name_clusters.py", IN_STEP),
    "scoring/control_genes.py": ("scoring/test_methods.py", TOGETHER),
    "scoring/dataset.py": ("steps/test_score_signatures.py", IN_STEP),
    "scoring/enrichment_tables.py": ("steps/test_enrich_clusters.py", IN_STEP),
    "scoring/gene_sets.py": ("steps/test_score_signatures.py", IN_STEP),
    "scoring/kernels.py": ("scoring/test_methods.py", TOGETHER),
    "scoring/options.py": ("house/test_options.py", SETTINGS),
    "scoring/reference_cells.py": ("steps/test_score_signatures.py", IN_STEP),
    "scoring/score.py": ("steps/test_score_signatures.py", IN_STEP),
    "scoring/tables.py": ("steps/test_score_signatures.py", IN_STEP),
    "simulation/cells.py": ("simulation/test_model.py", TOGETHER),
    "simulation/counts.py": ("simulation/test_model.py", TOGETHER),
    "simulation/evaluate.py": ("steps/test_evaluate_simulation.py", IN_STEP),
    "simulation/options.py": ("house/test_options.py", SETTINGS),
    "simulation/rates.py": ("simulation/test_model.py", TOGETHER),
    "simulation/truth.py": ("steps/test_evaluate_simulation.py", IN_STEP),
}


def without_a_file(root):
    """Modules without a test file of their name, relative to the package."""
    home = root / "workflow/scripts/mscape"
    modules = [file.relative_to(home) for file in home.rglob("*.py") if file.name != "__init__.py"]
    return {str(one) for one in modules if not (root / "tests" / one.with_name(f"test_{one.name}")).is_file()}


def reached(root, test):
    """Modules that a test file, or the script that it tests, imports directly or through others."""
    folder = root / "workflow/scripts"
    found, new = set(), {root / "tests" / test, folder / test.rpartition("/test_")[2]}
    while new:
        found |= new
        files = [one for one in new if one.is_file()]
        places = (folder, root / "tests/support")
        new = {file for one in files for place in places for file in source_digest._imported(one, place)} - found
    return {str(file.relative_to(folder / "mscape")) for file in found if file.is_relative_to(folder / "mscape")}


def test_modules_without_a_test_file_of_their_name_are_listed(root):
    assert without_a_file(root) == set(INSIDE)


@pytest.mark.parametrize("test", sorted({test for test, why in INSIDE.values() if why != SETTINGS}))
def test_the_file_named_instead_reaches_the_module(root, test):
    if test == "runs/test_workflow.py":  # by the rules
        pytest.skip("starts Snakemake, which imports the module")
    wanted = {module for module, (file, why) in INSIDE.items() if file == test and why != SETTINGS}
    assert wanted <= reached(root, test)


def test_settings_are_among_those_that_are_compared_with_the_schema(root):
    text = (root / "tests/house/test_options.py").read_text()
    for module, (_, why) in INSIDE.items():
        if why == SETTINGS:
            assert module.removesuffix(".py").replace("/", ".") in text


def test_each_step_has_a_test_of_its_name(root):
    steps = {file.stem for file in (root / "workflow/scripts").glob("*.py")}
    assert {file.stem.removeprefix("test_") for file in (root / "tests/steps").glob("test_*.py")} >= steps


def test_a_module_without_tests_would_be_found(root, tmp_path):
    for name in (
        "workflow/scripts/mscape/gating/new.py",
        "workflow/scripts/mscape/gating/old.py",
        "tests/gating/test_old.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1")
    assert without_a_file(tmp_path) == {"gating/new.py"}
    assert "gating/new.py" not in reached(root, "steps/test_gate_msc.py")


def test_public_functions_of_the_package_are_named_in_tests(root):
    from mscape import VERBS

    used = {
        node.attr
        for file in (root / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ms"
    }
    assert used >= set(VERBS) - {"read"} | {"pl"}
