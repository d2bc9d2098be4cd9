"""Measure the quality of each cell of one sample, set limits that fit the sample, and score doublets."""

import logging
from pathlib import Path

import anndata
import numpy as np

from mscape.data import counts
from mscape.quality.ambient import measure_ambient
from mscape.quality.doublets import score_doublets
from mscape.quality.dying_cells import find_low_quality
from mscape.quality.limits import count_together, describe, find_faults, judge_cells, set_limits
from mscape.quality.metrics import measure_cells
from mscape.quality.sex import check_sex, sum_sex_genes
from mscape.run import step

logger = logging.getLogger("mscape")


def main(input, output, params):
    """Write qc.h5ad of one sample: one row a cell of raw.h5ad, nothing dropped."""
    settings = params.settings
    path = str(input.h5ad)
    genes = counts.read_var(path).index
    cells, of_gene = measure_cells(counts.blocks(path), genes)
    cells.index = counts.read_obs(path).index
    limits = set_limits(cells, settings)
    faults = find_faults(cells, limits)
    qc = judge_cells(faults)
    notes = describe(cells, qc, limits)

    passed = np.flatnonzero(qc == "pass")
    found, reason = score_doublets(path, passed, cells["total_counts"].to_numpy(), settings, seed=params.seed)
    cells["doublet_score"], cells["predicted_doublet"] = np.float32("nan"), False
    cells["low_quality_group"] = False
    if found is None:
        notes.append(f"no doublet scores: {reason}")
    else:
        cells.iloc[passed, cells.columns.get_loc("doublet_score")] = found.score
        cells.iloc[passed, cells.columns.get_loc("predicted_doublet")] = found.called
        if settings["doublets"] == "remove":
            qc[passed[found.called]] = "doublet"
        total, share = (cells[name].to_numpy()[passed] for name in ("total_counts", "pct_counts_mt"))
        for group in find_low_quality(found.embedding, total, share, seed=params.seed):
            cells.iloc[passed[group.cells], cells.columns.get_loc("low_quality_group")] = True
            notes.append(
                f"{len(group.cells):,} cells that pass form a group with {group.counts:,.0f} counts and "
                f"{group.pct_mt:.0f} % mitochondrial ones at the median (sample: {np.median(total):,.0f} and "
                f"{np.median(share):.0f} %): dying cells? They are kept, and flagged as low_quality_group"
            )
    soup = measure_ambient(
        path,
        cells["total_counts"].to_numpy(),
        passed,
        organism=params.organism,
        markers=Path(input.markers),
    )
    sex = {}
    if params.organism == "human":
        sex = check_sex(sum_sex_genes(of_gene, genes), str(params.row.get("sex", "unknown")))
    if sex.get("agrees") == "no":
        notes.append(
            f"the sheet says {sex['stated']}, transcripts say {sex['found']} (XIST {sex['xist_cpm']:.0f}, "
            f"Y {sex['y_cpm']:.0f} CPM): sample swap?"
        )
    cells["qc"] = qc.remove_unused_categories()
    for note in notes:
        logger.warning("%s", note)
    summary = {
        "limits": limits,
        "failed_together": count_together(faults),
        "ambient_fraction": soup.fraction,
        "ambient_source": soup.source,
        "doublets": {
            "reason": reason,
            "threshold": np.nan if found is None else found.threshold,
            "expected_rate": np.nan if found is None else found.expected_rate,
            "detectable": np.nan if found is None else found.detectable,
            "n_called": 0 if found is None else int(found.called.sum()),
        },
        "sex": sex,
        "notes": notes,
        "parameters": {key: "none" if value is None else value for key, value in settings.items()},
    }
    counts.write(anndata.AnnData(obs=cells, uns={"mscape": {"qc_cells": summary}}), output.h5ad)


if "snakemake" in globals():
    step.run(main, snakemake)
