import math

import pytest
import torch

import pano_geometry as pg
from pano_data.curation import P2E
from pano_data.curation.labels import sample_labels
from pano_worlds import CLEAN, Viewpoint, make_world, render

HEIGHT, WIDTH = 24, 32


def camera():
    return pg.Perspective.from_fov(HEIGHT, WIDTH, math.radians(60))


def plane(normal=(0.3, -0.4, 1.0), offset=2.0):
    """Distance to the plane n . x = offset along each pixel's ray."""
    n = torch.tensor(normal) / torch.tensor(normal).norm()
    return (offset / (camera().rays() @ n))[None], n, offset


def sample(distance, valid=None):
    valid = torch.ones_like(distance, dtype=torch.bool) if valid is None else valid
    return {"distance": distance, "valid": valid, "far": ~valid}


def coordinates(seed=0, rows=20, columns=30):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, rows, columns, 2, generator=generator) * torch.tensor([WIDTH, HEIGHT])


def test_exact_on_a_plane_up_to_the_border():
    distance, n, offset = plane()
    pixels = coordinates()
    pixels[0, 0, :4] = torch.tensor([[0.0, 0.0], [31.99, 0.0], [0.0, 23.99], [31.99, 23.99]])
    found = sample_labels(sample(distance), pixels, camera())
    x = (pixels[0] - torch.tensor([WIDTH / 2, HEIGHT / 2])) / camera().fx
    rays = torch.nn.functional.normalize(torch.cat([x, torch.ones_like(x[..., :1])], -1), dim=-1)
    torch.testing.assert_close(found.distance[0], offset / (rays @ n), rtol=1e-5, atol=0)
    assert found.valid.all()
    assert not found.far.any()


def test_pixel_centres_give_the_stored_values():
    distance, _, _ = plane()
    v, u = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    found = sample_labels(sample(distance), torch.stack([u, v], -1)[None], camera())
    torch.testing.assert_close(found.distance, distance, rtol=1e-6, atol=0)


def test_no_distance_between_two_surfaces():
    depth = torch.where(torch.arange(WIDTH) < 16, 2.0, 5.0).expand(1, 1, HEIGHT, WIDTH)
    given = sample(pg.depth_to_distance(depth, camera())[0])
    found = sample_labels(given, coordinates(1), camera()).distance
    longest = pg.depth_to_distance(torch.ones(1, 1, HEIGHT, WIDTH), camera()).max()
    assert not ((found > 2.02 * longest) & (found < 4.999)).any()
    assert (found > 4.999).any()
    assert (found < 2.02 * longest).any()


def test_what_is_masked_never_enters():
    distance, _, _ = plane()
    valid = torch.rand(distance.shape, generator=torch.Generator().manual_seed(2)) > 0.2
    clean = sample_labels(sample(distance, valid), coordinates(3), camera())
    poisoned = torch.where(valid, distance, float("nan"))
    found = sample_labels(sample(poisoned, valid), coordinates(3), camera())
    assert torch.equal(found.valid, clean.valid)
    assert torch.equal(found.distance[found.valid], clean.distance[clean.valid])
    assert 0.1 < (~found.valid).float().mean() < 0.3


@pytest.mark.parametrize("scene", [1001, 1003])
def test_normals_of_a_world_at_training_size(scene):
    """Labels of a 96x128 picture on a 64x128 panorama against rays traced along its pixels."""
    view_camera = pg.Perspective.from_fov(96, 128, math.radians(60))
    world = make_world("indoor", scene)
    home = world.viewpoints[0]
    view = render(world, home, view_camera, CLEAN)
    valid = torch.from_numpy(~view.sky)[None]
    given = {
        **sample(torch.from_numpy(view.distance)[None], valid),
        "image": torch.from_numpy(view.rgb).permute(2, 0, 1).float() / 255,
        "intrinsics": view_camera.intrinsics,
        "key": "k",
        "dataset": "d",
    }
    p2e = P2E((64, 128))
    place = p2e.place(torch.Generator().manual_seed(scene))
    part = p2e.project(given, place)
    turned = home.rotation @ pg.from_ypr(*place, 0.0).double().numpy().T
    truth = render(world, Viewpoint(home.position, turned), pg.Equirectangular(64, 128), CLEAN)
    exact = torch.from_numpy(truth.distance)[None]
    both = part.valid & (exact > 0)
    error = ((part.distance - exact).abs() / exact)[both]
    assert both.sum() > 250
    assert error.median() < 1e-5
    assert (error > 0.05).float().mean() < 0.05  # half a picture pixel beside an edge
    normals = [pg.distance_to_normals(d[None], both[None])[0] for d in (part.distance, exact)]
    known = normals[1].abs().sum(0) > 0
    cosine = (normals[0] * normals[1]).sum(0)[known].clamp(-1, 1)
    assert torch.rad2deg(torch.acos(cosine)).median() < 0.1
