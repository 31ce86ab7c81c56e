import numpy as np

from pano_worlds.surfaces.noise import fractal, hashed, pulse, value_noise


def test_hash_is_uniform_and_has_known_values():
    i = np.arange(-200, 200)
    x, y = np.meshgrid(i, i)
    h = hashed(x, y, 7)
    assert h.min() >= 0
    assert h.max() < 1
    counts, _ = np.histogram(h, bins=16, range=(0, 1))
    assert (np.abs(counts / h.size - 1 / 16) < 0.003).all()
    assert abs(np.corrcoef(h[:, :-1].ravel(), h[:, 1:].ravel())[0, 1]) < 0.01
    # Integers only: the same on every machine.
    known = hashed(np.array([0, 1, -5]), np.array([0, 2, 9]), 3) * 2**32
    np.testing.assert_array_equal(known, np.round(known))
    assert (hashed(x, y, 8) != h).mean() > 0.99


def test_value_noise_is_continuous_and_meets_the_lattice():
    x = np.linspace(-3, 3, 6001)
    n = value_noise(x, 0.3 * x, 1)
    assert np.abs(np.diff(n)).max() < 0.004
    i, j = np.meshgrid(np.arange(-4, 4), np.arange(-4, 4))
    np.testing.assert_allclose(value_noise(i.astype(float), j.astype(float), 5), hashed(i, j, 5))


def test_wide_filters_remove_the_octaves():
    x, y = np.random.default_rng(0).uniform(-50, 50, (2, 4000))
    fine = fractal(x, y, np.full(4000, 1e-4), 2, 4)
    coarse = fractal(x, y, np.full(4000, 0.5), 2, 4)
    none = fractal(x, y, np.full(4000, 2.0), 2, 4)
    assert fine.std() > coarse.std() > 0
    assert (none == 0).all()


def test_pulse_is_the_box_filter_of_a_pulse_train():
    rng = np.random.default_rng(1)
    x, w = rng.uniform(-3, 3, 50), rng.uniform(0.01, 2.5, 50)
    s = (np.arange(20000) + 0.5) / 20000 - 0.5
    brute = (((x[:, None] + w[:, None] * s) % 1.0) < 0.3).mean(axis=1)
    np.testing.assert_allclose(pulse(x, w, 0.3), brute, atol=3e-4)
