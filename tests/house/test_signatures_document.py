"""docs/reference/signatures.md is the registry as a table; `--fix` writes it anew."""

from itertools import groupby

from mscape.genes.registry import SCORED, load_markers

HEAD = """# Signatures

<!-- Generated from resources/markers.yaml by: pytest tests/house/test_signatures_document.py --fix -->

{n} gene sets, {scored} of them scored. **Use**: `score` and `confounder` sets are averaged, the others
(`annotate`, `control`) reported gene by gene. **Evidence**: A, the whole list read from its source; B, members
named in a source; C, curated here, to be checked against the literature before anyone rests a claim on it.
`__SIGNED`: minus its opposite set. `__DEPLETED`: without the genes shared with the sets named. Own sets
(`score.signature_files`: GMT or YAML) are scored beside them.

Attribution: MSigDB (Broad Institute, MIT and Regents of the University of California, CC BY 4.0), Gene Ontology
(CC BY 4.0), Mouse Genome Informatics (CC BY 4.0; `resources/orthologs_mouse.tsv`). Mouse genes are the 1:1 orthologs of
the human ones; `signatures.tsv` of a run lists those that have none.

Left out: the dissociation genes of van den Brink 2017 and the stem cluster of Leng 2022 (no licence found that allows
it), CellAge drivers (no direction, so no score), KEGG and BioCarta sets.
"""


def registry_document() -> str:
    markers = load_markers()
    entries = sorted(markers.signatures.items(), key=lambda item: list_axes(markers).index(item[1]["axis"]))
    parts = [HEAD.format(n=len(entries), scored=len(markers.scored()))]
    for axis, group in groupby(entries, key=lambda item: item[1]["axis"]):
        lines = ["| id | genes | use | direction | evidence | source | licence | read it with |", "|" + "---|" * 8]
        for key, entry in group:
            source = entry["source"] + (f", [{entry['doi']}](https://doi.org/{entry['doi']})" if "doi" in entry else "")
            notes = [entry["note"]] if "note" in entry else []
            if entry["use"] in SCORED:
                notes += [f"`{key}__SIGNED`: minus {entry['pair']}."] if "pair" in entry else []
                notes += [f"`{key}__DEPLETED`: without {', '.join(entry['without'])}."] if "without" in entry else []
            cells = [f"`{key}` {entry['name']}", len(entry["genes"]), entry["use"], entry["direction"]]
            cells += [entry["evidence"], source, entry["licence"].split(" (MSigDB")[0], " ".join(notes)]
            lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
        parts.append(f"## {axis.replace('_', ' ').capitalize()}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def list_axes(markers) -> list[str]:
    return list(dict.fromkeys(entry["axis"] for entry in markers.signatures.values()))


def test_the_table_of_signatures_is_that_of_the_registry(root, request):
    path = root / "docs/reference/signatures.md"
    if request.config.getoption("--fix"):
        path.write_text(registry_document(), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == registry_document(), (
        "docs/reference/signatures.md is stale: pytest tests/house/test_signatures_document.py --fix"
    )
