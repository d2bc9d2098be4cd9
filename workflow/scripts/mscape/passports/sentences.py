"""The passport's sentences: next actions of attributes, ISBT 128 names of tissues."""

from __future__ import annotations

# Standard class names of culture-adapted MSC (ICCBBA-ISCT consensus statement, Cytotherapy 2021).
TISSUES = {
    "bone marrow": "MSC(M)",
    "marrow": "MSC(M)",
    "adipose": "MSC(AT)",
    "adipose tissue": "MSC(AT)",
    "cord blood": "MSC(CB)",
    "umbilical cord blood": "MSC(CB)",
    "wharton's jelly": "MSC(WJ)",
    "whartons jelly": "MSC(WJ)",
    "wharton jelly": "MSC(WJ)",
}

ACTIONS = {
    "default": "Look at the marker's page in the report and at the cells that fail.",
    "species": "Read the counts of the markers themselves; there is no panel for this species.",
    "cells": "Load or sequence more cells of this lot.",
    "lost": "See the quality page: which limit removed the cells?",
    "depth": "Sequence deeper.",
    "doublets_missing": "Look at the remarks of quality control: it takes 100 cells a sample to score doublets.",
    "doublets": "Load fewer cells per lane, or set qc.doublets to remove.",
    "mt": "Check viability at harvest and thaw; cultured MSC are rich in mitochondria, stressed cells richer.",
    "mt_missing": "Keep the mitochondrial genes in the feature table.",
    "ambient": "Wash the cells before loading; the gate already allows for this fraction.",
    "ambient_missing": "Estimate it from the empty droplets of the unfiltered matrix, with CellBender or SoupX.",
    "not_msc": "No cell of this lot passes as MSC: check that the sample is the one that the sheet names.",
    "contaminated_fresh": "See the contaminants table; confirm by flow cytometry and deplete these cells.",
    "contaminated": "See the contaminants table; confirm by flow cytometry and deplete or re-plate the culture.",
    "labels": "Run without cluster.labels to see whether the cells fall into such groups by themselves.",
    "unstable": "Do not build on the unstable clusters; see the stability page.",
    "unclustered": "See the gate's page: which criterion kept the cells out?",
    "no_phase": "Align to a reference that holds the cell-cycle genes; see the coverage table.",
    "not_cycling": "Compare with the senescence scores: senescent, confluent and starved cells all stop cycling.",
    "outside": "See which signatures depart; compare tissue, passage, medium and protocol with its lots.",
    "reference_small": "Judge it against a reference of more lots.",
    "two_donors": "Check the labels; compare the genotypes of the cells (SNPs in the reads), or type the culture.",
    "sex_unseen": "Compare genotypes (SNPs in the reads) where one donor must be shown.",
    "no_lots": "Add lots of the same tissue and passage to compare with.",
    "genes_missing": "Align to a reference that holds the genes; see the coverage table.",
    "senescence": "Compare with cycling and passage; confirm by SA-beta-gal, p16 and population doublings.",
    "constitutive": "Compare with an immunosuppression assay before drawing conclusions.",
    "inflamed": "Look at senescence, thaw and infection; interferon licensing would raise the licensed genes as well.",
    "licensed": "If the lot was not licensed on purpose, look for interferon or activated blood cells in the culture.",
    "committed": "Check passage, confluence and medium; confirm by differentiation and staining.",
    "copies_open": "Settle the phenotype first: see its next action.",
    "copies_alone": "Judge the lot in a study of its own, and see which cells are called otherwise.",
    "stress": "Check harvest and enzyme times; compare scores with and without the stress genes.",
}
