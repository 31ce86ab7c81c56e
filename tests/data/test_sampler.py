import pytest

from pano_data.sampler import DeterministicBatchSampler, Mix, Position, shard_indices, split_batch

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
def test_wrong_weights_raise(sizes, weights, message):
    with pytest.raises(ValueError, match=message):
        Mix(sizes, weights)


def sampler(n=20, batch=2, rank=0, world=1, seed=7, **kwargs):
    return DeterministicBatchSampler(Mix([n], seed=seed), batch, rank, world, **kwargs)


def test_an_epoch_gives_every_row_once():
    batches = list(sampler())
    assert len(batches) == 10
    assert sorted(draw.row for batch in batches for draw in batch) == list(range(20))


def test_epochs_differ_and_repeat_themselves():
    one, two = sampler(), sampler()
    first = list(one)
    one.set_epoch(1)
    assert list(one) != first
    two.set_epoch(1)
    assert list(one) == list(two)


@pytest.mark.parametrize("world", [2, 3, 5])
def test_ranks_together_see_the_global_batches(world):
    whole = list(sampler(n=61, batch=2 * world))
    ranks = [list(sampler(n=61, batch=2, rank=rank, world=world)) for rank in range(world)]
    assert len({len(batches) for batches in ranks}) == 1
    for index, batch in enumerate(whole):
        assert [draw for batches in ranks for draw in batches[index]] == batch


def test_steps_are_the_same_for_any_number_of_ranks():
    alone = list(sampler(n=23, batch=2, accumulate=4))
    pair = [list(sampler(n=23, batch=2, rank=r, world=2, accumulate=2)) for r in range(2)]
    together = [draw for batches in zip(*pair, strict=True) for batch in batches for draw in batch]
    assert len(alone) == 8  # 11 batches: three fill no step
    assert together == [draw for batch in alone for draw in batch]


def test_data_shorter_than_a_step():
    with pytest.raises(ValueError, match=r"got 7 samples, .* 2 per rank x 1 ranks x 4 accumulated"):
        sampler(n=7, batch=2, accumulate=4)


def test_start_gives_the_rest_of_its_epoch_and_then_whole_epochs():
    whole, resumed = sampler(), sampler()
    resumed.start = Position(epoch=2, batch=4)
    for epoch in (2, 3):
        whole.set_epoch(epoch)
        resumed.set_epoch(epoch)
        assert list(resumed) == list(whole)[4 if epoch == 2 else 0 :]
        assert len(resumed) == len(whole) == 10


@pytest.mark.parametrize("ratio", [1, 2, 4])
def test_half_batches(ratio):
    batch = 2 * (1 + ratio)
    mixed = sampler(n=12, batch=batch, unlabelled=Mix([300], seed=1), ratio=ratio)
    for draws in mixed:
        assert [draw.labelled for draw in draws] == [True] * 2 + [False] * 2 * ratio


def test_the_unlabelled_pass_runs_on_over_epochs_and_ranks():
    n, world = 60, 3
    drawn = []
    for epoch in range(5):
        for rank in range(world):
            each = sampler(n=12, batch=4, rank=rank, world=world, unlabelled=Mix([n], seed=4))
            each.set_epoch(epoch)  # two batches of 2 + 2 a rank: 12 unlabelled draws an epoch
            drawn += [d.row for batch in each for d in batch if not d.labelled]
    assert sorted(drawn) == list(range(n))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"n": 3, "batch": 4}, "the mix is shorter than one global batch"),
        (
            {"batch": 4, "unlabelled": Mix([1], name="more")},
            "more is shorter than one global batch",
        ),
        ({"batch": 3, "unlabelled": Mix([9])}, "multiple of 2"),
        ({"rank": 2, "world": 2}, "rank 2 of 2"),
        ({"batch": 0}, "batch of 0"),
    ],
)
def test_raises(kwargs, message):
    with pytest.raises(ValueError, match=message):
        sampler(**kwargs)


def test_split_batch():
    assert split_batch(8, 0) == (8, 0)
    assert split_batch(6, 1) == (3, 3)
    assert split_batch(10, 4) == (2, 8)


@pytest.mark.parametrize(("count", "world"), [(11, 2), (9, 4), (2, 3)])
def test_shards_hold_every_row_once(count, world):
    shards = [shard_indices(count, rank, world) for rank in range(world)]
    assert sorted(index for shard in shards for index in shard) == list(range(count))
