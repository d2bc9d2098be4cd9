"""Share of cells whose rate exceeds a threshold, by deconvolution of the rates of neighborhoods.

The count of a neighborhood is its rate seen through counting noise. The distribution of the rates is estimated without
assuming its form, as weights on a grid (nonparametric empirical Bayes: Kiefer and Wolfowitz,
doi:10.1214/aoms/1177728066; Koenker and Mizera, doi:10.1080/01621459.2013.869224; with a Dirichlet prior on the weights
as in Stephens, doi:10.1093/biostatistics/kxw041). The share above the threshold is the share of neighborhoods on that
side. It is not the mean of their separate probabilities: where each is in doubt but all agree, that mean reports doubt
as positive cells.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

STEPS = np.array([0.05, 0.15, 0.25, 0.4, 0.6, 0.85, 1.15, 1.5, 2.0, 2.7, 3.5, 5.0])
GRID = np.concatenate([-STEPS[::-1], STEPS])  # log of rate over threshold
N_BELOW = len(STEPS)
CONCENTRATION = 1 / len(GRID)  # of the Dirichlet prior; the fraction above the threshold then has Jeffreys' prior
MIRRORED = 5  # pairs of grid points nearest to the threshold that may exchange their weights
FRACTIONS = np.sin(np.pi * (np.arange(32) + 0.5) / 64) ** 2  # evenly spaced under Jeffreys' prior of a fraction
BURN_IN = 50


def log_likelihood(
    count: np.ndarray, exposure: np.ndarray, threshold: np.ndarray, n_cells: np.ndarray, dispersion: np.ndarray
) -> np.ndarray:
    """Log likelihood of each block's count at the rates of ``GRID``, negative binomial.

    Parameters
    ----------
    count, exposure
        Summed count and summed totals of each block, shapes that broadcast to (..., n_blocks).
    threshold
        Rate at the threshold, ambient RNA included.
    n_cells
        Cells of the block.
    dispersion
        Squared coefficient of variation of the rate among cells; the sum over cells has the n-th part of it.

    Returns
    -------
    Shape (..., n_blocks, n_grid); each block's maximum is 0.
    """
    shape = (n_cells / dispersion)[..., None]
    mean = np.maximum(exposure * threshold, 1e-12)[..., None] * np.exp(GRID)
    x = np.asarray(count, float)[..., None]
    log = gammaln(x + shape) - gammaln(shape) - shape * np.log1p(mean / shape) + x * np.log(mean / (shape + mean))
    return log - log.max(axis=-1, keepdims=True)


def draw_above(
    log_likelihood: np.ndarray, used: np.ndarray, exchangeable: np.ndarray, *, n_draws: int, seed: int
) -> np.ndarray:
    """Draw from the posterior which blocks have a rate above the threshold.

    Gibbs sampling of the weights and of the blocks' grid points. Two steps let it cross the threshold, which blocks
    would otherwise do one by one: the fraction above the threshold is drawn with the blocks' sides summed out, and
    points that mirror each other at the threshold may exchange their weights (Metropolis; the prior is symmetric).

    Parameters
    ----------
    log_likelihood
        Shape (n_features, n_blocks, n_grid).
    used
        Blocks that exist for a feature, shape (n_features, n_blocks).
    exchangeable
        Blocks that share one distribution of rates, of a shape that broadcasts to (n_features, n_blocks). The others
        (cells of another lineage) are judged by their own counts, both sides being as likely: what MSC show says
        nothing about them.
    n_draws, seed
        Draws and their seed.

    Returns
    -------
    Shape (n_draws, n_features, n_blocks), bool.
    """
    rng = np.random.default_rng(seed)
    likelihood = np.exp(log_likelihood)
    n_features, n_blocks = likelihood.shape[:2]
    sides = likelihood.reshape(n_features, n_blocks, 2, N_BELOW)  # the grid is symmetric: as many points on each side
    weights = np.full((n_features, 2, N_BELOW), 1 / N_BELOW)
    exchangeable = np.broadcast_to(exchangeable, used.shape)
    shared = used & exchangeable
    below, above = sides.mean(axis=-1).transpose(2, 0, 1)
    alone = above / (above + below)
    out = np.empty((n_draws, n_features, n_blocks), bool)
    first_of_feature = np.arange(n_features)[:, None] * len(GRID)
    feature, block = np.indices(used.shape)
    for draw in range(-BURN_IN, n_draws):
        low, high = np.maximum(np.einsum("fbsk,fsk->sfb", sides, weights), 1e-300)
        density = np.einsum("fbt,fb->ft", np.log(low[..., None] + (high - low)[..., None] * FRACTIONS), shared)
        density = np.cumsum(np.exp(density - density.max(axis=1, keepdims=True)), axis=1)
        pick = (density < rng.random((n_features, 1)) * density[:, -1:]).sum(axis=1)
        fraction = FRACTIONS[pick][:, None]
        total = np.concatenate([weights[:, 0] * (1 - fraction), weights[:, 1] * fraction], axis=1)
        _exchange(total, likelihood, shared, rng)
        fraction = total[:, N_BELOW:].sum(axis=1, keepdims=True)
        weights = np.stack([total[:, :N_BELOW] / (1 - fraction + 1e-300), total[:, N_BELOW:] / (fraction + 1e-300)], 1)
        low, high = np.maximum(np.einsum("fbsk,fsk->sfb", sides, weights), 1e-300)
        probability = np.where(exchangeable, fraction * high / (fraction * high + (1 - fraction) * low), alone)
        present = rng.random((n_features, n_blocks)) < probability
        if draw >= 0:
            out[draw] = present
        side = present.astype(int)
        reached = np.cumsum(sides[feature, block, side] * weights[feature, side], axis=-1)
        point = (reached < rng.random((n_features, n_blocks, 1)) * reached[..., -1:]).sum(axis=-1)
        taken = np.bincount((first_of_feature + side * N_BELOW + point)[shared], minlength=n_features * len(GRID))
        gamma = rng.standard_gamma(CONCENTRATION + taken.reshape(weights.shape)) + 1e-300
        weights = gamma / gamma.sum(axis=-1, keepdims=True)
    return out


def _exchange(weights: np.ndarray, likelihood: np.ndarray, shared: np.ndarray, rng: np.random.Generator) -> None:
    """Exchange the weights of points that mirror each other, where the likelihood admits it; changed in place."""
    density = np.maximum(np.einsum("fbk,fk->fb", likelihood, weights), 1e-300)
    for distance in range(MIRRORED):
        i, j = N_BELOW - 1 - distance, N_BELOW + distance
        step = (weights[:, j] - weights[:, i])[:, None]
        other = np.maximum(density + step * (likelihood[..., i] - likelihood[..., j]), 1e-300)
        ratio = np.einsum("fb,fb->f", np.log(other / density), shared)
        accepted = np.log(rng.random(len(weights))) < ratio
        weights[accepted, i], weights[accepted, j] = weights[accepted, j], weights[accepted, i]
        density[accepted] = other[accepted]
