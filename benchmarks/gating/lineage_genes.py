"""Screen the genes of the lineage panels against stroma: ``python benchmarks/gating/lineage_genes.py [--docs]``.

A gene that cultured stroma expresses by itself does not belong into a panel that fails a cell. The rate of each panel
gene is looked up in published profiles: cultured MSC of ten kinds and two single-cell studies, other cultured stroma
(osteogenic cells, fibroblasts over their passages, smooth muscle, stellate cells) and fibroblasts dissociated from
tissue, which carry ambient RNA of other cells. With ``--docs`` the table becomes docs/benchmarks/lineage_panels.md.
Ends with an error if a gene of a panel that fails is above a third of the panel's threshold in cultured stroma.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

REPO = Path(__file__).parents[2]
sys.path.insert(0, str(REPO / "workflow" / "scripts"))
ALLOWED = 1 / 3  # of a panel's threshold, in cultured stroma
MIXED = ("Membrane",)  # cultures that hold epithelium: "Amniotic Membrane", "Chorionic Membrane"
OF_CARTILAGE = ("Chondro", "Pulposus")
GROUPS = ("cultured MSC", "other cultured stroma", "fibroblasts from tissue")


def cpm(counts: pd.Series) -> pd.Series:
    """Sum a profile over repeated symbols, as counts per million."""
    summed = counts.groupby(level=0).sum()
    return summed / summed.sum() * 1e6


@cache
def references(folder: Path) -> dict[str, dict[str, pd.Series]]:
    """Read the profiles: group -> name -> rates in CPM (tags per million, for FANTOM5).

    Parameters
    ----------
    folder
        Of the public data.
    """
    import anndata

    bulk = pd.read_csv(folder / "bulk_ucmsc_priming" / "GSE224190_gene_FPKM.txt", sep="\t")
    symbols = bulk.drop_duplicates("id").set_index("id")["Symbol"]

    def named(counts: pd.Series) -> pd.Series:
        ids = counts.index.astype(str).str.split(".").str[0]
        return cpm(counts.set_axis(symbols.reindex(ids).to_numpy()).dropna())

    msc, stroma, tissue = {}, {}, {}
    rates = bulk.set_index("Symbol").select_dtypes(float)
    msc |= {f"cord MSC, {name.split('-')[0]} (GSE224190)": cpm(rates[name]) for name in rates if "-1" in name}
    published = pd.read_csv(folder / "ucmsc_published_rates" / "rates.tsv", sep="\t", index_col=0)
    msc |= {f"cord MSC ({study.upper()})": published[f"{study}_median_cpm"] for study in ("gse182158", "gse199071")}
    sums = pd.read_csv(folder / "housman_ipsc_msc_osteo_pseudobulk" / "counts.tsv.gz", sep="\t", index_col=0)
    columns = pd.read_csv(folder / "housman_ipsc_msc_osteo_pseudobulk" / "columns.tsv", sep="\t")
    columns = columns.query("scheme == 'cluster0.50' and total_umi >= 200000")
    for label, own in columns.groupby("label"):
        group = {"MSC": msc, "Ost": stroma}.get(label[:3])
        if group is not None:
            group[f"iPSC-derived {label} (GSE181744)"] = cpm(sums[own["column"]].sum(axis=1))
    fantom = pd.read_csv(folder / "fantom5_primary_cells" / "tpm.tsv.gz", sep="\t", index_col=0)
    kinds = pd.read_csv(folder / "fantom5_primary_cells" / "columns.tsv", sep="\t", index_col=0)["kind"]
    for name, kind in kinds.items():
        if kind.startswith("mesenchymal"):
            msc[f"{name} (FANTOM5)"] = fantom[name]
        elif (kind.startswith("fibroblast") or name.startswith("Smooth Muscle")) and not any(
            part in name for part in (*MIXED, *OF_CARTILAGE)
        ):
            stroma[f"{name} (FANTOM5)"] = fantom[name]
    passages = pd.read_csv(folder / "bulk_fibroblast_passages" / "counts.csv.gz", index_col=0)
    stroma["fibroblasts, all passages (GSE63577)"] = named(passages.sum(axis=1))
    airway = anndata.read_h5ad(folder / "bulk_airway" / "airway.h5ad")
    total = np.asarray(airway.X.sum(axis=0)).ravel()
    stroma["airway smooth muscle (GSE52778)"] = named(pd.Series(total, airway.var_names))
    lung = pd.read_csv(folder / "lung_reference_sums" / "ref_hca_counts.csv.gz", index_col=0)
    tissue["adult lung"] = cpm(lung["Fibroblast"])
    for organ in ("diaphragm", "bronchus"):
        counts = pd.read_csv(folder / f"geact_{organ}" / "counts.txt.gz", sep="\t", index_col=0)
        types = pd.read_csv(folder / f"geact_{organ}" / "cells.tsv", sep="\t", index_col=0)["cell_type"]
        own = types.index[types.str.startswith("Fibro")].intersection(counts.columns)
        tissue[f"fetal {organ} (GeACT)"] = cpm(counts[own].sum(axis=1))
    return dict(zip(GROUPS, (msc, stroma, tissue), strict=True))


def screen(folder: Path) -> pd.DataFrame:
    """Give the highest rate of each panel gene in each group of references.

    Returns
    -------
    Columns ``lineage gene cpm fails``, for each group its highest rate and the profile that has it (``... in``), and
    ``broken``: a panel that fails has a gene that cultured stroma expresses.
    """
    from mscape.gating.panels import make_lineages, read_markers

    rows, found = [], references(folder)
    for lineage in make_lineages(read_markers(REPO / "resources" / "markers.yaml")[1], organism="human"):
        if lineage.group == "state" or lineage.id == "STROMAL":
            continue
        for gene in lineage.genes:
            row = {"lineage": lineage.id, "gene": gene, "cpm": lineage.cpm, "fails": lineage.fails}
            for group, profiles in found.items():
                rates = pd.Series({name: rate.get(gene, np.nan) for name, rate in profiles.items()}, dtype=float)
                row[group], row[f"{group} in"] = (rates.max(), rates.idxmax()) if rates.notna().any() else (np.nan, "")
            cultured = np.nanmax([row[group] for group in GROUPS[:2]] + [0.0])
            rows.append(row | {"broken": lineage.fails and cultured > ALLOWED * lineage.cpm})
    return pd.DataFrame(rows)


def document(table: pd.DataFrame, found: dict) -> str:
    """Write the page of the screen."""
    shown = table[(table[list(GROUPS)].max(axis=1) >= 10) | table["broken"]]
    profiles = ", ".join(f"{len(own)} profiles of {group}" for group, own in found.items())
    lines = [
        "# Genes of the lineage panels in stroma",
        "",
        "Made by `python benchmarks/gating/lineage_genes.py --docs`. A lineage panel fails a cell, so none of its "
        f"genes may be a gene of cultured stroma: each is looked up in {profiles}. Rates in counts per million "
        "(FANTOM5, [doi:10.1038/ncomms8866](https://doi.org/10.1038/ncomms8866): tags per million). The rule is at "
        "most a third of the panel's threshold in cultured MSC and other cultured stroma; tissue is shown and not "
        "judged, because dissociated fibroblasts carry ambient RNA of their neighbors. Cultures that hold other cells "
        "(amniotic and chorionic membrane) are left out.",
        "",
        f"{len(table)} genes of {table['lineage'].nunique()} panels; {int(table['broken'].sum())} break the rule. "
        "Genes below 10 in every group are not listed. Panels that name and do not fail (pericyte, adipocyte, "
        "osteoblast, chondrocyte) are listed without a rule.",
        "",
        "| panel | threshold | gene | " + " | ".join(f"{group}, highest" for group in GROUPS) + " |",
        "|---|---|---|---|---|---|",
    ]
    for row in shown.to_dict("records"):
        cells = [f"{row[g]:.0f}: {row[f'{g} in']}" if row[g] >= 1 else "-" for g in GROUPS]
        lines.append(f"| {row['lineage']} | {row['cpm']:g} | {row['gene']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Screen, print what breaks the rule, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", action="store_true", help="write docs/benchmarks/lineage_panels.md")
    options = parser.parse_args()
    folder = Path(os.environ.get("MSCAPE_SHARED_DATA", REPO.parent / "shared" / "data"))
    table = screen(folder)
    if options.docs:
        (REPO / "docs" / "benchmarks" / "lineage_panels.md").write_text(
            document(table, references(folder)), encoding="utf-8"
        )
    broken = table[table["broken"]]
    print(f"{len(table)} genes, {len(broken)} above a third of their panel's threshold in cultured stroma")
    if len(broken):
        sys.exit(broken.to_string(index=False))


if __name__ == "__main__":
    main()
