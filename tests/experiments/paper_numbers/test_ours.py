"""A place is a glob whose numbers agree, or a value in the code."""

from pathlib import Path

import pytest

from experiments.paper_numbers import (
    Fact,
    FactError,
    numbers_without_fact,
    our_number,
    read_numbers,
)

NUMBERS = {"da2.data.batch_size": 24, "da2.data.size": [512, 1024], "dap.data.size": [512, 1024],
           "dap.lr": 5e-5, "da2.lr": 1e-4, "da2.threads": 8}  # fmt: skip


def fact(*places: str, **more: tuple[str, ...]) -> Fact:
    return Fact(what="x", says=1, ours=places, **more)  # type: ignore[arg-type]


def test_a_number_of_one_place_of_several_and_of_a_product() -> None:
    assert our_number(fact("da2.data.batch_size"), NUMBERS) == 24
    assert our_number(fact("*.data.size"), NUMBERS) == [512, 1024]
    assert our_number(fact("da2.data.size", "dap.data.size"), NUMBERS) == [512, 1024]
    assert (
        our_number(Fact(what="x", says=1, times=("da2.data.batch_size", "da2.threads")), NUMBERS)
        == 192
    )


def counted(*release: int | tuple[int, ...]) -> Fact:
    return Fact(what="x", says=1, counts="vkitti2/train", release=release, by="scenes")


def test_pictures_are_counted_by_their_release_and_the_reader_must_know_as_many() -> None:
    assert our_number(counted((233, 270, 339, 837), 10, 2), NUMBERS) == 33580
    with pytest.raises(FactError, match="x: got 42520 by scenes, expected the 33580 of vkitti2"):
        our_number(counted((447, 233, 270, 339, 837), 10, 2), NUMBERS)


@pytest.mark.parametrize("places", [("*.lr",), ("da2.lr", "dap.lr"), ("da2.rate",)])
def test_places_that_disagree_or_are_not_there_are_refused(places: tuple[str, ...]) -> None:
    with pytest.raises(FactError, match=r"x: got .*expected one number"):
        our_number(fact(*places), NUMBERS)


def test_numbers_are_read_by_place_with_what_trainings_share(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(
        "common: {data: {size: [2, 4], flag: true}, trainer: {devices: 8}}\n"
        "da2: {trainer: {devices: 1}, model: {init_args: {net: {init_args: {width: 512}}}}}\n"
        "dap_curate: {keep: {indoor: 3}, by: score}\n"
        "report: {models: [], size: 7}\n"
    )
    found = read_numbers(tmp_path / "params.yaml")
    assert found == {
        "da2.data.size": [2, 4], "da2.trainer.devices": 1, "da2.model.net.width": 512,
        "dap_curate.keep.indoor": 3,
    }  # fmt: skip
    assert numbers_without_fact({"p": (fact("da2.data.size"), fact("da2.model.*"))}, found) == [
        "da2.trainer.devices", "dap_curate.keep.indoor",
    ]  # fmt: skip
