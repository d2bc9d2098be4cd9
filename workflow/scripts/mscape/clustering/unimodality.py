"""Test of unimodality, on which every claim that two clusters are separated rests."""

from __future__ import annotations

import numpy as np

N_MODES = 16
MAX_POINTS = 600


def hump_distance(values: np.ndarray, *, n_modes: int = N_MODES, enough: float = 0.0) -> float:
    """Distance of a sample from the closest distribution with one mode.

    For each of a few modes (quantiles of the sample) the density that rises up to the mode and falls after it is fitted
    by maximum likelihood (Grenander: isotonic regression of the spacings), and the Kolmogorov distance between the
    sample and the fit is taken. The smallest of these distances is returned, times the root of the sample size. It is
    the idea of the dip (Hartigan and Hartigan 1985, doi:10.1214/aos/1176346577): large when no single hump fits.

    Parameters
    ----------
    values
        The sample, shape (n,), n >= 4. Above 600 values its quantiles are used, which keeps the shape, bounds the
        time, and makes the test blind to tiny dents in very large samples.
    n_modes
        Number of positions tried for the mode.
    enough
        Stop at a distance as small as this: one hump fits well enough.

    Returns
    -------
    Root-n distance, >= 0; without unit.
    """
    from scipy.optimize import isotonic_regression

    values = np.sort(np.asarray(values, dtype=np.float64))
    if len(values) > MAX_POINTS:
        values = values[np.linspace(0, len(values) - 1, MAX_POINTS).round().astype(int)]
    spacing = np.diff(values)
    n = len(spacing)
    spacing = np.maximum(spacing, 1e-9 * max(values[-1] - values[0], 1e-300))
    density = 1.0 / (n * spacing)
    best = np.inf
    modes = np.unique(np.linspace(0, n, n_modes).round().astype(int))
    for mode in sorted(modes, key=lambda m: abs(m - n / 2)):
        fit = np.empty(n)
        if mode > 0:
            fit[:mode] = isotonic_regression(density[:mode], weights=spacing[:mode], increasing=True).x
        if mode < n:
            fit[mode:] = isotonic_regression(density[mode:], weights=spacing[mode:], increasing=False).x
        gap = np.abs(np.cumsum(fit * spacing) - np.arange(1, n + 1) / n).max()
        best = min(best, gap)
        if best * np.sqrt(n) <= enough:
            break
    return float(best * np.sqrt(n))


# Upper quantiles of the distance for uniform samples, the hardest case with one mode: 10,000 samples a size
# (benchmarks/clustering/calibrate.py writes this table).
TAIL = np.array([0.5, 0.1, 0.05, 0.01, 0.005, 0.001, 0.0002])
SIZES = np.array([10, 20, 40, 80, 160, 320, 600])
QUANTILES = np.array(
    [
        [0.3168, 0.5281, 0.5839, 0.7170, 0.7633, 0.8404, 0.9053],  # 10
        [0.4361, 0.6397, 0.7094, 0.8370, 0.8994, 1.0229, 1.0915],  # 20
        [0.5152, 0.7204, 0.7873, 0.9230, 0.9722, 1.0822, 1.1905],  # 40
        [0.5700, 0.7639, 0.8312, 0.9586, 1.0145, 1.1023, 1.1699],  # 80
        [0.6053, 0.8065, 0.8746, 1.0004, 1.0626, 1.1729, 1.2978],  # 160
        [0.6347, 0.8283, 0.8952, 1.0205, 1.0593, 1.1614, 1.2404],  # 320
        [0.6499, 0.8385, 0.9053, 1.0431, 1.0812, 1.1877, 1.2431],  # 600
    ]
)


def hump_pvalue(values: np.ndarray) -> float:
    """Chance of so large a distance in a sample with one hump (an upper bound; the uniform is the hardest such case).

    Parameters
    ----------
    values
        The sample, shape (n,).

    Returns
    -------
    p, within (0, 1]; 1 for fewer than 10 values. Beyond the simulated tail it is extrapolated (log p is close to a
    straight line in the squared distance).
    """
    n = min(len(values), MAX_POINTS)
    if n < SIZES[0]:
        return 1.0
    highest = np.maximum.accumulate(QUANTILES, axis=0)  # the quantiles grow with n up to noise of the simulation
    limits = np.array([np.interp(np.log(n), np.log(SIZES), highest[:, i]) for i in range(len(TAIL))])
    distance = hump_distance(values, enough=limits[0])
    if distance <= limits[0]:
        return 1.0
    x, y, at = limits**2, np.log(TAIL), distance**2
    if at <= x[-1]:
        return float(np.exp(np.interp(at, x, y)))
    slope = (y[-1] - y[-3]) / (x[-1] - x[-3])
    return float(np.exp(max(y[-1] + slope * (at - x[-1]), -700)))
