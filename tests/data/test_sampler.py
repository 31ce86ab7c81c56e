import pytest

from pano_data.mixing import Mix
from pano_data.sampler import DeterministicBatchSampler, Position, shard_indices, split_batch


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
