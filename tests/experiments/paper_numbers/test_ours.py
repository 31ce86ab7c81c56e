"""A place is a glob whose numbers agree, or a value in the code."""

from pathlib import Path

import pytest

from experiments.paper_numbers.facts import Fact, FactError
from experiments.paper_numbers.ours import ours, read_numbers, unnamed

NUMBERS = {"da2.data.batch_size": 24, "da2.data.size": [512, 1024], "dap.data.size": [512, 1024],
           "dap.lr": 5e-5, "da2.lr": 1e-4, "da2.threads": 8}  # fmt: skip


def fact(*places: str, **more: tuple[str, ...]) -> Fact:
    return Fact(what="x", says=1, ours=places, **more)  # type: ignore[arg-type]


def test_a_number_of_one_place_of_several_and_of_a_product() -> None:
    assert ours(fact("da2.data.batch_size"), NUMBERS) == 24
    assert ours(fact("*.data.size"), NUMBERS) == [512, 1024]
    assert ours(fact("da2.data.size", "dap.data.size"), NUMBERS) == [512, 1024]
    assert (
        ours(Fact(what="x", says=1, times=("da2.data.batch_size", "da2.threads")), NUMBERS) == 192
    )
    assert ours(fact("counts:vkitti2/train"), NUMBERS) == 33580
    assert ours(fact("experiments.estimate.trainings:FACE_PIXELS"), NUMBERS) == 518


@pytest.mark.parametrize("places", [("*.lr",), ("da2.lr", "dap.lr"), ("da2.rate",)])
def test_places_that_disagree_or_are_not_there_are_refused(places: tuple[str, ...]) -> None:
    with pytest.raises(FactError, match=r"x: got .*expected one number"):
        ours(fact(*places), NUMBERS)


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
    assert unnamed({"p": (fact("da2.data.size"), fact("da2.model.*"))}, found) == [
        "da2.trainer.devices", "dap_curate.keep.indoor",
    ]  # fmt: skip
