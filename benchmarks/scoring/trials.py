"""Put every curated set on trial: each gene's direction in published contrasts.

Six contrasts of public data (a folder named by MSCAPE_SHARED_DATA, or ../shared/data): fibroblasts at 74 against 16 and
26 doublings (GSE63577), cord MSC primed or not (GSE224190), osteogenic culture against MSC and MSC against iPSC
(GSE181744, donors compared with themselves), a cycling cluster against the others (the same), airway smooth muscle with
and without dexamethasone (GSE52778). A gene moves if its moderated t is below an FDR of 5 %; it is silent below 1 CPM
in as many samples as the smaller arm has. Run from the repository:

    python benchmarks/scoring/trials.py --write
"""

import argparse
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import anndata
import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from mscape.comparison import moderated_t  # noqa: E402
from mscape.genes.names import read_aliases, read_gene_ids  # noqa: E402
from mscape.genes.registry import load_markers  # noqa: E402
from mscape.stats import adjust_pvalues  # noqa: E402

DOCUMENT, MARK = ROOT / "docs" / "benchmarks" / "scoring.md", "<!-- benchmarks/scoring/trials.py -->"
MIN_CPM, LEVEL = 1.0, 0.05
SENESCENCE, PRIMING, BONE, MESENCHYME, CYCLE, STEROID = (
    "senescence",
    "priming",
    "osteogenic",
    "MSC",
    "cycle",
    "dexamethasone",
)
JUDGED_BY = {  # axis -> the contrast in which the set's direction is stated; other axes have none here
    "senescence": SENESCENCE,
    "immune_licensed": PRIMING,
    "immune_inflammatory": PRIMING,
    "osteogenic": BONE,
    "proliferation": CYCLE,
    "glucocorticoid": STEROID,
    "identity": MESENCHYME,
}
OUT = {  # what was taken out of curated sets, and the contrast that says why
    "MSC_SENESCENCE_ARREST": (SENESCENCE, "HMGA1 TP53I3 CDKN2A CDKN2D GADD45A CCNG1 MDM2 SESN1 CDKN1C"),
    "MSC_SENESCENCE_DOWN": (CYCLE, "MKI67 TOP2A CCNB1 CDK1 E2F1 CCNA2 HMGB2 LBR"),
    "MSC_SENESCENCE_DOWN, no change": (SENESCENCE, "HMGB1"),
    "MSC_IMMUNOREG_CONSTITUTIVE": (PRIMING, "STC1 ENTPD1"),
    "MSC_LICENSING_UP_GSE117837": (
        PRIMING,
        "HAPLN1 MXRA5 PTHLH TNFSF4 PLXNA2 MSN HLA-DOB TNFSF15 BTC PRRG4 JAM2 HLA-G CP NLGN4X",
    ),
    "MSC_SASP_INFLAMMATORY": (PRIMING, "GDF15 IGFBP3 AREG MMP10"),
    "MSC_OSTEOGENIC_EARLY": (BONE, "TNC BMP2"),
    "MSC_OSTEOGENIC_LATE": (BONE, "SP7 BGLAP DMP1 MEPE SOST IFITM5 PHOSPHO1 FGF23"),
    "MSC_ADIPOGENIC_CORE": (STEROID, "PPARG LEP CEBPB CXCL12 LEPR APOE"),
}


def per_million(table: pd.DataFrame) -> pd.DataFrame:
    """Scale columns to a million and name rows by current symbols, rows of one symbol added up."""
    table = table / table.sum(axis=0) * 1e6
    by_id = {gene_id: symbol for symbol, gene_id in read_gene_ids().items()}
    aliases = read_aliases()
    bare = table.index.astype(str).str.split(".").str[0] if str(table.index[0]).startswith("ENS") else table.index
    names = [by_id.get(name) or aliases.get(name, name) for name in bare]
    return table.groupby(np.asarray(names, dtype=str)).sum()


def load_contrasts(data: Path) -> dict[str, tuple[pd.DataFrame, np.ndarray, np.ndarray | None]]:
    """Read CPM (genes x samples), arm (0, 1) and donor of each contrast."""
    found = {}
    folder = data / "bulk_fibroblast_passages"
    counts = pd.read_csv(folder / "counts.csv.gz", index_col=0)
    doublings = pd.read_csv(folder / "labels.csv", index_col=0)["population_doublings"][counts.columns].to_numpy()
    use = np.isin(doublings, [16, 26, 74])
    found[SENESCENCE] = (per_million(counts).loc[:, use], (doublings[use] == 74).astype(int), None)
    fpkm = pd.read_csv(data / "bulk_ucmsc_priming" / "GSE224190_gene_FPKM.txt", sep="\t", index_col=0)
    fpkm = fpkm.filter(like="fpkm")
    found[PRIMING] = (per_million(fpkm), fpkm.columns.str.startswith("primed").astype(int), None)
    folder = data / "housman_ipsc_msc_osteo_pseudobulk"
    sums = per_million(pd.read_csv(folder / "counts.tsv.gz", sep="\t", index_col=0))
    columns = pd.read_csv(folder / "columns.tsv", sep="\t", index_col=0)
    for name, scheme, arms in (
        (BONE, "adhoc", (["MSC"], ["Osteogenic"])),
        (MESENCHYME, "adhoc", (["iPSC"], ["MSC"])),
        (CYCLE, "cluster0.50", (["MSC.c1", "MSC.c2", "MSC.c3"], ["MSC.c4"])),
    ):
        chosen = columns[columns["scheme"] == scheme]
        parts = {
            (arm, donor): sums[rows.index].mean(axis=1)
            for arm, labels in enumerate(arms)
            for donor, rows in chosen[chosen["label"].isin(labels)].groupby("individual_replicate")
        }
        found[name] = (
            pd.concat(parts, axis=1),
            np.array([arm for arm, _ in parts]),
            np.array([donor for _, donor in parts]),
        )
    airway = anndata.read_h5ad(data / "bulk_airway" / "airway.h5ad")
    table = pd.DataFrame(np.asarray(airway.to_df()).T, index=airway.var_names, columns=airway.obs_names)
    treated = (airway.obs["dex"].astype(str) == "trt").to_numpy().astype(int)
    found[STEROID] = (per_million(table), treated, airway.obs["cell"].astype(str).to_numpy())
    return found


def test_genes(cpm: pd.DataFrame, arm: np.ndarray, donor: np.ndarray | None) -> pd.DataFrame:
    """Log2 change and adjusted p of the genes that are not silent, by the product's moderated t."""
    shown = (cpm >= MIN_CPM).sum(axis=1) >= min(arm.sum(), (1 - arm).sum())
    values = np.log2(cpm[shown].to_numpy() + 1).T
    matrix = pd.DataFrame({"intercept": 1.0}, index=range(len(arm)))
    for name in [] if donor is None else np.unique(donor)[1:]:
        matrix[name] = (donor == name).astype(float)
    matrix["arm"] = arm.astype(float)
    design = SimpleNamespace(
        matrix=matrix,
        coefficient="arm",
        df=len(arm) - matrix.shape[1],
        paired=donor is not None,
        contrast=SimpleNamespace(trend=False),
    )
    change, _, _, pvalue = moderated_t.moderated_t(values, design)
    return pd.DataFrame({"change": change, "padj": adjust_pvalues(pvalue)}, index=cpm.index[shown])


def judge_set(genes: list[str], tested: pd.DataFrame, sign: int) -> tuple[int, int, int, int]:
    """Genes that move the stated way, the other way, not, and that are silent."""
    seen = tested.reindex([gene for gene in genes if gene in tested.index])
    moves = seen["padj"] < LEVEL
    right = int((moves & (sign * seen["change"] > 0)).sum())
    return right, int(moves.sum()) - right, int((~moves).sum()), len(genes) - len(seen)


def write_tables(tests: dict[str, pd.DataFrame]) -> str:
    """Set the trial of every set, and what was taken out, as Markdown."""
    lines = [
        "Judged by: genes that move the stated way / the other way / not / are silent, in the contrast that states the "
        "set's direction. Then the genes up / down in each contrast.",
        "",
        "| set | use | genes | judged by | right / wrong / flat / silent | " + " | ".join(tests) + " |",
        "|---|---|---|---|---|" + "---|" * len(tests),
    ]
    for key, entry in load_markers().signatures.items():
        contrast, sign = JUDGED_BY.get(entry["axis"]), -1 if entry["direction"] == "down" else 1
        verdict = " / ".join(map(str, judge_set(entry["genes"], tests[contrast], sign))) if contrast else "no contrast"
        ups = [" / ".join(map(str, judge_set(entry["genes"], tested, 1)[:2])) for tested in tests.values()]
        lines.append(
            f"| `{key}` | {entry['use']} | {len(entry['genes'])} | {contrast or ''} | {verdict} | {' | '.join(ups)} |"
        )
    lines += ["", "Taken out of curated sets, with the log2 change that says why (* FDR below 5 %):", ""]
    for key, (contrast, genes) in OUT.items():
        said = []
        for gene in genes.split():
            row = tests[contrast].loc[gene] if gene in tests[contrast].index else None
            said.append(
                f"{gene} silent" if row is None else f"{gene} {row.change:+.1f}{'*' if row.padj < LEVEL else ''}"
            )
        lines.append(f"- {key} ({contrast}): {', '.join(said)}")
    return "\n".join(lines)


def main() -> None:
    """Test all sets in all contrasts, print the tables, write them into the document if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks/scoring.md")
    options = parser.parse_args()
    data = Path(os.environ.get("MSCAPE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    text = write_tables({name: test_genes(*contrast) for name, contrast in load_contrasts(data).items()})
    print(text)
    if options.write:
        before, _, after = DOCUMENT.read_text(encoding="utf-8").split(MARK)
        DOCUMENT.write_text(f"{before}{MARK}\n\n{text}\n\n{MARK}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
