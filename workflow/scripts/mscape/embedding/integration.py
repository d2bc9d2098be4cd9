"""Batch integration of an embedding: four methods with one signature, and measures of their effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mscape.backends import active
from mscape.embedding import pca_neighbors
from mscape.embedding.batch_mixing import centre_batches, conservation, graph_mixing, ilisi, mixing, same_places
from mscape.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    import scipy.sparse as sp
    from anndata import AnnData

MIN_CELLS = 100  # with fewer there is nothing to align batches by
MIN_CENTRED = 0.9  # mixing that centred batches must reach: they do if they hold the same populations
MIN_AGREEMENT = 0.9  # of the patterns of two batches: below, centring has laid different populations over each other


def embed_none(adata: AnnData, *, batch_key: str, n_neighbors: int, seed: int, threads: int) -> str:
    """Leave the components as they are. Returns the key of ``obsm`` to go on with."""
    return "X_pca"


def embed_harmony(adata: AnnData, *, batch_key: str, n_neighbors: int, seed: int, threads: int) -> str:
    """Harmony (Korsunsky 2019, doi:10.1038/s41592-019-0619-0): the result is the same for any number of threads.

    Sets ``obsm["X_harmony"]``, float32, the shape of ``X_pca``; returns its key.
    """
    adata.obsm["X_harmony"] = _harmony(adata.obsm["X_pca"], adata.obs[batch_key], seed=seed, threads=threads)
    return "X_harmony"


def embed_bbknn(adata: AnnData, *, batch_key: str, n_neighbors: int, seed: int, threads: int) -> str:
    """BBKNN (Polanski 2020, doi:10.1093/bioinformatics/btz625): the same number of neighbours from every batch.

    Sets ``obsp`` and ``uns["neighbors"]``; the components stay as they are, so their key is returned.
    """
    bbknn = _optional("bbknn", "embed.method bbknn")
    n_batches = adata.obs[batch_key].nunique()
    within = max(1, round(n_neighbors / n_batches))
    bbknn.bbknn(adata, batch_key=batch_key, use_rep="X_pca", neighbors_within_batch=within, computation="cKDTree")
    return "X_pca"


def embed_scvi(adata: AnnData, *, batch_key: str, n_neighbors: int, seed: int, threads: int) -> str:
    """Train scVI (Lopez 2018, doi:10.1038/s41592-018-0229-2) on ``layers["counts"]`` of the variable genes.

    Sets ``obsm["X_scvi"]``, float32, shape (n_cells, 10); returns its key.
    """
    scvi = _optional("scvi", "embed.method scvi")
    scvi.settings.seed = seed
    work = adata.copy()
    scvi.model.SCVI.setup_anndata(work, layer="counts", batch_key=batch_key)
    model = scvi.model.SCVI(work)
    model.train()
    adata.obsm["X_scvi"] = np.round(model.get_latent_representation(), 4).astype(np.float32)
    return "X_scvi"


METHODS: dict[str, Callable[..., str]] = {
    "none": embed_none,
    "harmony": embed_harmony,
    "bbknn": embed_bbknn,
    "scvi": embed_scvi,
}


def connect_cells(
    rep: np.ndarray, batch: np.ndarray, *, method: str, n_neighbors: int = 15, seed: int = 0
) -> sp.csr_matrix:
    """Join some cells of an embedding by a neighbour graph of their own, as all cells of the dataset are joined.

    Parameters
    ----------
    rep
        Shape (n_cells, n_dims).
    batch
        Shape (n_cells,).
    method
        Of the integration: ``bbknn`` looks for neighbours in each batch.
    n_neighbors, seed
        See ``mscape.embedding.add_neighbors``.

    Returns
    -------
    Connectivities, shape (n_cells, n_cells).
    """
    from anndata import AnnData

    obs = pd.DataFrame({"batch": batch.astype(str)}, index=np.arange(len(rep)).astype(str))
    adata = AnnData(obs=obs, obsm={"X_pca": np.asarray(rep, dtype=np.float32)})
    if method == "bbknn":
        embed_bbknn(adata, batch_key="batch", n_neighbors=n_neighbors, seed=seed, threads=1)
    else:
        pca_neighbors.add_neighbors(adata, use_rep="X_pca", n_neighbors=n_neighbors)
    return adata.obsp["connectivities"]


def choose_batch(obs: pd.DataFrame, *, batch_key: str = "auto") -> tuple[str | None, str]:
    """Say which column holds the batches.

    Parameters
    ----------
    obs
        Cells with the columns of the sample sheet.
    batch_key
        A column, or ``auto``: the first of batch, donor_id, sample_id with more than one known value.

    Returns
    -------
    key
        The column, None when there is one batch.
    reason
        In words.
    """
    if batch_key != "auto":
        if batch_key not in obs:
            msg = f"embed.batch_key: no column {batch_key!r} in the sample sheet; it has {', '.join(obs.columns)}."
            raise UserError(msg)
        n = obs[batch_key].nunique()
        return (batch_key, f"{n} values of {batch_key}, as configured") if n > 1 else (None, f"one {batch_key}")
    for key in ("batch", "donor_id", "sample_id"):
        if key in obs:
            values = obs[key].astype(str)
            n = values[~values.isin(["unknown", "", "nan"])].nunique()
            if n > 1:
                return key, f"{n} values of {key}"
    return None, "one batch"


def integrate(
    adata: AnnData,
    *,
    method: str = "auto",
    batch_key: str | None,
    min_mixing: float = 0.7,
    min_conservation: float = 0.4,
    n_neighbors: int = 15,
    seed: int = 0,
    threads: int = 1,
) -> dict:
    """Choose and run an integration, and measure what it did.

    Parameters
    ----------
    adata
        With ``obsm["X_pca"]`` and the batch column.
    method
        ``none``, ``harmony``, ``bbknn``, ``scvi`` or ``auto``: harmony when batches mix less than ``min_mixing``.
    batch_key
        Column of ``obs``; None means one batch.
    min_mixing
        Mixing (0 to 1) from which ``auto`` leaves the data alone.
    min_conservation
        Warn of over-correction when less of the neighbourhoods within batches is kept.
    n_neighbors, seed, threads
        Handed to the method.

    Returns
    -------
    method, reason, use_rep, mixing and ilisi before and after, conservation, centred, warning; same_places when
    centring was tried.
    """
    record: dict[str, Any] = {"method": "none", "use_rep": "X_pca", "mixing_before": np.nan, "mixing_after": np.nan}
    record |= {
        "ilisi_before": np.nan,
        "ilisi_after": np.nan,
        "conservation": np.nan,
        "centred": False,
        "same_places": np.nan,
        "warning": "",
    }
    if batch_key is None:
        return record | {"reason": "one batch: nothing to integrate"}
    batch = adata.obs[batch_key].astype(str).to_numpy()
    before = record["mixing_before"] = mixing(adata.obsm["X_pca"], batch, seed=seed)
    record["ilisi_before"] = record["ilisi_after"] = ilisi(adata.obsm["X_pca"], batch, seed=seed)
    n = len(np.unique(batch))
    if method == "auto":
        if adata.n_obs < MIN_CELLS:
            return record | {"reason": f"only {adata.n_obs} cells: too few to align {n} values of {batch_key}"}
        if before >= min_mixing:
            said = f"{n} values of {batch_key} already mix ({before:.2f} of the possible, {min_mixing:g} is asked for)"
            return record | {"reason": said, "mixing_after": before}
        method = "harmony"
        reason = f"{n} values of {batch_key} mix too little ({before:.2f} of the possible, {min_mixing:g} is asked for)"
    else:
        reason = "as configured"
    use_rep = METHODS[method](adata, batch_key=batch_key, n_neighbors=n_neighbors, seed=seed, threads=threads)
    record |= {"method": method, "reason": reason, "use_rep": use_rep, "mixing_after": before}
    if method == "bbknn":  # a graph and no new components
        return record | {"mixing_after": graph_mixing(adata.obsp["connectivities"], batch), "ilisi_after": np.nan}
    if use_rep == "X_pca":
        return record
    record |= _figures(adata.obsm["X_pca"], adata.obsm[use_rep], batch, seed)
    warnings = []
    if use_rep == "X_harmony" and record["mixing_after"] < min_mixing:
        warnings += _centre_and_retry(
            adata, record, batch_key, min_mixing, min_conservation=min_conservation, seed=seed, threads=threads
        )
    if record["conservation"] < min_conservation:
        warnings.append(
            f"{method} kept {record['conservation']:.2f} of the neighbourhoods within batches (at least "
            f"{min_conservation:g} is expected): it may have removed biology. Compare with embed.method none."
        )
    return record | {"warning": " ".join(warnings)}


def _centre_and_retry(
    adata: AnnData, record: dict, batch_key: str, min_mixing: float, *, min_conservation: float, seed: int, threads: int
) -> list[str]:
    """Run Harmony again on components centred in each batch, and keep it if batches hold the same populations.

    Harmony moves cells within clusters that several batches share. Where a strong effect leaves no such cluster, it
    moves nothing. Centred batches overlap, but so do different populations, and Harmony then pulls them together: the
    result is kept only if the batches mix nearly fully (a population that one batch lacks stays alone, or takes the
    place of another) and show the same pattern of populations (`alignment.same_places`).

    Sets
    ----
    obsm["X_harmony"]
        If the second run is kept; ``record`` then holds its figures.

    Returns
    -------
    Warnings, none if the batches mix now.
    """
    rep, batch = adata.obsm["X_pca"], adata.obs[batch_key].astype(str).to_numpy()
    after = _harmony(centre_batches(rep, batch), adata.obs[batch_key], seed=seed, threads=threads)
    figures, alone = _figures(rep, after, batch, seed), record["mixing_after"]
    record["same_places"] = agreement = same_places(rep, after, batch, seed=seed)
    retry = f"with each {batch_key} centred first it reaches {figures['mixing_after']:.2f}"
    if figures["mixing_after"] < max(MIN_CENTRED, alone):
        tried = (
            f"{retry}; that is kept from {MIN_CENTRED:g} only, since less suggests that they hold different populations"
        )
    elif not agreement >= MIN_AGREEMENT:
        tried = (
            f"{retry}, but that would lay different populations over each other (their patterns agree by "
            f"{agreement:.2f}, {MIN_AGREEMENT:g} is asked for), so it is not kept"
        )
    elif figures["conservation"] < min_conservation:
        tried = f"{retry}, but keeps only {figures['conservation']:.2f} of the neighbourhoods within batches"
    else:
        adata.obsm["X_harmony"] = after
        record |= figures | {"centred": True}
        record["reason"] += (
            f". Harmony alone left them at {alone:.2f}; {retry}, and the batches show the same pattern of populations "
            f"(agreement {agreement:.2f}). A population that is the whole of one {batch_key} is lost by centring"
        )
        return []
    return [
        f"harmony leaves the values of {batch_key} apart: mixing {record['mixing_after']:.2f} of the possible "
        f"({min_mixing:g} is asked for); {tried}. Populations that several of them share may be missed or united: "
        f"analyse each {batch_key} alone, or compare with another embed.method."
    ]


def _figures(before: np.ndarray, after: np.ndarray, batch: np.ndarray, seed: int) -> dict[str, float]:
    return {
        "mixing_after": mixing(after, batch, seed=seed),
        "ilisi_after": ilisi(after, batch, seed=seed),
        "conservation": conservation(before, after, batch, seed=seed),
    }


def _harmony(rep: np.ndarray, batch: pd.Series, *, seed: int, threads: int) -> np.ndarray:
    corrected = active.active().harmony(rep, batch, seed=seed, threads=threads)
    return np.round(corrected, 4).astype(np.float32)


def _optional(module: str, what: str):
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = {"scvi": "scvi-tools"}.get(module, module)
        msg = f"{what} needs the package {package}, which is not installed. Install it, or set embed.method to harmony."
        raise UserError(msg) from error
