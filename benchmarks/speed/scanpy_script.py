"""What people would write instead: scanpy 1.12 with its defaults. scanpy_script.py OUT.h5ad IN.h5ad...

The seconds of each stage are kept beside OUT.h5ad as OUT.tsv.
"""

import sys
import time
from pathlib import Path

import anndata as ad
import hdf5plugin  # noqa: F401  the simulated files are zstd-compressed
import pandas as pd
import scanpy as sc

laps = [("", time.monotonic())]


def done(stage: str) -> None:
    """Note that a stage, or a sample's part of it, has ended."""
    laps.append((stage, time.monotonic()))


out, *files = sys.argv[1:]
samples = {}
for file in files:
    sample = ad.read_h5ad(file)
    sample.X = sample.X.astype("float32")
    sample.var["mt"] = sample.var_names.str.startswith("MT-")
    sc.pp.calculate_qc_metrics(sample, qc_vars=["mt"], inplace=True)
    sc.pp.filter_cells(sample, min_genes=200)
    done("read and QC")
    sc.pp.scrublet(sample)
    done("Scrublet")
    samples[file] = sample
adata = ad.concat(samples, label="sample", index_unique="-")
adata.obs["sample"] = adata.obs["sample"].astype("category")
sc.pp.filter_genes(adata, min_cells=3)
adata.layers["counts"] = adata.X.copy()
sc.pp.normalize_total(adata)
sc.pp.log1p(adata)
sc.pp.highly_variable_genes(adata, n_top_genes=2000, batch_key="sample")
done("normalise and variable genes")
sc.pp.pca(adata)
sc.pp.neighbors(adata, use_rep="X_pca")
done("PCA and neighbours")
sc.tl.leiden(adata)
done("Leiden")
sc.tl.umap(adata)
done("UMAP")
genes = list(adata.var_names)
for number in range(10):
    sc.tl.score_genes(adata, genes[number::400][:50], score_name=f"score{number}")
done("scores")
sc.tl.rank_genes_groups(adata, "leiden", method="wilcoxon")
done("markers")
adata.write_h5ad(out)
done("write")
seconds = pd.DataFrame(laps, columns=["stage", "wall_s"]).set_index("stage")["wall_s"].diff().dropna()
seconds.groupby(level=0, sort=False).sum().round(1).to_csv(Path(out).with_suffix(".tsv"), sep="\t")
