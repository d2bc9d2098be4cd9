"""A page of the documentation has one purpose: guide, reference (generated) or benchmark (generated tables)."""

import re

import pytest

MARKER = re.compile(r"<!--.*(benchmark|table|generated)", re.IGNORECASE)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")


def pages(root):
    return [*(root / name for name in ("README.md", "CONTRIBUTING.md")), *sorted((root / "docs").rglob("*.md"))]


def anchors(text):
    """Anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(text, page):
    """Links of a page to files or headings that are not there."""
    dead = []
    for target, anchor in LINK.findall(text):
        file = page.parent / target if target else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file.read_text())):
            dead.append(f"{page.name}: {target}#{anchor}")
    return dead


def test_links_lead_to_files_and_headings(root):
    assert not [link for page in pages(root) for link in dead_links(page.read_text(), page)]


def test_a_dead_link_would_be_found(root):
    page = root / "README.md"
    for text in ("[x](docs/nothing.md)", "[x](docs/gating.md#no-such-heading)", "![x](docs/figures/nothing.svg)"):
        assert dead_links(text, page)
    assert not dead_links("[x](docs/input.md#formats) [y](https://doi.org/x)", page)


def test_pages_of_the_guide_hold_no_generated_tables(root):
    assert not [page.name for page in (root / "docs").glob("*.md") if MARKER.search(page.read_text())]
    assert MARKER.search((root / "docs/benchmarks/gating.md").read_text())


@pytest.mark.parametrize("folder", ["reference", "benchmarks"])
def test_a_generated_page_names_its_command(root, folder):
    for page in (root / "docs" / folder).glob("*.md"):
        assert re.search(r"(pytest|python) [\w{},/]+(\.py|/run\.py)|[Gg]enerated (from|by)", page.read_text()), (
            page.name
        )
