"""Known effects, coverage, false alarms, Holm by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from experiments.study.statistics import (
    ArmScores,
    effect,
    holm,
    power,
    power_within,
    seeds_needed,
)

CONTRAST = {"with": 1.0, "without": -1.0}


def simulated(rng, seeds, images, true, between_seeds=0.03, between_images=0.05, noise=0.1):
    """Two arms: images of different difficulty, an effect that varies with seed and image."""
    base = 0.2 * np.exp(rng.normal(0, 0.4, (1, images)) + rng.normal(0, 0.05, (seeds, 1)))
    change = true + rng.normal(0, between_seeds, (seeds, 1))
    change = (
        change + rng.normal(0, between_images, (1, images)) + rng.normal(0, noise, (seeds, images))
    )
    return ArmScores({"without": base, "with": base * np.exp(change)})


def test_a_known_effect_is_found():
    rng = np.random.default_rng(1)
    found = effect([simulated(rng, 20, 200, -0.15)], CONTRAST)
    assert found.value == pytest.approx(-0.15, abs=3 * found.error)
    assert found.low < -0.15 < found.high
    assert found.p_below() < 1e-6
    assert found.p_above() > 1 - 1e-6
    assert (found.seeds, found.images, len(found.by_seed)) == (20, 200, 20)


def test_the_standard_error_is_that_of_repetition():
    rng = np.random.default_rng(2)
    found = [effect([simulated(rng, 6, 40, 0.0)], CONTRAST, 500) for _ in range(150)]
    repeated = np.std([f.value for f in found], ddof=1)
    assert np.sqrt(np.mean([f.error**2 for f in found])) == pytest.approx(repeated, rel=0.2)


@pytest.mark.parametrize(
    ("seeds", "images", "spread"),
    [(3, 40, {}), (5, 24, {}), (5, 16, {"between_seeds": 0.0, "between_images": 0.15})],
)
def test_coverage_and_false_alarms(seeds, images, spread):
    """95 % intervals hold the truth in 95 %, tests at 5 % are wrong in 5 %, within 3 sigma."""
    rng = np.random.default_rng(3)
    rounds = 400
    found = [
        effect([simulated(rng, seeds, images, 0.0, **spread)], CONTRAST, 400) for _ in range(rounds)
    ]
    covered = np.mean([f.low < 0 < f.high for f in found])
    alarms = np.mean([f.p_below() < 0.05 for f in found])
    tolerance = 3 * math.sqrt(0.05 * 0.95 / rounds)
    assert covered >= 0.95 - tolerance
    assert alarms <= 0.05 + tolerance
    assert alarms > 0.01  # a test that never speaks would pass the rest


def test_false_alarms_over_two_test_sets_that_share_their_seeds():
    rng = np.random.default_rng(4)
    rounds, alarms = 300, 0
    for _ in range(rounds):
        shift = rng.normal(0, 0.05, (4, 1))  # what a seed does, it does on both sets
        sets = []
        for images in (30, 12):
            made = simulated(rng, 4, images, 0.0, between_seeds=0.0)
            sets.append(ArmScores({**made.values, "with": made.values["with"] * np.exp(shift)}))
        alarms += effect(sets, CONTRAST, 400).p_below() < 0.05
    assert alarms / rounds <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / rounds)


def test_test_sets_weigh_the_same():
    one = ArmScores({"with": np.full((3, 4), 0.1), "without": np.full((3, 4), 0.2)})
    two = ArmScores({"with": np.full((3, 90), 0.3), "without": np.full((3, 90), 0.3)})
    assert effect([one, two], CONTRAST, 50).value == pytest.approx(0.5 * math.log(0.5))


def test_pairing_takes_out_what_seeds_and_images_share():
    rng = np.random.default_rng(5)
    paired = simulated(rng, 5, 40, -0.02, 0.001, 0.001, 0.001)
    found = effect([paired], CONTRAST)
    assert found.p_below() < 1e-4
    shuffled = {**paired.values, "with": paired.values["with"][:, rng.permutation(40)]}
    assert effect([ArmScores(shuffled)], CONTRAST).error > 10 * found.error


def test_equivalence_is_the_larger_of_two_one_sided_tests():
    rng = np.random.default_rng(6)
    found = effect([simulated(rng, 8, 60, 0.0, 0.01, 0.01, 0.02)], CONTRAST)
    margin = 0.05
    t_low = (found.value + margin) / found.error
    t_high = (found.value - margin) / found.error
    by_hand = max(stats.t.sf(t_low, found.freedom), stats.t.cdf(t_high, found.freedom))
    assert found.p_within(margin) == pytest.approx(by_hand)
    assert found.p_within(margin) < 0.05 < found.p_beyond(margin)
    far = effect([simulated(rng, 8, 60, 0.3, 0.01, 0.01, 0.02)], CONTRAST)
    assert far.p_beyond(margin) < 1e-3
    assert far.p_within(margin) > 0.99


def test_holm_by_hand():
    # 4 x .01, then 3 x .02 = .06, 2 x .04 = .08, and 1 x .03 is below: sorted .01 .02 .03 .04.
    assert holm([0.01, 0.04, 0.03, 0.02]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm([0.9, 0.001]) == pytest.approx([0.9, 0.002])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_power_is_the_share_of_simulations_that_find_the_effect():
    rng = np.random.default_rng(8)
    wide = effect([simulated(rng, 60, 40, -0.06)], CONTRAST)
    rounds, hits = 200, 0
    for _ in range(rounds):
        hits += effect([simulated(rng, 5, 40, -0.06)], CONTRAST, 300).p_below() < 0.05
    five = effect([simulated(rng, 5, 40, -0.06)], CONTRAST)
    assert 0.0 < power(five, -0.06, 0.05) < 1.0
    told = power(wide, -0.06, 0.05, 5)
    assert told == pytest.approx(hits / rounds, abs=0.2)


def test_seeds_that_an_effect_needs():
    rng = np.random.default_rng(9)
    found = effect([simulated(rng, 5, 40, -0.1, 0.05, 0.0, 0.01)], CONTRAST)
    few, many = seeds_needed(found, -0.2, 0.05), seeds_needed(found, -0.05, 0.05)
    assert few is not None
    assert many is not None
    assert few < many
    assert power(found, -0.05, 0.05, many) >= 0.8 > power(found, -0.05, 0.05, many - 1)
    images = effect([simulated(rng, 5, 8, -0.1, 0.001, 0.3, 0.01)], CONTRAST)
    assert seeds_needed(images, -0.001, 0.05) is None  # only more images would help


def test_power_of_equivalence_rises_with_the_margin():
    rng = np.random.default_rng(10)
    found = effect([simulated(rng, 5, 40, 0.0)], CONTRAST)
    assert power_within(found, 0.01, 0.05) < power_within(found, 0.1, 0.05) < 1.0
    assert power_within(found, 1.0, 0.05) > 0.99


def test_what_has_no_statistics_is_refused():
    one = np.full((1, 5), 0.2)
    with pytest.raises(ValueError, match="expected two of each"):
        effect([ArmScores({"with": one, "without": one})], CONTRAST)
    with pytest.raises(ValueError, match="expected one"):
        ArmScores({"with": one, "without": np.full((2, 5), 0.2)})
    with pytest.raises(ValueError, match="without a logarithm"):
        ArmScores({"with": np.full((2, 5), np.nan)})
