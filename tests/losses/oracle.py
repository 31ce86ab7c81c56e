"""The definitions written a second time: NumPy, float64, one image at a time."""

import numpy as np


def metrics(p, t, w=None):
    """Metrics of one image from vectors of valid pixels."""
    w = np.ones_like(t) if w is None else w

    def mean(x):
        return float(np.sum(w * x) / np.sum(w))

    worst = np.maximum(p / t, t / p)
    return {
        "absrel": mean(np.abs(p - t) / t),
        "sqrel": mean((p - t) ** 2 / t),
        "rmse": np.sqrt(mean((p - t) ** 2)),
        "rmse_log": np.sqrt(mean((np.log(p) - np.log(t)) ** 2)),
        "log10": mean(np.abs(np.log10(p) - np.log10(t))),
        "mae": mean(np.abs(p - t)),
        "delta1": mean(worst < 1.25),
        "delta2": mean(worst < 1.25**2),
        "delta3": mean(worst < 1.25**3),
    }


def weighted_median(x, w):
    """Middle of the interval of minimisers of sum w |x - m|, by trying every sample."""
    costs = np.array([np.sum(w * np.abs(x - m)) for m in x])
    best = x[costs <= costs.min() * (1 + 1e-12)]
    return 0.5 * (best.min() + best.max())


def solid_angle_rows(height, width):
    """Solid angle of a pixel of each row."""
    edges = np.linspace(np.pi / 2, -np.pi / 2, height + 1)
    return (np.sin(edges[:-1]) - np.sin(edges[1:])) * 2 * np.pi / width
