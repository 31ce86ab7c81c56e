import pytest

from panodepth.exporting.input_shape import InputShape


def test_a_fixed_shape_leaves_nothing_open() -> None:
    shape = InputShape((64, 128), batch=2)
    assert shape.axes == [2, 3, 64, 128]
    assert shape.dynamic_shapes is None
    assert [tuple(s.shape) for s in shape.samples()] == [(2, 3, 64, 128)]


def test_any_number_of_panoramas_is_tried_with_one_and_three() -> None:
    shape = InputShape((64, 128))
    assert shape.axes == ["batch", 3, 64, 128]
    assert [len(s) for s in shape.samples()] == [1, 3]
    assert len(shape.trace_sample()) == 2  # one would be taken for a constant


@pytest.mark.parametrize(
    ("height", "tried"), [(160, [160, 96, 256]), (96, [96, 256, 128]), (256, [256, 96, 128])]
)
def test_any_size_is_tried_at_three(height: int, tried: list[int]) -> None:
    shape = InputShape((height, 2 * height), batch=1, stride=32)
    assert shape.axes == [1, 3, "height", "width"]
    assert [tuple(s.shape[-2:]) for s in shape.samples()] == [(h, 2 * h) for h in tried]
