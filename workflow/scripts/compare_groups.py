"""Compare groups of donors in scores, genes and cluster shares; refuse in a sentence what the donors cannot tell."""

import logging

import pandas as pd

from mscape.comparison import composition, contrasts
from mscape.comparison import design as designs
from mscape.comparison.compare import (
    COLUMNS,
    average_scores,
    choose_contrasts,
    clusters_of,
    compare_expression,
    compare_scores,
    describe_cells,
    describe_design,
    gather_pseudobulk,
    label_rows,
    measured_in_lots,
    step_table,
    sum_lots,
)
from mscape.data import counts
from mscape.run import step

logger = logging.getLogger(__name__)

COLUMNS += ["note", "statistic", "unit"]


def main(input, output, params):
    """Read counts, clusters, scores and the gate; write contrasts, composition and pseudobulk."""
    settings = params.settings
    obs, var = counts.read_obs(input.h5ad), counts.read_var(input.h5ad)
    leiden = clusters_of(counts.read_obs(input.clusters), obs.index)
    clustered = leiden != ""
    if not clustered.any():
        logger.info("no cell was clustered: all tables are empty")
    factors = [*settings["factors"], *(item["factor"] for item in settings["contrasts"]), *settings["covariates"]]
    lots = contrasts.describe_lots(obs, factors, cells=clustered)
    found = choose_contrasts(lots, settings)
    shares = composition.count_shares(obs["lot_id"][clustered].astype(str), leiden[clustered])
    table = composition.cross(obs["lot_id"][clustered].astype(str), leiden[clustered]).reindex(lots.index, fill_value=0)
    known = measured_in_lots(input.h5ad, obs, lots.index, len(var))
    bulk = gather_pseudobulk(input.h5ad, obs, leiden, var.assign(measured=known.all(axis=0)))
    summed = sum_lots(bulk, lots.index)
    scores = counts.read_light(input.scores).obsm[f"score_{settings['score']}"].loc[obs.index[clustered]]
    means, variances = average_scores(obs["lot_id"][clustered].astype(str), scores, lots.index)

    remark = describe_cells(counts.read_obs(input.gate)["isct_call"].reindex(obs.index)[clustered])
    parts = []
    for contrast in found:
        design = designs.build_design(
            lots,
            contrast,
            covariates=[*lots.columns.intersection(settings["factors"]), *settings["covariates"]]
            if settings["adjust"]
            else [],
            min_donors=settings["min_donors"],
            min_cells=settings["min_cells"],
        )
        if design is None:
            parts.append(describe_design(contrast, design))
            continue
        if remark:
            design.remarks.append(remark)
        parts.append(describe_design(contrast, design))
        confidence = {"confidence": settings["confidence"]}
        parts.append(label_rows(compare_scores(means, variances, list(scores), design, **confidence), "score", design))
        parts.append(label_rows(composition.compare_shares(table, design, **confidence), "composition", design))
        if settings["genes"]:
            genes = compare_expression(summed, var.index, known, design, min_cpm=settings["min_cpm"], **confidence)
            parts.append(label_rows(genes, "gene", design))
        logger.info("%s: %s and %s donors. %s", contrast.name, design.n_reference, design.n_other, design.note)
    parts = [part for part in parts if not part.empty]
    result = pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)
    step_table(result, output.contrasts)
    step_table(shares, output.composition)
    bulk.uns["mscape"] = {
        "compare_groups": {"contrasts": [contrast.name for contrast in found], "cells": remark or "MSC"}
    }
    counts.write(bulk, output.pseudobulk)


if "snakemake" in globals():
    step.run(main, snakemake)
