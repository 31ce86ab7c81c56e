import pytest
import torch

import pano_geometry as pg
from tests.geometry.fields import erp_rays


@pytest.mark.parametrize("n", [1, 2, 5])
def test_padding_is_the_sphere_going_on(n: int) -> None:
    # Continuing longitude and latitude beyond the border gives the very directions of the padding.
    height, width = 12, 24
    lon = ((torch.arange(-n, width + n) + 0.5) / width - 0.5) * 2 * torch.pi
    lat = (0.5 - (torch.arange(-n, height + n) + 0.5) / height) * torch.pi
    expected = pg.lonlat_to_rays(lon.expand(height + 2 * n, -1), lat[:, None].expand(-1, len(lon)))
    got = pg.pad(erp_rays(height, width), n)
    assert torch.allclose(got[0].permute(1, 2, 0), expected, atol=1e-6)


def test_padding_of_odd_width_takes_the_mean_across_the_pole() -> None:
    erp = torch.arange(15.0).reshape(1, 1, 3, 5)
    top = pg.pad(erp, 1)[0, 0, 0, 1:-1]
    assert torch.equal(top, torch.tensor([2.5, 3.5, 2.0, 0.5, 1.5]))


def test_padding_keeps_dtype_and_passes_gradients() -> None:
    assert pg.pad(torch.ones(1, 1, 4, 8, dtype=torch.uint8), 2).dtype == torch.uint8
    erp = torch.rand(1, 1, 4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: pg.pad(x, 2), (erp,))


def test_padding_refuses() -> None:
    with pytest.raises(ValueError, match="n: got 5"):
        pg.pad(torch.ones(1, 1, 4, 8), 5)
    with pytest.raises(TypeError, match="odd width"):
        pg.pad(torch.ones(1, 1, 4, 7, dtype=torch.uint8), 1)
