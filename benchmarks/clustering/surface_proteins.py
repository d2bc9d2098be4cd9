"""Write resources/surface_proteins.tsv from the Gene Ontology and NCBI Gene, as Bioconductor's org.Hs.eg.db holds them.

    python benchmarks/clustering/surface_proteins.py org.Hs.eg.sqlite

The file is in the Bioconductor package org.Hs.eg.db (extdata), which Debian packages as r-bioc-org.hs.eg.db. A gene is
listed if its protein lies in a membrane (GO:0031224 or below) and one of these holds: NCBI Gene lists a CD number for
it and it is annotated to the plasma membrane (GO:0005886); it is annotated to the cell surface (GO:0009986) or the
external side of the plasma membrane (GO:0009897) by an experiment or a curator; it is annotated to the plasma membrane
by an experiment. Electronic annotations (IEA) count for the membrane only.
"""

import argparse
import re
import sqlite3
import sys
from pathlib import Path

import pandas as pd
import yaml

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "resources" / "surface_proteins.tsv"
EXPERIMENT = {"EXP", "IDA", "IPI", "IMP", "IGI", "IEP", "HTP", "HDA", "HMP", "HGI", "HEP"}
CURATOR = {"TAS", "IC", "NAS", "ISS", "ISO", "ISA", "IBA", "RCA"}
INTRINSIC, PLASMA_MEMBRANE, SURFACE = "GO:0031224", "GO:0005886", ("GO:0009986", "GO:0009897")
CD = re.compile(r"CD\d+[A-Za-z]?\d?")
HEADER = """\
# Genes whose protein stands on the cell surface, to sort or stain cells by. Written by
# benchmarks/clustering/surface_proteins.py from org.Hs.eg.db {version} (Bioconductor, Artistic-2.0), which holds the
# Gene Ontology annotations of {go} (The Gene Ontology Consortium, CC BY 4.0, doi:10.1093/genetics/iyad031) and NCBI
# Gene of {ncbi} (public domain). CD numbers are names that NCBI Gene lists; those of the gate's markers are from
# resources/markers.yaml. evidence: "CD" the protein has a CD number and lies in the plasma membrane; "surface"
# annotated to the cell surface by an experiment or a curator; "membrane" annotated to the plasma membrane by an
# experiment, which says less: part of it may face inwards. Whether an antibody works is another question.
"""


def annotated(database: sqlite3.Connection, terms: tuple[str, ...], evidence: set[str] | None = None) -> set[int]:
    """Find the genes annotated to a term or to what is below it, by the given evidence codes or by any."""
    marks = ",".join("?" * len(terms))
    rows = database.execute(f"select _id, evidence from go_cc_all where go_id in ({marks})", terms)
    return {gene for gene, code in rows if evidence is None or code in evidence}


def cd_names(database: sqlite3.Connection, symbols: dict[int, str]) -> dict[int, str]:
    """Find the CD number of each gene that has one; several are joined by a slash."""
    found: dict[int, dict[str, str]] = {}
    for gene, alias in database.execute("select _id, alias_symbol from alias order by alias_symbol"):
        if CD.fullmatch(alias):
            found.setdefault(gene, {})[alias.upper()] = alias
    return {
        gene: symbols[gene] if CD.fullmatch(symbols[gene]) else "/".join(names.values())
        for gene, names in found.items()
    }


def main() -> None:
    """Read the database, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("database", type=Path, help="org.Hs.eg.sqlite")
    parser.add_argument("--version", default="3.16.0", help="of the package, for the header")
    options = parser.parse_args()
    database = sqlite3.connect(f"file:{options.database}?mode=ro", uri=True)
    dates = dict(database.execute("select name, value from metadata"))
    symbols = dict(database.execute("select _id, symbol from gene_info"))
    names = dict(database.execute("select _id, gene_name from gene_info"))

    cd = cd_names(database, symbols)
    registry = yaml.safe_load((ROOT / "resources" / "markers.yaml").read_text(encoding="utf-8"))
    own = {gene: entry["protein"] for panel in registry["panels"].values() for gene, entry in panel["positive"].items()}
    cd |= {gene: own[symbol] for gene, symbol in symbols.items() if CD.fullmatch(own.get(symbol, ""))}
    intrinsic, membrane = (annotated(database, (term,)) for term in (INTRINSIC, PLASMA_MEMBRANE))
    evidence = dict.fromkeys(annotated(database, (PLASMA_MEMBRANE,), EXPERIMENT), "membrane")
    evidence |= dict.fromkeys(annotated(database, SURFACE, EXPERIMENT | CURATOR), "surface")
    evidence |= dict.fromkeys(set(cd) & membrane, "CD")

    known = pd.read_csv(ROOT / "resources" / "genes.tsv", sep="\t").set_index("gene_id")["symbol"]
    listed = set(known)
    current = {gene: symbol for gene, symbol in symbols.items() if symbol in listed}
    for gene, ensembl in database.execute("select _id, ensembl_id from ensembl"):
        if ensembl in known.index:
            current.setdefault(gene, known[ensembl])
    rows = [
        (current[gene], cd.get(gene, names[gene]), kind)
        for gene, kind in evidence.items()
        if gene in intrinsic and gene in current
    ]
    table = pd.DataFrame(rows, columns=["gene", "protein", "evidence"]).drop_duplicates("gene").sort_values("gene")
    header = HEADER.format(version=options.version, go=dates["GOSOURCEDATE"], ncbi=dates["EGSOURCEDATE"])
    TABLE.write_text(header + table.to_csv(sep="\t", index=False, lineterminator="\n"), encoding="utf-8")
    sys.stdout.write(f"{len(table)} genes: {table['evidence'].value_counts().to_dict()}\n")


if __name__ == "__main__":
    main()
