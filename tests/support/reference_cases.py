"""Simulated lots as a reference keeps them, drawn at the level of sums."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData

import write_reference
from mscape.data import counts
from mscape.data.reference_table import read_reference
from mscape.genes.names import GENES
from mscape.genes.registry import REGISTRY, load_markers
from mscape.reference.files import FILES
from mscape.reference.folder import Reference, read_folder
from mscape.reference.lots import ATTRIBUTES, METADATA, Lots, depth_points, registry_genes
from mscape.simulation.cells import draw_cells
from mscape.simulation.counts import draw_counts
from mscape.simulation.model import draw_rates
from mscape.simulation.options import SimulateOptions
from mscape.simulation.sums import draw_sum

MARKERS = load_markers()


def study_rates(seed=1, genes=4000):
    return draw_rates(MARKERS, read_reference(GENES), seed=seed, genes=genes)


def simulated_lots(rates, given, *, seed=1, tissue="bone marrow", cells=500, **options):
    """Lots of these names, a donor each; settings of the simulation are those of all of them."""
    kept = [gene for gene in registry_genes(MARKERS) if gene in rates.genes.index]
    places = rates.genes.index.get_indexer(kept)
    rows = {}
    for name in given:
        lot = {"sample_id": name, "donor_id": name, "tissue": tissue}
        rows[name] = draw_sum(rates, lot, seed=seed, options=SimulateOptions(cells=cells, **options))
    return lots_of({name: row[places] for name, row in rows.items()}, kept, rows, tissue=tissue)


def lots_of(sums, genes, whole, *, tissue="unknown", assay="unknown"):
    """Lots of these sums; ``whole`` has the counts of all genes."""
    index = pd.Index(list(sums), name="lot_id", dtype=object)
    about = pd.DataFrame("unknown", index, list(METADATA)).astype(object)
    about = about.assign(donor_id=list(sums), tissue=tissue, assay=assay, n_cells=500, cells="MSC")
    about["total_counts"] = [int(np.sum(whole[name])) for name in sums]
    return Lots(
        about,
        pd.DataFrame(sums, genes).T.astype(float).set_axis(index),
        pd.DataFrame(1.0, index, depth_points()),
        pd.DataFrame(columns=ATTRIBUTES),
    )


def join(*parts):
    """Put lots of the same genes together."""
    return Lots(
        *(pd.concat([getattr(part, key) for part in parts]) for key in ("about", "sums", "depth")),
        pd.concat([part.attributes for part in parts if len(part.attributes)] or [parts[0].attributes]),
    )


def as_reference(lots, **given):
    """Take lots for a reference without writing them."""
    record = {"name": "test", "version": "0" * 12, "simulated": True, "organism": "human"}
    return Reference(lots, record | given)


def counted_cells(rates, names, *, cells=60, seed=1, **options):
    """Counts of simulated cells of these lots, each a sample, and the calls that the gate would give."""
    settings = SimulateOptions(cells=cells, umi_median=3000, **options)
    blocks, obs = [], []
    for name in names:
        lot = {"sample_id": name, "donor_id": f"donor {name}", "tissue": "bone marrow"}
        truth = draw_cells(lot, seed=seed, options=settings)
        blocks += [block for block, _ in draw_counts(truth, rates, lot, seed=seed, options=settings)]
        index = [f"{name}_{barcode}" for barcode in truth["barcode"]]
        about = {"sample_id": name, "lot_id": name, "donor_id": lot["donor_id"], "tissue": lot["tissue"]}
        obs.append(pd.DataFrame(about, index).assign(assay="unknown"))
    obs = pd.concat(obs).astype("category")
    measured = pd.DataFrame(data=True, index=rates.genes.index, columns=list(names))
    adata = AnnData(sp.vstack(blocks, format="csr"), obs=obs, var=rates.genes[["gene_id"]], varm={"measured": measured})
    return adata, pd.Series("pass", obs.index)


REFERENCE_SETTINGS = {"path": "", "build": False, "lots": [], "alpha": 0.05, "min_stratum": 10}


def stage_files(folder, names, *, depth=None, **options):
    """Counts, calls and passports of a dataset, as the steps before have written them."""
    folder.mkdir()
    adata, calls = counted_cells(study_rates(), names, **options)
    counts.write(adata, folder / "counts.h5ad")
    gate = adata[:, []].copy()
    gate.obs["isct_call"] = calls.astype("category")
    counts.write(gate, folder / "gate.h5ad")
    one = {"name": "depth", "title": "Depth", "group": "quality", "unit": "counts"}
    lots = [
        {
            "lot_id": name,
            "tissue": "bone marrow",
            "verdict": "FAIL" if name == "BAD" else "PASS",
            "attributes": [one | {"value": (depth or {}).get(name, 3000.0)}],
        }
        for name in names
    ]
    passports = {"run_id": "0" * 12, "simulated": True, "lots": lots}
    (folder / "passports.json").write_text(json.dumps(passports))
    return {"counts": folder / "counts.h5ad", "gate": folder / "gate.h5ad", "passports": folder / "passports.json"}


def build_reference(files, folder, **settings):
    given = SimpleNamespace(**files, markers=REGISTRY)
    params = SimpleNamespace(settings=REFERENCE_SETTINGS | settings, organism="human", dataset="known")
    write_reference.main(given, [str(folder / file) for file in FILES], params)
    return read_folder(folder)
