import math

import pytest
import torch

import pano_geometry as pg
from pano_data.curation import P2E, Placement
from pano_data.curation.project import sample_labels
from pano_data.errors import DataError
from pano_worlds import CLEAN, Viewpoint, make_world, render

SIZE = (128, 256)


def sample(height=96, width=128, fov_deg=70.0, normal=(0.1, -0.2, 1.0), offset=3.0):
    """A picture of the plane n . x = offset, coloured by the ray that each pixel looks along."""
    camera = pg.Perspective.from_fov(height, width, math.radians(fov_deg))
    rays = camera.rays()
    n = torch.tensor(normal) / torch.tensor(normal).norm()
    distance = (offset / (rays @ n))[None]
    valid = torch.ones(1, height, width, dtype=torch.bool)
    return {
        "image": (rays.permute(2, 0, 1) + 1) / 2,
        "distance": distance,
        "valid": valid,
        "far": ~valid,
        "metric": torch.tensor(True),
        "key": "k",
        "dataset": "d",
        "intrinsics": camera.intrinsics,
    }, (camera, n, offset)


@pytest.mark.parametrize("place", [(0.0, 0.0), (0.5, 0.2), (-0.4, -0.25), (math.pi, 0.1), (0, 1.5)])
def test_directions_and_distance_against_the_plane(place):
    given, (camera, n, offset) = sample()
    part = P2E(SIZE).project(given, Placement(*place))
    rotation = pg.from_ypr(*place)
    rays = pg.Equirectangular(*SIZE).rays() @ rotation  # in the frame of the picture
    seen = part.coverage[0]
    torch.testing.assert_close(
        part.coverage, pg.coverage(camera, pg.Equirectangular(*SIZE), rotation.mT)[0]
    )
    truth = (rays.permute(2, 0, 1) + 1) / 2
    assert (part.image - truth)[:, seen].abs().max() < 0.012  # half a picture pixel at the rim
    exact = (offset / (rays @ n))[seen]
    error = (part.distance[0][seen] / exact - 1).abs()
    assert error.max() < 2e-5  # a nearest pixel would be 2 % off


def test_nothing_outside_the_picture():
    given, _ = sample()
    part = P2E(SIZE).project(given, Placement(0.2, 0.1))
    assert (part.image * ~part.coverage == 0).all()
    assert not (part.valid & ~part.coverage).any()
    assert (part.distance[~part.valid] == 0).all()
    share = pg.solid_angle(*SIZE)[:, None] * part.coverage[0] / (4 * math.pi)
    t = math.tan(math.radians(35))
    fov = 4 * math.asin(t * 0.75 * t / math.hypot(1, t) / math.hypot(1, 0.75 * t)) / (4 * math.pi)
    assert share.sum() == pytest.approx(fov, rel=0.01)  # solid angle of a 4:3 picture


def test_yaw_moves_columns_only():
    given, _ = sample()
    one = P2E(SIZE).project(given, Placement(0.0, 0.2))
    two = P2E(SIZE).project(given, Placement(10 * 2 * math.pi / SIZE[1], 0.2))
    torch.testing.assert_close(two.image, one.image.roll(10, -1), atol=2e-5, rtol=0)
    both = one.valid.roll(10, -1) & two.valid
    assert (one.valid.roll(10, -1) ^ two.valid).float().mean() < 1e-3  # rays on the very border
    torch.testing.assert_close(two.distance[both], one.distance.roll(10, -1)[both])


def test_invalid_and_far_pixels_do_not_spread():
    given, _ = sample()
    given["valid"][..., :64] = False
    given["far"][..., :32] = True
    given["distance"][..., :64] = float("nan")
    part = P2E(SIZE).project(given, Placement(0, 0))
    assert torch.isfinite(part.distance).all()
    whole = int(part.coverage.sum())
    assert int(part.valid.sum()) == pytest.approx(whole / 2, rel=0.03)
    assert not (part.far & part.valid).any()
    assert part.far.any()


def test_a_fine_picture_is_averaged_not_sampled():
    given, _ = sample(960, 1280)
    checker = (torch.arange(960)[:, None] + torch.arange(1280)) % 2
    given["image"] = checker.float().expand(3, -1, -1)
    image = P2E(SIZE).project(given, Placement(0, 0)).image
    part = P2E(SIZE).project(given, Placement(0, 0)).coverage[0]
    assert (image[:, part] - 0.5).abs().max() < 0.06


def test_linear_field_of_view_of_da2():
    given, _ = sample(375, 1242)
    camera = P2E(SIZE, profile="da2_linear_fov", fov_x_deg=80).camera(given)
    fov_y = 2 * math.degrees(math.atan(375 / 2 / camera.fy))
    assert fov_y == pytest.approx(80 * 375 / 1242)  # 24.15 degrees; a pinhole has 28.4
    assert camera.fx != pytest.approx(camera.fy)


def test_places_are_uniform_in_their_limits_and_seeded():
    p2e = P2E(SIZE)
    places = torch.tensor([p2e.place(torch.Generator().manual_seed(s)) for s in range(400)])
    limits = torch.tensor([math.radians(30), math.radians(15)])
    assert (places.abs() <= limits).all()
    assert (places.abs().mean(0) / limits - 0.5).abs().max() < 0.05
    assert places[3].tolist() == pytest.approx(list(p2e.place(torch.Generator().manual_seed(3))))


def test_raises():
    with pytest.raises(ValueError, match="twice as wide as high"):
        P2E((100, 100))
    with pytest.raises(ValueError, match="goes with fov_x_deg"):
        P2E(profile="da2_linear_fov")
    given, _ = sample()
    del given["intrinsics"]
    with pytest.raises(DataError, match="has no intrinsics"):
        P2E(SIZE).project(given, Placement(0, 0))
    given, _ = sample()
    given["intrinsics"][0, 1] = 3.0
    with pytest.raises(DataError, match="skewed"):
        P2E(SIZE).project(given, Placement(0, 0))


HEIGHT, WIDTH = 24, 32


def camera():
    return pg.Perspective.from_fov(HEIGHT, WIDTH, math.radians(60))


def plane(normal=(0.3, -0.4, 1.0), offset=2.0):
    """Distance to the plane n . x = offset along each pixel's ray."""
    n = torch.tensor(normal) / torch.tensor(normal).norm()
    return (offset / (camera().rays() @ n))[None], n, offset


def labelled(distance, valid=None):
    valid = torch.ones_like(distance, dtype=torch.bool) if valid is None else valid
    return {"distance": distance, "valid": valid, "far": ~valid}


def coordinates(seed=0, rows=20, columns=30):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, rows, columns, 2, generator=generator) * torch.tensor([WIDTH, HEIGHT])


def test_exact_on_a_plane_up_to_the_border():
    distance, n, offset = plane()
    pixels = coordinates()
    pixels[0, 0, :4] = torch.tensor([[0.0, 0.0], [31.99, 0.0], [0.0, 23.99], [31.99, 23.99]])
    found = sample_labels(labelled(distance), pixels, camera())
    x = (pixels[0] - torch.tensor([WIDTH / 2, HEIGHT / 2])) / camera().fx
    rays = torch.nn.functional.normalize(torch.cat([x, torch.ones_like(x[..., :1])], -1), dim=-1)
    torch.testing.assert_close(found.distance[0], offset / (rays @ n), rtol=1e-5, atol=0)
    assert found.valid.all()
    assert not found.far.any()


def test_pixel_centres_give_the_stored_values():
    distance, _, _ = plane()
    v, u = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    found = sample_labels(labelled(distance), torch.stack([u, v], -1)[None], camera())
    torch.testing.assert_close(found.distance, distance, rtol=1e-6, atol=0)


def test_no_distance_between_two_surfaces():
    depth = torch.where(torch.arange(WIDTH) < 16, 2.0, 5.0).expand(1, 1, HEIGHT, WIDTH)
    given = labelled(pg.depth_to_distance(depth, camera())[0])
    found = sample_labels(given, coordinates(1), camera()).distance
    longest = pg.depth_to_distance(torch.ones(1, 1, HEIGHT, WIDTH), camera()).max()
    assert not ((found > 2.02 * longest) & (found < 4.999)).any()
    assert (found > 4.999).any()
    assert (found < 2.02 * longest).any()


def test_what_is_masked_never_enters():
    distance, _, _ = plane()
    valid = torch.rand(distance.shape, generator=torch.Generator().manual_seed(2)) > 0.2
    clean = sample_labels(labelled(distance, valid), coordinates(3), camera())
    poisoned = torch.where(valid, distance, float("nan"))
    found = sample_labels(labelled(poisoned, valid), coordinates(3), camera())
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
        **labelled(torch.from_numpy(view.distance)[None], valid),
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
