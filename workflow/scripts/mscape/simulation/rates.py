"""Parameters of the simulator: expression rates of genes by cell type, and the effects on them.

Rates are in counts per million (CPM) of a 10x 3' library. Those of the ISCT markers in MSC lie in the range of two
public studies of cultured umbilical-cord MSC (donor medians in GSE182158 (PMC8715893) and GSE199071: NT5E 16 and 166,
THY1 617 and 347, ENG 38, CD14 9.9 and 0.3, the others below 0.3). Effects of licensing are
log2((primed + 0.5) / (resting + 0.5)), from GSE117837 (PMC6506509) for CXCL9, CXCL10, CXCL11, CD274, ICAM1, TNFSF10,
CCL2, LGALS9, PDCD1LG2, HLA-A, SERPINE1 and MCAM. All other rates and effects are nominal: the right order of magnitude,
not a measurement.
"""

from __future__ import annotations

MSC = "MSC"
CONTAMINANTS = ("T cell", "B cell", "monocyte", "endothelial")
TYPES = (MSC, *CONTAMINANTS)
KEY_GENES = {  # a lineage panel with at least two of these is the panel of this cell type
    "T cell": {"CD3D", "CD3E", "CD3G", "CD2"},
    "B cell": {"MS4A1", "CD79A", "CD79B", "CD19", "BANK1"},
    "monocyte": {"LYZ", "CD14", "TYROBP", "FCER1G", "LST1", "AIF1", "S100A8"},
    "endothelial": {"PECAM1", "CDH5", "VWF", "CLDN5", "EGFL7"},
}
SIZE = {MSC: 1.0, "T cell": 0.4, "B cell": 0.4, "monocyte": 0.6, "endothelial": 0.8}  # UMI relative to an MSC

ISCT_GENES = ("NT5E", "THY1", "ENG", "PTPRC", "CD34", "CD14", "ITGAM", "CD19", "CD79A", "HLA-DRA")
ISCT_CPM = {
    MSC: (30, 500, 38, 0.02, 0.06, 9.9, 0.016, 0.01, 0.02, 0.1),
    "T cell": (8, 2, 2, 350, 0.1, 1, 5, 0.1, 1, 40),
    "B cell": (20, 0.5, 1, 300, 0.5, 1, 1, 60, 900, 3500),
    "monocyte": (0.5, 0.5, 40, 200, 0.2, 500, 60, 0.1, 1, 2500),
    "endothelial": (60, 20, 400, 0.5, 150, 2, 0.2, 0.1, 0.5, 300),
}

STROMAL_CPM = {  # high in MSC, nearly absent from blood
    **{"COL1A1": 6000, "COL1A2": 6000, "COL3A1": 3500, "COL5A1": 350, "COL5A2": 400, "COL6A1": 900, "COL6A2": 1100},
    **{"COL6A3": 500, "COL4A1": 500, "COL4A2": 450, "COL12A1": 250, "FN1": 4000, "SPARC": 3500, "TAGLN": 3500},
    **{"TPM2": 1500, "MYL9": 1500, "CALD1": 900, "TIMP1": 2500, "TIMP3": 700, "CCN1": 700, "CCN2": 800, "THBS1": 1000},
    **{"IGFBP3": 500, "IGFBP7": 1500, "LUM": 400, "DCN": 700, "POSTN": 300, "PDGFRB": 120, "SERPINE1": 700},
    **{"CAV1": 600, "S100A6": 5000, "LGALS1": 8000, "MCAM": 60, "BGN": 700, "FBN1": 200, "MMP2": 350, "TGFBI": 1000},
}
COMMON_CPM = {  # high in every cell
    **{"ACTB": 4500, "ACTG1": 2500, "TMSB10": 5000, "TMSB4X": 5000, "VIM": 6000, "FTL": 3000, "FTH1": 4000},
    **{"GAPDH": 3000, "EEF1A1": 6000, "TPT1": 3500, "EEF2": 1000, "PFN1": 1500, "CFL1": 1300, "ENO1": 900},
    **{"B2M": 1200, "HLA-A": 350, "HLA-B": 250, "HLA-C": 250, "HLA-E": 100, "MYL6": 2000, "TUBA1B": 900, "NACA": 900},
    **{
        "ANXA2": 1500,
        "S100A11": 1200,
        "MIF": 600,
        "UBC": 700,
        "HSP90AA1": 600,
        "HSPA8": 700,
        "NPM1": 700,
        "PTMA": 1500,
    },
}
RESTING_CPM = {  # what priming or differentiation moves, in a resting MSC
    **{"CXCL10": 0.1, "CXCL9": 0.1, "CXCL11": 0.1, "IDO1": 0.1, "CD274": 3, "ICAM1": 8, "CCL2": 60, "TNFSF10": 0.3},
    **{
        "LGALS9": 2,
        "PDCD1LG2": 12,
        "HLA-F": 4,
        "IRF1": 20,
        "STAT1": 60,
        "GBP1": 10,
        "WARS1": 80,
        "CCL7": 3,
        "CCL8": 0.3,
    },
    **{"CD74": 2, "CIITA": 0.3, "HLA-DRB1": 0.2, "HLA-DPA1": 0.1, "IL6": 60, "CXCL8": 20, "IL10": 0.02},
    **{"RUNX2": 12, "ALPL": 20, "SP7": 0.5, "BGLAP": 8, "IBSP": 1, "SPP1": 30, "PHEX": 0.5, "DMP1": 0.1},
    **{"MEPE": 0.1, "SOST": 0.1, "IFITM5": 0.1, "FGF23": 0.1, "PHOSPHO1": 0.5, "OMD": 4, "PDPN": 20, "ENPP1": 15},
    **{"DLX6": 0.5, "MSX2": 4, "BMP4": 8, "PTH1R": 2, "FGFR2": 3, "TNC": 80, "VCAM1": 15, "IL18BP": 5, "SOCS1": 2},
    **{"KYNU": 3, "GBP4": 1, "GBP5": 0.3, "SERPING1": 30, "CXCL5": 0.5, "CCL20": 0.3, "EBI3": 0.3, "HLA-DOB": 0.1},
    **{"TNFSF15": 0.3, "CEACAM1": 0.3, "MMP25": 0.2, "HLA-G": 0.3, "SECTM1": 0.5, "IL12A": 0.5, "IFITM1": 15},
    **{"DLX5": 3, "BMP2": 3, "SATB2": 3, "CDKN1A": 150, "CDKN2A": 15, "CDKN2B": 8, "GLB1": 40},
}
TYPE_CPM = {
    "T cell": {
        **{"CD3D": 500, "CD3E": 400, "CD3G": 250, "CD2": 300, "CD5": 80, "CD6": 80, "CD27": 120, "LCK": 200},
        **{"TRAC": 900, "TRBC1": 400, "TRBC2": 500, "IL7R": 350, "LTB": 700, "IL32": 900, "CD52": 900, "CD53": 250},
        **{"CORO1A": 600, "LAPTM5": 400, "ARHGDIB": 500, "PTPRCAP": 400, "CD247": 120, "CD37": 150, "CD74": 400},
    },
    "B cell": {
        **{
            "MS4A1": 700,
            "CD79B": 800,
            "BANK1": 250,
            "TCL1A": 150,
            "FCRLA": 100,
            "CD22": 120,
            "VPREB3": 80,
            "CD37": 700,
        },
        **{"CD74": 6000, "HLA-DRB1": 1800, "HLA-DPA1": 900, "HLA-DPB1": 900, "HLA-DQA1": 600, "CIITA": 60, "CD52": 800},
        **{"CD53": 250, "CORO1A": 500, "LAPTM5": 600, "ARHGDIB": 500, "PTPRCAP": 300, "LTB": 500},
    },
    "monocyte": {
        **{"LYZ": 6000, "TYROBP": 1800, "FCER1G": 1200, "AIF1": 900, "LST1": 900, "S100A8": 4000, "S100A9": 5000},
        **{"CST3": 2500, "CD68": 400, "CSF1R": 150, "FCGR3A": 60, "CTSS": 1500, "FCN1": 500, "CYBB": 200, "SPI1": 200},
        **{"MNDA": 150, "CD163": 60, "C1QA": 20, "CD74": 3500, "HLA-DRB1": 1300, "HLA-DPA1": 600, "HLA-DPB1": 600},
        **{"CIITA": 30, "CD52": 400, "CD53": 300, "CORO1A": 500, "LAPTM5": 700, "ARHGDIB": 500, "CD37": 200},
    },
    "endothelial": {
        **{"PECAM1": 700, "CDH5": 350, "VWF": 600, "CLDN5": 250, "EGFL7": 700, "ESAM": 300, "TIE1": 200, "KDR": 120},
        **{"ROBO4": 80, "ECSCR": 200, "EMCN": 100, "ERG": 100, "PLVAP": 200, "TEK": 60, "MCAM": 250, "CD74": 500},
        **{"HLA-DRB1": 150, "HLA-DPA1": 80, "CAV1": 700, "IGFBP7": 1500, "SPARC": 1200, "COL4A1": 900, "COL4A2": 800},
    },
}

LICENSING_LOG2 = {  # of (CPM + 0.5), 12 h of IFN-gamma and TNF-alpha
    **{"CXCL10": 11.3, "CXCL9": 10.1, "CXCL11": 10.3, "IDO1": 8.0, "CD274": 5.3, "ICAM1": 6.0, "CCL2": 4.1},
    **{"TNFSF10": 6.1, "LGALS9": 3.9, "PDCD1LG2": 2.3, "HLA-A": 2.5, "HLA-B": 3.0, "HLA-C": 2.3, "HLA-E": 2.0},
    **{"HLA-F": 3.5, "B2M": 1.5, "SERPINE1": 1.2, "MCAM": -2.2, "HLA-DRA": 2.5, "CD74": 2.5, "HLA-DRB1": 2.0},
    **{"CIITA": 2.5, "IRF1": 4.0, "STAT1": 3.0, "GBP1": 6.0, "WARS1": 3.0, "CCL7": 4.5, "CCL8": 5.0, "IL6": 2.5},
    **{"CXCL8": 3.0, "VCAM1": 4.0, "IL18BP": 4.0, "SOCS1": 3.0, "KYNU": 3.0, "GBP4": 5.0, "GBP5": 6.0, "SERPING1": 3.5},
    **{"CXCL5": 4.0, "CCL20": 4.0, "LGALS1": 0.0, "TGFB1": 0.0},
}
OSTEOGENIC_EARLY_LOG2 = {
    **{"RUNX2": 1.6, "ALPL": 4.0, "SP7": 4.0, "DLX5": 3.0, "BMP2": 2.5, "SATB2": 2.5, "COL1A1": 0.8, "SPARC": 0.7},
}
OSTEOGENIC_LATE_LOG2 = {"BGLAP": 3.5, "IBSP": 6.0, "SPP1": 4.0, "PHEX": 4.0, "DMP1": 4.0}

XIST_CPM = {"female": 120.0, "male": 0.02}
Y_CPM = {"RPS4Y1": 200, "DDX3Y": 40, "EIF1AY": 40, "UTY": 10, "KDM5D": 15, "USP9Y": 8, "ZFY": 5, "TMSB4Y": 2}
ABSENT_CPM = 0.005
