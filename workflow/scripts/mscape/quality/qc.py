"""Quality control of the cells of one sample."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mscape.data import counts
from mscape.genes.registry import REGISTRY
from mscape.genes.species import species
from mscape.quality.ambient import measure_ambient
from mscape.quality.doublets import score_doublets
from mscape.quality.dying_cells import find_low_quality
from mscape.quality.limits import count_together, describe, find_faults, judge_cells, set_limits
from mscape.quality.metrics import measure_cells
from mscape.quality.sex import GENES, check_sex, sum_sex_genes
from mscape.quality.sex_mixture import find_two_sexes

if TYPE_CHECKING:
    from pathlib import Path

    from mscape.data.counts import Source
    from mscape.quality.options import QcOptions


def qc_sample(
    source: Source,
    options: QcOptions,
    *,
    organism: str = "human",
    stated_sex: str = "unknown",
    markers: str | Path = REGISTRY,
    seed: int = 0,
) -> tuple[pd.DataFrame, dict]:
    """Measure the quality of each cell of a sample, set limits that fit the sample, and score doublets.

    Parameters
    ----------
    source
        Raw counts of one sample.
    options
        Settings.
    organism
        Species of the cells; sex and ambient RNA are judged for human ones only.
    stated_sex
        Sex of the donor, to compare with transcripts.
    markers
        Registry of the lineage panels, from which ambient RNA is estimated.
    seed
        Of the simulated doublets.

    Returns
    -------
    cells
        One row a cell, none dropped: ``total_counts n_genes_by_counts pct_counts_mt ... doublet_score
        predicted_doublet low_quality_group``, and ``qc`` = pass or the first reason against.
    summary
        Limits, ambient fraction, doublets, sex, cells of the other sex, and notes, for ``uns``.
    """
    settings = asdict(options)
    genes = counts.read_var(source).index
    of_sex = GENES if species(organism).isct else {}
    cells, of_gene = measure_cells(counts.blocks(source), genes, summed=of_sex)
    sexed = pd.DataFrame({name: cells.pop(name) for name in of_sex})
    cells.index = counts.read_obs(source).index
    limits = set_limits(cells, settings)
    faults = find_faults(cells, limits)
    qc = judge_cells(faults)
    notes = describe(cells, qc, limits)

    passed = np.flatnonzero(qc == "pass")
    found, reason = score_doublets(source, passed, cells["total_counts"].to_numpy(), settings, seed=seed)
    cells["doublet_score"], cells["predicted_doublet"] = np.float32("nan"), False
    cells["low_quality_group"] = False
    if found is None:
        notes.append(f"no doublet scores: {reason}")
    else:
        cells.iloc[passed, cells.columns.get_loc("doublet_score")] = found.score
        cells.iloc[passed, cells.columns.get_loc("predicted_doublet")] = found.called
        if options.doublets == "remove":
            qc[passed[found.called]] = "doublet"
        total, share = (cells[name].to_numpy()[passed] for name in ("total_counts", "pct_counts_mt"))
        for group in find_low_quality(found.embedding, total, share, seed=seed):
            cells.iloc[passed[group.cells], cells.columns.get_loc("low_quality_group")] = True
            notes.append(
                f"{len(group.cells):,} cells that pass form a group with {group.counts:,.0f} counts and "
                f"{group.pct_mt:.0f} % mitochondrial ones at the median (sample: {np.median(total):,.0f} and "
                f"{np.median(share):.0f} %): dying cells? They are kept, and flagged as low_quality_group"
            )
    soup = measure_ambient(source, cells["total_counts"].to_numpy(), passed, organism=organism, markers=markers)
    sex = check_sex(sum_sex_genes(of_gene, genes), stated_sex) if species(organism).isct else {}
    if sex.get("agrees") == "no":
        notes.append(
            f"the sheet says {sex['stated']}, transcripts say {sex['found']} (XIST {sex['xist_cpm']:.0f}, "
            f"Y {sex['y_cpm']:.0f} CPM): sample swap?"
        )
    mixture = None
    if of_sex:
        own = sexed.iloc[passed]
        mixture = find_two_sexes(own["XIST"], own["Y"], cells["total_counts"].iloc[passed])
    if mixture and mixture.finding == "found":
        notes.append(
            f"{100 * mixture.share:.0f} % of the cells are of the other sex than the {mixture.sex} ones: two donors?"
        )
    cells["qc"] = qc.remove_unused_categories()
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
        "sex_mixture": asdict(mixture) if mixture else {},
        "notes": notes,
        "parameters": {key: "none" if value is None else value for key, value in settings.items()},
    }
    return cells, summary
