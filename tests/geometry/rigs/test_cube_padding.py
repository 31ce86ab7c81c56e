import pytest
import torch

import pano_geometry as pg
from pano_geometry.rigs.cubemap import from_strip, plane_rays
from tests.geometry.fields import image_of_rays


@pytest.mark.parametrize("n", [1, 2, 5])
def test_padding_continues_the_plane_of_each_face(n) -> None:
    size = 32
    faces = from_strip(image_of_rays(pg.Cubemap(size), torch.float64))
    padded = torch.nn.functional.normalize(pg.pad_cube(faces, n), dim=2)
    extended = torch.arange(-n, size + n, dtype=torch.float64) + 0.5
    expected = torch.nn.functional.normalize(torch.stack(plane_rays(extended, size), 1), dim=1)
    angle = pg.great_circle_angle(padded[0].movedim(1, -1), expected.movedim(1, -1))
    assert float(angle.max()) * size / (torch.pi / 2) < 0.02  # in pixels of a face
    assert torch.equal(pg.pad_cube(faces, n)[..., n:-n, n:-n], faces)


def test_padding_is_differentiable_and_keeps_constants(generator) -> None:
    faces = torch.rand(1, 6, 1, 4, 4, generator=generator).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: pg.pad_cube(x, 1), (faces,))
    assert torch.autograd.gradcheck(lambda x: pg.pad_cube(x, 2), (faces,))
    assert torch.allclose(pg.pad_cube(torch.ones(2, 6, 3, 5, 5), 2), torch.ones(()))


def test_padding_of_nothing_is_the_faces() -> None:
    faces = torch.rand(1, 6, 2, 4, 4)
    assert pg.pad_cube(faces, 0) is faces


def test_padding_refuses() -> None:
    with pytest.raises(pg.ShapeError, match="faces"):
        pg.pad_cube(torch.rand(1, 5, 1, 4, 4), 1)
    with pytest.raises(ValueError, match="n: got 5"):
        pg.pad_cube(torch.rand(1, 6, 1, 4, 4), 5)
    with pytest.raises(TypeError, match="uint8"):
        pg.pad_cube(torch.zeros(1, 6, 1, 4, 4, dtype=torch.uint8), 1)
