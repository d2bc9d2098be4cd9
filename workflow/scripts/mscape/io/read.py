"""Read counts of one sample into memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import scipy.sparse as sp

from mscape.data.reference_table import read_reference
from mscape.errors import UserError
from mscape.genes.names import GENES
from mscape.io import formats
from mscape.io.formats import features

if TYPE_CHECKING:
    from anndata import AnnData


def read_counts(
    path: str | Path, *, organism: str = "human", genome: str = "", member: str = "", cells: str = ""
) -> AnnData:
    """Read the counts of a sample from any format; see :func:`mscape.api.read`."""
    from anndata import AnnData

    path = Path(path)
    known = read_reference(GENES)
    with formats.open_counts(path, format="auto", member=member, cells=cells, known=known) as table:
        genes = features.settle(table.features, known, organism=organism, genome=genome)
        matrix = sp.vstack([genes.apply(block) for block in table.rows()], format="csr")
        obs = pd.DataFrame(index=pd.Index(table.barcodes.astype(str)))
        if table.chemistry:
            obs["assay"] = table.chemistry
        record = {"path": str(path), "format": table.format, "notes": [*table.notes, *genes.notes]}
    if not matrix.nnz:
        msg = f"{path} holds {matrix.shape[0]:,} cells and not one count. Give the matrix that has them."
        raise UserError(msg)
    adata = AnnData(matrix, obs=obs, var=genes.var, uns={"mscape": {"load_counts": record}})
    adata.obs_names_make_unique()
    return adata
