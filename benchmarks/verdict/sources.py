"""Read the public profiles and real cells that the lots are made from, on one set of genes.

Everything is optional but the backbone (GSE181744): a source that is missing is not in the result, and the families that
need it are skipped.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import pickle
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp

REPO = Path(__file__).parents[2]
MARKERS = ("NT5E", "THY1", "ENG", "PTPRC", "CD34", "CD14", "ITGAM", "CD19", "CD79A", "HLA-DRA")
RENAMED = {"ATP5L": "ATP5MG", "GNB2L1": "RACK1", "H3F3B": "H3-3B", "ATP5E": "ATP5F1E", "GLTSCR2": "NOP53"}
RENAMED |= {"IGJ": "JCHAIN", "IL8": "CXCL8", "CTGF": "CCN2", "CYR61": "CCN1", "TMEM66": "SARAF"}
ENDOTHELIAL_ARMS = ["V4", "V13", "V18"]
MIN_RATE = 200.0  # CPM in any profile from which a gene is kept
# Genes kept at any rate: common markers of tissues and blood, sex, cell cycle. Written down once, not read from the
# product, so that a change of its panels does not change the lots.
KEPT = """
PLN LIPE GPD1
CD3D CD3E CD3G CD2 TRAC TRBC1 TRBC2 CD27 CD4 CD8A CD8B CD7 CD5 CD6 CD28 IL7R LEF1 TCF7 CCR7 GNLY NKG7 KLRD1 KLRF1 PRF1
CTSW SPON2 NCR1 NCR3 KLRB1 KLRC1 XCL1 XCL2 GZMA GZMB GZMH GZMK FGFBP2 FCGR3A CST7 CCL4 CCL5 TYROBP MS4A1 CD79B BANK1
FCRLA TCL1A VPREB3 LINC00926 FCER2 CD22 CD37 BLK PAX5 MZB1 DERL3 TNFRSF17 JCHAIN POU2AF1 IGHG1 IGHA1 IGKC IGLC2 IGHM
IGHD SDC1 XBP1 LYZ FCER1G LST1 AIF1 S100A8 S100A9 S100A12 CSF1R C1QA C1QB C1QC CD68 CD163 MRC1 CSF3R CYBB FCN1 CD1C
CLEC9A CLEC10A LILRA4 CLEC4C IL3RA SHD LRRC26 SCT PTCRA IRF7 TPSAB1 TPSB2 CPA3 MS4A2 HDC SLC18A2 CLC GATA2 PPBP PF4
GP9 ITGA2B TUBB1 CLEC1B GP1BA HBA1 HBA2 HBB HBD HBG1 HBG2 HBM HBE1 ALAS2 AHSP GYPA GYPB CA1 SLC4A1 SPINK2 AVP MPO PRTN3
AZU1 ELANE KIT CD38 CD48 CD52 CD53 CD69 CD247 CORO1A LAPTM5 PTPRCAP ARHGDIB SRGN HCLS1 RAC2 PECAM1 CDH5 VWF CLDN5 EGFL7
KDR FLT1 TIE1 TEK EMCN ESAM ERG SOX17 PLVAP RAMP2 ECSCR MMRN1 LYVE1 PROX1 EPCAM CDH1 KRT5 KRT6A KRT7 KRT8 KRT14 KRT15
KRT17 KRT18 KRT19 KRT20 ELF3 ESRP1 CLDN3 CLDN4 CLDN7 TACSTD2 SFN PERP DSP MUC1 GRHL2 ST14 SPINT2 RAB25 SFTPC SFTPB SCGB1A1
DES MYF5 MYOD1 MYOG MYF6 PAX7 PAX3 TNNT1 TNNT2 TNNT3 TNNI1 TNNI2 TNNC1 TNNC2 MYH1 MYH2 MYH3 MYH7 MYH8 MYL1 MYL2 MYL3
MYL4 ACTA1 ACTC1 CKM CKB MB TTN NEB CHRNA1 CHRND CHRNG CDH15 MYMK MYMX CAV3 ENO3 TRIM63 RYR1 ACTN2 LDB3 MYBPC1 MYLPF
ACTA2 MYH11 CNN1 TAGLN LMOD1 SYNPO2 DSTN MYLK RGS5 NOTCH3 PDGFRB CSPG4 KCNJ8 ABCC9 HIGD1B MCAM NDUFA4L2 COX4I2 RGS4
SOX10 PLP1 MPZ S100B CDH19 ERBB3 FOXD3 NGFR GFAP MBP PMP22 PMP2 GAP43 NRXN1 L1CAM SOX2 SOX1 PAX6 NES DCX TUBB3 STMN2
STMN4 ELAVL3 ELAVL4 MAP2 RBFOX3 SYP SNAP25 INA NEFL NEFM NEUROD1 NEUROG2 ASCL1 HES5 OLIG1 OLIG2 AQP4 FABP7 GFRA1 CHGA CHGB
INS GCG SST PPY TTR ALB AFP APOA1 TF COL2A1 ACAN SOX9 COL9A1 COL9A2 COL9A3 COL11A1 COL11A2 COL10A1 MATN1 MATN3 MATN4
CNMD HAPLN1 COMP CHAD SCRG1 SNORC FRZB CYTL1 RUNX2 SP7 BGLAP IBSP SPP1 ALPL DMP1 PHEX SOST MEPE PHOSPHO1 IFITM5 COL1A1
COL1A2 COL3A1 COL5A1 COL5A2 COL6A1 COL6A2 COL6A3 COL12A1 COL14A1 SPARC DCN LUM BGN FBN1 FBLN1 FBLN2 FN1 POSTN TNC THBS1
THBS2 CALD1 TPM1 TPM2 VIM LGALS1 S100A6 PDGFRA TWIST1 TWIST2 PRRX1 TCF21 TBX15 TBX5 PITX2 FOXF1 HOXA9 HOXC10 HOXB7
HOXA11 HOXD10 HOXC6 HOXA5 HOXC8 HAND2 ADIPOQ PLIN1 PLIN4 FABP4 LEP CIDEC LPL PPARG CEBPA CFD LEPR CXCL12 KITLG GREM1 MFAP5
PI16 DPP4 CD55 CLU TNXB APOD APOE CFH WT1 MSLN UPK3B KRT10 LRRN4 CALB2 POU5F1 NANOG LIN28A LIN28B DPPA4 TDGF1 ZFP42 L1TD1
DNMT3B TERF1 SALL4 PRDM14 PMEL MLANA TYR TYRP1 DCT MITF PHOX2B TH DBH XIST RPS4Y1 DDX3Y KDM5D UTY EIF1AY USP9Y ZFY UBA7
MKI67 TOP2A CCNB1 CCNB2 CDK1 TYMS MCM2 MCM5 PCNA UBE2C BIRC5 CENPF HMGB2 TUBB4B CD74 HLA-DRB1 HLA-DPA1 HLA-DPB1 HLA-DQA1
HLA-DMA CIITA HLA-A HLA-B HLA-C HLA-E B2M IDO1 CD274 CXCL9 CXCL10 CXCL11 ICAM1 VCAM1 STAT1 IRF1 GBP1 GBP4 GBP5 WARS1 TAP1
PSMB9 IL6 CXCL8 CCL2 TNFAIP3 SOD2 UCHL1 TGM2 LMCD1 QPRT CD44 CD9 CD63 CD81 ITGB1 ANPEP ALCAM CD146 MME CD200 NCAM1 CD24
CD36 CD47 FAP MEG3 H19 IGF2 PEG3 DLK1 GAPDH ACTB CDKN1A CDKN2A LMNB1
""".split()


@dataclass
class Sources:
    """What the lots are made from.

    Attributes
    ----------
    genes
        Names, the columns of everything else.
    profiles
        Name -> rates in CPM, sums 1e6, shape (n_genes,).
    kept
        Genes whose rates are as published; the other genes fill up to a million.
    overlays
        Name -> published rates of some genes (Series by gene).
    cells
        Name -> counts of real cells, CSR.
    missing
        Folders that were not there.
    """

    genes: list[str]
    profiles: dict[str, np.ndarray]
    kept: np.ndarray
    overlays: dict[str, pd.Series]
    cells: dict[str, sp.csr_matrix]
    missing: list[str] = field(default_factory=list)

    def at(self, gene: str) -> int:
        """Column of a gene."""
        return self.index[gene]

    def __post_init__(self):
        """Index the genes."""
        self.index = {g: i for i, g in enumerate(self.genes)}

    def lay_over(self, profile: np.ndarray, rates: pd.Series | dict) -> np.ndarray:
        """Replace the rates of some genes; the others shrink or grow to keep the sum of a million."""
        out = profile.copy()
        rates = pd.Series(rates, dtype=float)
        rates = rates[[g in self.index for g in rates.index]]
        where = np.array([self.index[g] for g in rates.index])
        out[where] = rates.to_numpy()
        free = ~self.kept
        free[where] = False
        out[free] *= (1e6 - out[~free].sum()) / out[free].sum()
        return out


def shared_data() -> Path | None:
    """Folder of the public data, or None."""
    folder = Path(os.environ.get("MSCAPE_SHARED_DATA", REPO.parent / "shared" / "data"))
    return folder if (folder / "housman_ipsc_msc_osteo_pseudobulk").exists() else None


def _symbols(index: pd.Index) -> pd.Index:
    return pd.Index([RENAMED.get(str(g), str(g)) for g in index])


def _sum_by_symbol(table: pd.DataFrame, names: pd.Series | None = None) -> pd.DataFrame:
    if names is not None:
        table = table.copy()
        table.index = names.reindex(table.index.astype(str).str.split(".").str[0]).to_numpy()
        table = table[table.index.notna()]
    table.index = _symbols(table.index)
    return table.groupby(level=0).sum()


def _geact(folder: Path) -> tuple[sp.csr_matrix, pd.Index, list[str]]:
    """Counts of a GeACT file as cells x genes, its gene names and cell names."""
    rows, names = [], []
    with gzip.open(folder / "counts.txt.gz", "rt") as file:
        cells = file.readline().rstrip("\n").split("\t")[1:]
        for line in file:
            name, _, values = line.partition("\t")
            names.append(name)
            rows.append(sp.csr_matrix(np.array(values.split("\t"), dtype=np.int32)))
    return sp.vstack(rows).T.tocsr(), _symbols(pd.Index(names)), cells


def _real_cells(data: Path, missing: list[str]) -> dict[str, tuple[sp.csr_matrix, pd.Index]]:
    """Name of a kind -> counts and genes."""
    import anndata

    out = {}

    def split(prefix, matrix, genes, labels):
        labels = np.asarray(labels).astype(str)
        for label in sorted(set(labels)):
            rows = np.flatnonzero(labels == label)
            if len(rows) >= 5:
                out[f"{prefix}:{label}"] = (matrix[rows], genes)

    for folder, name in (
        ("geact_blood_T", "blood_T"),
        ("geact_blood_X-NK", "blood_NK"),
        ("geact_HEK293T_384", "HEK293T"),
    ):
        if not (data / folder).exists():
            missing.append(folder)
            continue
        matrix, genes, _ = _geact(data / folder)
        out[name] = (matrix, genes)
    for tissue in ("diaphragm", "bronchus", "thymus", "bone_marrow"):
        folder = data / f"geact_{tissue}"
        if not folder.exists():
            missing.append(folder.name)
            continue
        matrix, genes, cells = _geact(folder)
        kinds = pd.read_csv(folder / "cells.tsv", sep="\t", index_col=0)["cell_type"].reindex(cells)
        split(tissue, matrix, genes, kinds.fillna("unknown"))
    for folder, file, column, prefix in (
        ("pbmc3k_labelled2638", "pbmc3k_labelled2638.h5ad", "classified", "pbmc"),
        ("hsmm_myoblasts_estimated", "hsmm_estimated_counts.h5ad", "state", "hsmm"),
        ("baron_human12", "baron_human12.h5ad", "cell_type", "pancreas"),
    ):
        if not (data / folder).exists():
            missing.append(folder)
            continue
        a = anndata.read_h5ad(data / folder / file)
        names = a.var["symbol"] if "symbol" in a.var else a.var_names
        split(prefix, sp.csr_matrix(a.X), _symbols(pd.Index(names)), a.obs[column])
    return out


@cache
def load(folder: Path) -> Sources | None:
    """Read all sources once per process, from ``folder`` where they were read before; None without the backbone."""
    data = shared_data()
    if data is None:
        return None
    listing = "".join(f"{p.name}{p.stat().st_size}" for p in sorted(data.rglob("*")) if p.is_file())
    code = Path(__file__).read_bytes()
    path = folder / f"sources-{hashlib.sha256(code + listing.encode()).hexdigest()[:16]}.pickle"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".part{os.getpid()}")
        part.write_bytes(pickle.dumps(_read(data)))
        part.rename(path)
    return pickle.loads(path.read_bytes())  # noqa: S301  written by this function


def _read(data: Path) -> Sources:
    missing: list[str] = []
    tables: dict[str, pd.DataFrame] = {}
    backbone = pd.read_csv(data / "housman_ipsc_msc_osteo_pseudobulk" / "counts.tsv.gz", sep="\t", index_col=0).drop(
        index=["RNR1", "RNR2"], errors="ignore"
    )
    columns = [c for c in backbone if c.startswith("cluster0.50|") and backbone[c].sum() >= 200_000]
    named = {c: "msc:" + "|".join(c.split("|")[:0:-1]) for c in columns if "|MSC" in c}
    named |= {c: "osteogenic:" + "|".join(c.split("|")[:0:-1]) for c in columns if "|Osteogenic" in c}
    stem = {c: c.split("|")[2] for c in columns if "|iPSC" in c}
    backbone = _sum_by_symbol(backbone[columns])
    tables["backbone"] = backbone[list(named)].rename(columns=named)
    tables["stem"] = backbone[list(stem)].T.groupby(stem).sum().T.add_prefix("ipsc:")
    symbol = None
    path = data / "bulk_ucmsc_priming" / "GSE224190_gene_FPKM.txt"
    if path.exists():
        priming = pd.read_csv(path, sep="\t")
        symbol = priming.drop_duplicates("id").set_index("id")["Symbol"]
        groups = {c: "ucbulk:" + c.split("-")[0] for c in priming if c.endswith("_fpkm")}
        tables["priming"] = _sum_by_symbol(priming.set_index("Symbol")[list(groups)].T.groupby(groups).mean().T)
    else:
        missing.append("bulk_ucmsc_priming")
    if symbol is not None:
        _bulk(data, symbol, tables, missing)
    path = data / "lung_reference_sums" / "ref_hca_counts.csv.gz"
    if path.exists():
        tables["lung"] = _sum_by_symbol(pd.read_csv(path, index_col=0)).add_prefix("lung:")
    else:
        missing.append("lung_reference_sums")
    overlays = _overlays(data, missing)
    real = _real_cells(data, missing)

    rates = {name: table / table.sum() * 1e6 for name, table in tables.items()}
    kept_names = {*KEPT, *MARKERS, *(g for x in overlays.values() for g in x.index)}
    measured = set(rates["backbone"].index)
    highest = pd.concat([t.max(axis=1) for t in rates.values()], axis=1).max(axis=1)
    genes = sorted(g for g in {*measured, *kept_names} if g in kept_names or highest.get(g, 0) >= MIN_RATE)
    genes = [g for g in genes if g in measured or g in kept_names]
    kept = np.array([g in kept_names for g in genes])
    profiles = {}
    for table in rates.values():
        table = table.reindex(genes).fillna(0)
        for name in table:
            x = table[name].to_numpy(float, copy=True)
            x[~kept] *= max(1e6 - x[kept].sum(), 0) / x[~kept].sum()
            profiles[name] = x
    place = pd.Series(np.arange(len(genes)), genes)
    cells = {}
    for name, (matrix, names) in real.items():
        target = place.reindex(names)
        ok = target.notna().to_numpy() & ~names.duplicated()
        move = sp.csr_matrix(
            (np.ones(ok.sum()), (np.flatnonzero(ok), target[ok].astype(int))), shape=(len(names), len(genes))
        )
        cells[name] = sp.csr_matrix(sp.csr_matrix(matrix, dtype=float) @ move)
    return Sources(genes, profiles, kept, overlays, cells, missing)


def _bulk(data: Path, symbol: pd.Series, tables: dict, missing: list[str]) -> None:
    """Read the bulk counts with Ensembl ids."""
    folder = data / "bulk_huvec_osteoblast"
    if folder.exists():
        bulk = pd.read_csv(folder / "counts.tsv.gz", sep="\t", index_col=0)[ENDOTHELIAL_ARMS]
        tables["huvec"] = _sum_by_symbol(bulk, symbol).add_prefix("huvec:")
    else:
        missing.append(folder.name)
    folder = data / "bulk_fibroblast_passages"
    if folder.exists():
        bulk = pd.read_csv(folder / "counts.csv.gz", index_col=0)
        doublings = pd.read_csv(folder / "labels.csv", index_col=0)["population_doublings"]
        groups = {c: f"fibroblast:{doublings[c]}" for c in bulk}
        tables["fibroblast"] = _sum_by_symbol(bulk, symbol).T.groupby(groups).sum().T
    else:
        missing.append(folder.name)
    folder = data / "bulk_airway"
    if folder.exists():
        import anndata

        a = anndata.read_h5ad(folder / "airway.h5ad")
        bulk = pd.DataFrame(np.asarray(a.X.toarray() if sp.issparse(a.X) else a.X).T, index=a.var_names)
        tables["airway"] = _sum_by_symbol(bulk, symbol).sum(axis=1).to_frame("airway:smc")
    else:
        missing.append(folder.name)


def _overlays(data: Path, missing: list[str]) -> dict[str, pd.Series]:
    """Published rates of single studies and of primary cell types, by gene."""
    out = {}
    path = data / "ucmsc_published_rates" / "rates.tsv"
    if path.exists():
        table = pd.read_csv(path, sep="\t", index_col=0)
        table.index = _symbols(table.index)
        for study in ("gse182158", "gse199071"):
            rates = table[f"{study}_median_cpm"].dropna()
            out[study] = rates[~rates.index.duplicated()]
    else:
        missing.append("ucmsc_published_rates")
    path = data / "fantom5_primary_cells" / "tpm.tsv.gz"
    if path.exists():
        table = pd.read_csv(path, sep="\t", index_col=0)
        table.index = _symbols(table.index)
        table = table[~table.index.duplicated()]
        kinds = pd.read_csv(path.with_name("columns.tsv"), sep="\t", index_col=0)["kind"]
        for name in table:
            out[f"fantom|{kinds[name]}|{name}"] = table[name].astype(float)
    else:
        missing.append("fantom5_primary_cells")
    return out
