"""Data files are found from the package, wherever it is."""

from mscape import paths


def test_files_are_those_of_the_repository(root):
    assert paths.resource("markers.yaml") == root / "resources/markers.yaml"
    assert paths.schema("config.schema.yaml") == root / "workflow/schemas/config.schema.yaml"
    assert (paths.TEMPLATES / "report.html.j2").is_file()
