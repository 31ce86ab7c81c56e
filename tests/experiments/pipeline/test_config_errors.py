"""Messages of jsonargparse, as one line."""

from typing import Any

import pytest

from experiments.pipeline.config_errors import check_empty_keys, one_line, raised_by
from experiments.pipeline.params import ParamsError

UNION = """Parser key "model":
  Does not validate against any of the Union subtypes
  Subtypes: [<class 'a.Task'>, <class 'NoneType'>]
  Errors:
    - Problem with given class_path 'experiments.da2.task.Da2Task':
        Parser key "loss":
          Problem with given class_path 'pano_losses.MedianAlignedL1':
            {reason}
    - Expected a <class 'NoneType'>
  Given value type: <class 'dict'>
  Given value: {{'class_path': 'x'}}"""
NO_CLASS = """Parser key "data.augment":
  Does not validate against any of the Union subtypes
  Subtypes: [<class 'pano_data.transforms.Augmentation'>, <class 'NoneType'>]
  Errors:
    - {reason}
    - Expected a <class 'NoneType'>
  Given value type: <class 'dict'>
  Given value: {{'class_pathh': 'pano_data.transforms.Roll', 'init_args': {{'p': 1}}}}"""
PLACE = "model.init_args.loss.init_args"


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (
            'Parser key "data.batch_size":\n  Expected a <class \'int\'>. Got value: many',
            "data.batch_size: got many, expected int",
        ),
        ("Group 'trainer' does not accept option 'max_stepz'", "trainer.max_stepz: no such key"),
        (
            'Parser key "data":\nUnable to load config \'no\'\n'
            '  - Parser key "data": Unable to load',
            "data: Unable to load config 'no'",
        ),
        (
            UNION.format(
                reason='Parser key "weight":\n'
                "              Expected a <class 'float'>. Got value: x"
            ),
            f"{PLACE}.weight: got x, expected float of pano_losses.MedianAlignedL1(",
        ),
        (
            UNION.format(reason="Option 'widht' is not accepted"),
            f"{PLACE}.widht: no such key of pano_losses.MedianAlignedL1(weight",
        ),
        (
            UNION.format(reason="module 'pano_losses' has no attribute 'X'"),
            "model.init_args.loss.class_path: got pano_losses.MedianAlignedL1, expected a class",
        ),
        (
            UNION.format(
                reason='Parser key "terms":\n\n'
                "              - Expected a path but no either not accessible or invalid\n"
                "              - Expected a <class 'dict'>. Got value: no"
            ),
            f"{PLACE}.terms: got no, expected dict of pano_losses.MedianAlignedL1(",
        ),
        (
            UNION.format(
                reason='Parser key "rates":\n'
                "              - Expected a <class 'float'>. Got value: {'a': 1}\n"
                "              Given value type: <class 'dict'>\n"
                "              Given value: {'x.*': 0.0, '*.bn?': {'a': 1}}"
            ),
            f"{PLACE}.rates.*.bn?: got {{'a': 1}}, expected float of",
        ),
        (
            UNION.format(reason="the following arguments are required: weight"),
            f"{PLACE}: expected weight of pano_losses.MedianAlignedL1(",
        ),
        (
            NO_CLASS.format(reason="Not a valid subclass of Augmentation"),
            "data.augment: got the keys class_pathh, init_args, expected class_path and init_args, "
            "for Augmentation",
        ),
        (
            NO_CLASS.format(
                reason="Expected an instantiatable class, but pano_data.Augmentation is abstract"
            ),
            "data.augment: got the keys class_pathh, init_args, expected class_path and init_args, "
            "for Augmentation",
        ),
        (
            NO_CLASS.format(reason="Not a valid subclass of Augmentation. Got value: {'p': 1}"),
            "data.augment: got the keys p, expected class_path and init_args, for Augmentation",
        ),
        (
            NO_CLASS.format(reason="Not a valid subclass of Augmentation. Got value: 5"),
            "data.augment: got 5, expected class_path and init_args, for Augmentation",
        ),
        ("something\nelse " + "x" * 400, "something else xxx"),
    ],
)  # fmt: skip
def test_a_message_becomes_a_line_with_the_key(message: str, line: str) -> None:
    found = one_line(message)
    assert found.startswith(line)
    assert "\n" not in found
    assert len(found) < 320


def test_a_constructor_s_refusal_says_where() -> None:
    with pytest.raises(ValueError, match="width") as caught:
        raise ValueError("got width=3,\nexpected an even one")
    said = raised_by(caught.value)
    assert said.startswith("got width=3, expected an even one (pipeline/test_config_errors.py:")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"nosuch": {}}, "nosuch: no such key; expected one of size, net, sets"),
        ({"nosuch": {"deeper": {}}}, "nosuch: no such key"),
        ({"net": {"init_args": {"wdith": {}}}}, "net.init_args.wdith: no such key"),
        ({"sets": [{"root": "a", "more": {}}]}, "sets.0.more: no such key"),
    ],
)
def test_an_unknown_key_with_an_empty_mapping_is_named(written: Any, told: str) -> None:
    parsed = {"size": 3, "net": {"init_args": {"width": {}}}, "sets": [{"root": "a"}]}
    with pytest.raises(ParamsError) as error:
        check_empty_keys(written, parsed)
    assert str(error.value).startswith(told)
    check_empty_keys({"net": {"init_args": {"width": {}}}, "sets": []}, parsed)


def test_a_constructor_behind_a_union_says_its_own_words() -> None:
    message = (
        "Does not validate against any of the Union subtypes\nSubtypes: [<class 'a.Task'>]\n"
        "Errors:\n  - backbone x takes the options embed_dim and border, got embed_dim_x\n"
        "  - Expected a <class 'NoneType'>\nGiven value type: <class 'dict'>\nGiven value: {}"
    )
    words = "backbone x takes the options embed_dim and border, got embed_dim_x"
    assert raised_by(ValueError(message)) == words
