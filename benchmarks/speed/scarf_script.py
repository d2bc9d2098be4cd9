"""The same analysis by scarf 0.32, which has no doublet scores and no gene-set scores.

scarf_script.py IN.h5ad OUT.zarr THREADS, by the Python of an environment of its own, because scarf needs numpy 1.26:
`uv pip install scarf==0.32.5 leidenalg igraph`.
"""

import shutil
import sys

import scarf

source, out, threads = sys.argv[1:]
shutil.rmtree(out, ignore_errors=True)
reader = scarf.H5adReader(source, feature_name_key="_index")
scarf.H5adToZarr(reader, zarr_loc=out, assay_name="RNA").dump(batch_size=997)  # a divisor of the cells would stop it
data = scarf.DataStore(
    out, nthreads=int(threads), min_features_per_cell=200, min_cells_per_feature=3, default_assay="RNA"
)
data.filter_cells(attrs=["RNA_nFeatures"], lows=[200], highs=[1_000_000])
data.mark_hvgs(min_cells=3, top_n=2000, show_plot=False)
data.make_graph(feat_key="hvgs", k=15, dims=50)
data.run_leiden_clustering(resolution=1.0)
data.run_umap()
data.run_marker_search(group_key="RNA_leiden_cluster")
