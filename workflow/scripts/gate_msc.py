"""Judge each cell and each lot by the rates of the ISCT markers in its neighborhood, and name what is no MSC."""

from functools import partial

from anndata import AnnData

from mscape.backends import active
from mscape.data import counts
from mscape.data.table_io import write_table
from mscape.errors import UserError
from mscape.gating.gate import gate_dataset
from mscape.gating.options import GateOptions
from mscape.run import step


def read_inputs(path: str, embedding_path: str) -> tuple[AnnData, AnnData]:
    """Read what the gate needs of the two stage files, and check that they hold the same cells."""
    cells, embedding = counts.read_light(path), counts.read_light(embedding_path)
    if not cells.obs_names.equals(embedding.obs_names):
        msg = f"{embedding_path} holds other cells than {path}; run embed_cells again."
        raise UserError(msg)
    return cells, embedding


def main(input, output, params):
    """Read counts and embedding, call the cells, write the stage file and four tables."""
    cells, embedding = read_inputs(input.h5ad, input.embedding)
    stage = cells.uns.get("mscape", {}).get("merge_samples", {})
    result = gate_dataset(
        cells,
        embedding,
        partial(counts.read_genes, input.h5ad),
        markers=input.markers,
        options=GateOptions(**params.settings),
        organism=params.organism,
        culture=params.culture,
        ambient_fraction=stage.get("ambient_fraction", {}),
        seed=params.seed,
        threads=params.threads,
    )
    record = result.record(cells.obs["sample_id"])
    counts.write(
        AnnData(
            obs=result.obs(cells.obs_names), obsm=result.obsm(cells.obs_names), uns={"mscape": {"gate_msc": record}}
        ),
        output.h5ad,
    )
    write_table("gate", result.table, output.table)
    write_table("contaminants", result.contaminants, output.contaminants)
    write_table("hidden_mixture", result.hidden, output.hidden)
    write_table("flow_agreement", result.flow_agreement, output.flow_agreement)


if "snakemake" in globals():
    step.run(active.with_backend(main), snakemake)
