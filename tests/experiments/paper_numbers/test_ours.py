"""Our number: places that agree, products, shares, releases."""

from typing import Any

import pytest

from experiments.paper_numbers.configuration import Configuration
from experiments.paper_numbers.facts import Fact, FactError
from experiments.paper_numbers.page import DRAWN, numbers_without_fact, our_number

NUMBERS = {"da2.data.batch_size": 24, "da2.data.size": [512, 1024], "dap.data.size": [512, 1024],
           "dap.lr": 5e-5, "da2.lr": 1e-4, "da2.threads": 8}  # fmt: skip
CONFIG = Configuration(NUMBERS, {"dap.optimizer": "Adam"}, {"dap.betas": [0.9, 0.999]})


def fact(*places: str, **more: Any) -> Fact:
    return Fact(what="x", says=1, ours=places, **more)


def test_a_number_of_one_place_of_several_and_of_a_product() -> None:
    assert our_number(fact("da2.data.batch_size"), CONFIG) == 24
    assert our_number(fact("*.data.size"), CONFIG) == [512, 1024]
    assert our_number(fact("da2.data.size", "dap.data.size"), CONFIG) == [512, 1024]
    assert our_number(fact(times=("da2.data.batch_size", "da2.threads")), CONFIG) == 192


def test_words_and_defaults_are_places_too() -> None:
    assert our_number(fact("dap.optimizer"), CONFIG) == "Adam"
    assert our_number(fact("dap.betas"), CONFIG) == [0.9, 0.999]


def counted(*release: int | tuple[int, ...]) -> Fact:
    return Fact(what="x", says=1, counts="vkitti2/train", release=release, by="scenes")


def test_pictures_are_counted_by_their_release_and_the_reader_must_know_as_many() -> None:
    assert our_number(counted((233, 270, 339, 837), 10, 2), CONFIG) == 33580
    with pytest.raises(FactError, match="x: got 42520 by scenes, expected the 33580 of vkitti2"):
        our_number(counted((447, 233, 270, 339, 837), 10, 2), CONFIG)


def test_published_numbers_of_pictures_are_added_up() -> None:
    assert our_number(fact(pictures=("vkitti2/train", "mvs_synth/train")), CONFIG) == 33580 + 12000


def test_a_share_moves_with_the_weights() -> None:
    """Table 4 of DA²: 39,649 of 238,950 with its own weights; ours has less of Structured3D."""
    weights = {f"da2.data.train.{name}.weight": 1.0 for name in DRAWN}
    weights["da2.data.train.ken_burns.weight"] = 0.25
    weights["da2.data.train.dynamic_replica.weight"] = 0.125
    total = 39649 + 33580 + 12000 + 16400 + 151996 / 4 + 290400 / 8 + 3 * (18298 + 1776)
    share = fact(drawn="hypersim")
    assert our_number(share, Configuration(weights)) == round(100 * 39649 / total, 2)
    assert our_number(fact(drawn="structured3d*"), Configuration(weights)) == round(
        100 * 3 * (18298 + 1776) / total, 2
    )
    weights["da2.data.train.hypersim.weight"] = 2.0
    assert our_number(share, Configuration(weights)) == round(200 * 39649 / (total + 39649), 2)
    del weights["da2.data.train.mvs_synth.weight"]
    with pytest.raises(FactError, match="x: got sets"):
        our_number(share, Configuration(weights))


@pytest.mark.parametrize("places", [("*.lr",), ("da2.lr", "dap.lr"), ("da2.rate",)])
def test_places_that_disagree_or_are_not_there_are_refused(places: tuple[str, ...]) -> None:
    with pytest.raises(FactError, match=r"x: got .*expected one number"):
        our_number(fact(*places), CONFIG)


def test_only_numbers_that_the_file_states_have_to_be_named() -> None:
    named = {"p": (fact("da2.data.*"), fact("*.lr"))}
    assert numbers_without_fact(named, CONFIG) == [
        "dap.data.size"
    ]  # threads are no number of a paper
