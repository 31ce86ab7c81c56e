import pytest

from pano_data.mixing import Mix

# DA², Table 4: size, weight, printed share in percent.
DA2 = {
    "hypersim": (39649, 1, 16.59),
    "vkitti2": (33580, 1, 14.05),
    "mvs_synth": (12000, 1, 5.02),
    "unrealstereo4k": (16400, 1, 6.86),
    "ken_burns": (151996, 0.25, 15.91),
    "dynamic_replica": (289800, 0.125, 15.16),
    "structured3d": (63097, 1, 26.41),
}


def rows(mix, start, stop):
    return [(draw.source, draw.row) for draw in mix.draws(start, stop)]


def test_da2_shares_follow_size_times_weight():
    sizes, weights, printed = zip(*DA2.values(), strict=True)
    mix = Mix(sizes, weights)
    for share, percent in zip(mix.shares, printed, strict=True):
        assert 100 * share == pytest.approx(percent, abs=0.011)


def test_a_round_gives_every_row_of_a_full_set_once():
    mix = Mix([7, 5], seed=3)
    for number in range(3):
        drawn = rows(mix, number * 12, (number + 1) * 12)
        assert sorted(drawn) == [(0, i) for i in range(7)] + [(1, i) for i in range(5)]


def test_rounds_and_seeds_differ():
    mix, other = Mix([50], seed=1), Mix([50], seed=2)
    assert rows(mix, 0, 50) != rows(mix, 50, 100)
    assert rows(mix, 0, 50) != rows(other, 0, 50)


def test_a_light_set_is_covered_before_any_row_comes_again():
    mix = Mix([8, 16], [0.25, 1.0], seed=5)  # two draws a round from the first
    drawn = [draw for draw in rows(mix, 0, 4 * 18) if draw[0] == 0]
    assert sorted(index for _, index in drawn) == list(range(8))


def test_a_heavy_set_repeats_evenly_with_fresh_seeds():
    mix = Mix([4], [2.5], seed=5)
    drawn = mix.draws(0, 20)  # two rounds of ten: five passes over four rows
    assert sorted(draw.row for draw in drawn) == sorted(list(range(4)) * 5)
    assert len({draw.seed for draw in drawn}) == 20


def test_any_slice_is_the_same_slice():
    mix, fresh = Mix([9, 4], [1, 0.5], seed=8), Mix([9, 4], [1, 0.5], seed=8)
    assert fresh.draws(31, 40) == mix.draws(0, 50)[31:40]


def test_a_weight_of_zero_switches_a_set_off():
    assert {source for source, _ in rows(Mix([5, 5], [0, 1]), 0, 20)} == {1}


def test_labelled_and_unlabelled_draws_of_one_place_have_other_seeds():
    mix = Mix([5])
    assert mix.draws(0, 1)[0].seed != mix.draws(0, 1, labelled=False)[0].seed


@pytest.mark.parametrize(
    ("sizes", "weights", "message"),
    [
        ([0], None, "the mix is empty"),
        ([3], [0.0], "the mix is empty"),
        ([3], [-1.0], "not negative"),
        ([3], [float("nan")], "finite"),
        ([3, 4], [1.0], "2 sizes and 1 weights"),
    ],
)
def test_raises(sizes, weights, message):
    with pytest.raises(ValueError, match=message):
        Mix(sizes, weights)
