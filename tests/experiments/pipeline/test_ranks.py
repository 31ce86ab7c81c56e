import pytest

from experiments.pipeline.ranks import WorldError, accumulation, checked_world


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "SLURM_NTASKS"):
        monkeypatch.delenv(name, raising=False)


def test_a_world_is_what_the_trainer_expects() -> None:
    assert checked_world(2, 3) == 6
    assert checked_world("2", 1) == 2
    assert checked_world("auto", 1) == 1


@pytest.mark.parametrize("variable", ["WORLD_SIZE", "SLURM_NTASKS"])
def test_a_launcher_that_started_another_number_is_named(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "2")
    assert checked_world(2, 1) == 2
    assert checked_world("auto", 1) == 2
    # Lightning itself lets two nodes of one process pass as one node of two devices.
    with pytest.raises(WorldError, match=r"got 2 processes .* = 4;"):
        checked_world(2, 2)


def test_accumulation_makes_the_global_batch() -> None:
    assert accumulation(768, 4, 8) == 24
    assert accumulation(8, 8, 1) == 1


@pytest.mark.parametrize(("batch", "world"), [(5, 8), (768, 2), (1, 5)])
def test_ranks_that_do_not_divide_the_batch(batch: int, world: int) -> None:
    with pytest.raises(WorldError, match=f"{batch} x {world} ranks"):
        accumulation(768, batch, world)


def test_an_empty_batch() -> None:
    with pytest.raises(WorldError, match="got global_batch 0"):
        accumulation(0, 1, 1)
