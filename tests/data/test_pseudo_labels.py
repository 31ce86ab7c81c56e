import dataclasses
import math

import numpy as np
import pytest

from pano_data.errors import DataError
from pano_data.manifest import Row
from pano_data.pseudo_labels import pseudo_row, select_rows, write_pseudo_label


def row(key, score=None, environment="indoor", **changes):
    return Row(
        key=key, dataset="zind", split="all", scene="s", image=f"{key}.png", score=score,
        environment=environment, **changes,
    )  # fmt: skip


SCORES = (0.1, 0.9, 0.5, 0.9, 0.3)
INDOOR = [row(f"{number}", score) for number, score in enumerate(SCORES)]
OUTDOOR = [row(f"o{n}", score, "outdoor") for n, score in enumerate((0.2, 0.8))]


def test_the_best_of_each_environment_equal_scores_by_key():
    chosen = select_rows([*OUTDOOR, *INDOOR, row("m", 1.0, "mixed")], {"indoor": 3, "outdoor": 1})
    assert [r.key for r in chosen] == ["1", "3", "2", "o1"]
    assert [r.key for r in select_rows(INDOOR[::-1], {"indoor": 9})] == ["1", "3", "2", "4", "0"]


def test_a_random_choice_is_that_of_its_seed_and_needs_no_score():
    rows = [row(f"{n:02d}") for n in range(40)]
    one, again, other = (
        [r.key for r in select_rows(each, {"indoor": 10}, "random", seed)]
        for each, seed in ((rows, 1), (rows[::-1], 1), (rows, 2))
    )
    assert one == again
    assert one != other
    assert len(set(one)) == 10


@pytest.mark.parametrize("score", [None, math.nan])
def test_rows_without_a_score_cannot_be_ranked(score):
    with pytest.raises(DataError, match=r"1 rows have no score or NaN, e.g. \['x'\]"):
        select_rows([row("x", score), *INDOOR], {"indoor": 2})


def test_an_environment_without_rows():
    with pytest.raises(DataError, match="no row with environment='outdoor'"):
        select_rows(INDOOR, {"outdoor": 1})


def test_a_label_brings_its_maker_and_drops_what_held_for_the_old_one():
    old = row(
        "a", mask="m.png", depth="d.png", encoding="png", kind="distance", units_per_metre=1000,
        invalid=(0,), far_from=100.0,
    )  # fmt: skip
    new = pseudo_row(old, "raw", "pseudo/labels", "labeler 1")
    assert (new.image, new.mask, new.depth) == (
        "raw/a.png",
        "raw/m.png",
        "pseudo/labels/zind/a.png",
    )
    assert (new.units_per_metre, new.far_from, new.label) == (1.0, None, "pseudo")
    assert new.provenance == "labeler 1"


def test_labels_of_cassini_maps_are_refused():
    with pytest.raises(DataError, match="stored as a Cassini map"):
        pseudo_row(dataclasses.replace(row("c"), projection="cassini"), "raw", "labels", "x")


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_distances_that_are_none_are_not_written(tmp_path, bad):
    distance = np.ones((4, 8), np.float32)
    distance[1, 2] = bad
    nowhere = np.zeros((4, 8), bool)
    with pytest.raises(DataError, match="expected finite positive metres"):
        write_pseudo_label(tmp_path, row("a"), distance, nowhere)
    write_pseudo_label(tmp_path, row("a"), distance, distance != 1)  # what is far may be anything
