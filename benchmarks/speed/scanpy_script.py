"""What people would write instead: scanpy 1.12 with its defaults. scanpy_script.py OUT.h5ad IN.h5ad..."""

import sys

import anndata as ad
import hdf5plugin  # noqa: F401  the simulated files are zstd-compressed
import scanpy as sc

out, *files = sys.argv[1:]
samples = {}
for file in files:
    sample = ad.read_h5ad(file)
    sample.X = sample.X.astype("float32")
    sample.var["mt"] = sample.var_names.str.startswith("MT-")
    sc.pp.calculate_qc_metrics(sample, qc_vars=["mt"], inplace=True)
    sc.pp.filter_cells(sample, min_genes=200)
    sc.pp.scrublet(sample)
    samples[file] = sample
adata = ad.concat(samples, label="sample", index_unique="-")
adata.obs["sample"] = adata.obs["sample"].astype("category")
sc.pp.filter_genes(adata, min_cells=3)
adata.layers["counts"] = adata.X.copy()
sc.pp.normalize_total(adata)
sc.pp.log1p(adata)
sc.pp.highly_variable_genes(adata, n_top_genes=2000, batch_key="sample")
sc.pp.pca(adata)
sc.pp.neighbors(adata, use_rep="X_pca")
sc.tl.leiden(adata)
sc.tl.umap(adata)
genes = list(adata.var_names)
for number in range(10):
    sc.tl.score_genes(adata, genes[number::400][:50], score_name=f"score{number}")
sc.tl.rank_genes_groups(adata, "leiden", method="wilcoxon")
adata.write_h5ad(out)
