"""Write a dataset in the CELLxGENE schema; what cannot be known is `unknown` where that is allowed, never invented."""

import logging

import anndata
import h5py
import numpy as np

from mscape.data import counts
from mscape.errors import UserError
from mscape.export.cellxgene import SCHEMA, build, describe_cells, keep_genes, read_gene_ids, read_terms
from mscape.export.layers import GZIP, write_matrices
from mscape.genes.species import species
from mscape.run import step

logger = logging.getLogger("mscape")


def main(input, output, params):
    """Join cells, terms and matrices into one file, or say what the sheet lacks."""
    if not species(params.organism).has_markers:
        msg = (
            f"organism is {params.organism!r}; the CELLxGENE export knows human and mouse. Leave export.cellxgene off "
            "for this dataset."
        )
        raise UserError(msg)
    whole = counts.read_light(input.h5ad)
    terms = read_terms(input.terms)
    columns, faults = describe_cells(whole.obs, terms, organism=params.organism, culture=params.culture)
    genes = keep_genes(whole.var, read_gene_ids(input.genes, params.organism))
    if not len(genes):
        faults.append(f"no gene of {whole.n_vars} has an Ensembl id of GENCODE; give the counts with gene ids.")
    if faults:
        msg = f"the CELLxGENE schema {SCHEMA} asks for what is not known of this dataset: " + " ".join(faults)
        raise UserError(msg)
    logger.info("%d of %d genes have an Ensembl id that the schema knows", len(genes), whole.n_vars)
    shell = build(whole, columns, genes, terms["organism"][params.organism], title=params.title)
    with anndata.settings.override(allow_write_nullable_strings=False):
        shell.write_h5ad(output.h5ad, **GZIP)
        with h5py.File(output.h5ad, "r+") as file:
            raw = file.create_group("raw")
            raw.attrs.update({"encoding-type": "raw", "encoding-version": "0.1.0"})
            anndata.io.write_elem(raw, "var", shell.var[["symbol"]], dataset_kwargs=GZIP)
            file.create_group("raw/varm").attrs.update({"encoding-type": "dict", "encoding-version": "0.1.0"})
    write_matrices(output.h5ad, input.counts, raw="raw/X", dtype=np.float32, columns=genes)


if "snakemake" in globals():
    step.run(main, snakemake)
