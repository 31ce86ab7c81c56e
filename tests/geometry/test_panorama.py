"""Panoramas that are none."""

import warnings

import pytest
import torch

import pano_geometry as pg

CALLS = {
    "erp_to_cube": lambda x: pg.erp_to_cube(x, 4),
    "erp_to_perspective": lambda x: pg.erp_to_perspective(x, pg.face_camera(4)),
    "rotate": lambda x: pg.rotate(x, torch.eye(3)),
    "erp_to_tangents": lambda x: pg.erp_to_tangents(x, 4),
}


@pytest.mark.parametrize("name", CALLS)
def test_square_picture_warns_at_the_line_of_the_caller(name) -> None:
    with pytest.warns(UserWarning, match="square") as caught:
        CALLS[name](torch.rand(1, 3, 16, 16))
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("name", CALLS)
def test_panorama_does_not_warn(name) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CALLS[name](torch.rand(1, 3, 16, 32))
        CALLS[name](torch.rand(1, 3, 16, 31))
