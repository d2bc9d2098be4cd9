"""Write what is known of published MSC to resources/: marker rates by study, and markers of clinical lots by flow.

    python benchmarks/passports/published_msc.py $MSCAPE_SHARED_DATA

Only facts are carried over: rates of the markers of the panels, and percentiles of single values over lots. A clinical
lot is a patient of a report; several values of a lot are averaged, and values of a report without the patient are left
out where it names others (they are second values of the same patients).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from mscape.genes.registry import load_markers
from mscape.passports.published import FLOW, PERCENTILES, RATES

CORD = {  # study -> columns of ucmsc_published_rates/rates.tsv, donors, protocol
    "GSE182158": ("gse182158", 2, "10x 3' v2, UMI"),
    "GSE199071": ("gse199071", 4, "10x, UMI"),
}
CAGE = {  # column of fantom5_primary_cells/tpm.tsv.gz -> tissue
    "Mesenchymal stem cell Bone Marrow": "bone marrow",
    "Mesenchymal precursor Bone Marrow": "bone marrow",
    "Mesenchymal stem cell Adipose": "adipose tissue",
    "Mesenchymal precursor Adipose": "adipose tissue",
    "Mesenchymal stem cell Umbilical": "umbilical cord",
    "Mesenchymal stem cell Wharton's Jelly": "umbilical cord",
    "Mesenchymal stem cell Amniotic Membrane": "amnion",
    "Mesenchymal stem cell Hepatic": "liver",
}
MARKERS = ("CD73", "CD90", "CD105", "CD45", "CD34")
RATES_NOTE = """\
# Rates of the ISCT markers in published cultures of human MSC, to compare a lot with; no thresholds. Written by
# benchmarks/passports/published_msc.py. cpm: counts per million of the sum of all cells, median over donors; of the
# CAGE study tags per million, mean over donors. detected: share of cells with a count, median over donors.
# GSE182158, GSE199071 (Gene Expression Omnibus): re-analysis hUCMSC-PE-paracrine-communication @5d32fa9 (BSD-3-Clause).
# FANTOM5: doi:10.1038/ncomms8866, whose data are under CC BY 4.0. A protocol catches each gene in its own measure:
# rates of one gene differ up to tenfold between two studies of one tissue.
"""
FLOW_NOTE = """\
# Markers of clinical MSC lots by flow cytometry, per cent positive: percentiles over lots (a patient of a report).
# Written by benchmarks/passports/published_msc.py from the values that Wilson, Rand, Webster and Genever collected from
# reports of clinical trials (doi:10.5281/zenodo.4012398, MIT license). The lots had passed release. One report (seven
# adipose lots of hardly cultured cells, doi:10.1186/1479-5876-11-171) gives all values of CD73, CD90, CD105 below 80 %.
"""


def write_rates(shared: Path) -> None:
    """Write the rates of every gene of a human panel in every study that has it."""
    panels = [panel for panel in load_markers().panels.values() if panel["organism"] == "human"]
    genes = dict.fromkeys(g for p in panels for g in p["positive"])
    genes |= dict.fromkeys(g for p in panels for group in p["negative"].values() for g in group)
    cord = pd.read_csv(shared / "ucmsc_published_rates/rates.tsv", sep="\t", index_col="gene").reindex(list(genes))
    cage = pd.read_csv(shared / "fantom5_primary_cells/tpm.tsv.gz", sep="\t", index_col=0).reindex(list(genes))
    rows = []
    for gene in genes:
        for study, (column, donors, protocol) in CORD.items():
            cpm, detected = cord.loc[gene, [f"{column}_median_cpm", f"{column}_median_fraction"]]
            rows.append((gene, "umbilical cord", study, protocol, "UC-MSC", donors, cpm, f"{detected:.4f}"))
        rows += [
            (gene, tissue, "FANTOM5", "CAGE, bulk", kind, "", cage.loc[gene, kind], "") for kind, tissue in CAGE.items()
        ]
    table = pd.DataFrame(rows, columns=["gene", "tissue", "study", "protocol", "cells", "donors", "cpm", "detected"])
    table = table.dropna(subset="cpm").assign(cpm=lambda t: t["cpm"].map("{:.4g}".format))
    RATES.write_text(RATES_NOTE + table.to_csv(sep="\t", index=False), encoding="utf-8")


def write_flow(shared: Path) -> None:
    """Write the percentiles of each marker over lots."""
    lots = pd.read_csv(shared / "msc_trial_flow/lots.tsv", sep="\t")
    named = lots.groupby("ref_number")["patient"].transform(lambda p: p.notna().any())
    lots = lots[lots["marker"].isin(MARKERS) & (lots["patient"].notna() | ~named)].fillna({"patient": "the only one"})
    value = lots.groupby(["marker", "ref_number", "patient"])["value"].mean()
    rows = []
    for marker in MARKERS:
        own = value[marker]
        quantiles = np.percentile(own, PERCENTILES)
        reports = own.index.get_level_values("ref_number").nunique()
        rows.append((marker, len(own), reports, *(f"{q:.4g}" for q in quantiles)))
    columns = ["marker", "lots", "reports", *(f"p{p}" for p in PERCENTILES)]
    FLOW.write_text(FLOW_NOTE + pd.DataFrame(rows, columns=columns).to_csv(sep="\t", index=False), encoding="utf-8")
    whole = value.unstack("marker").dropna()
    meets = (whole[["CD73", "CD90", "CD105"]] >= 95).all(axis=1) & (whole[["CD45", "CD34"]] <= 2).all(axis=1)
    print(f"{meets.sum()} of {len(whole)} lots with all five markers meet 95 % and 2 %")


if __name__ == "__main__":
    write_rates(Path(sys.argv[1]))
    write_flow(Path(sys.argv[1]))
