import math

import pytest
import torch

import pano_geometry as pg
from pano_losses import protocols, score_images
from pano_losses.cube_edges import BROKEN, CUBE_EDGES, cube_faces

HEIGHT, WIDTH = 32, 64
TARGET = torch.full((1, 1, HEIGHT, WIDTH), 2.0, dtype=torch.float64)
VALID = torch.ones(1, 1, HEIGHT, WIDTH, dtype=torch.bool)


def _scores(prediction, target=TARGET, valid=VALID):
    return {n: m.per_image(prediction, target, valid).item() for n, m in CUBE_EDGES.items()}


def test_faces_are_those_of_the_rig():
    # Each face of a cube map with a number of its own, drawn as a panorama without mixing.
    labels = torch.arange(6.0).reshape(1, 6, 1, 1, 1).expand(1, 6, 1, 16, 16).contiguous()
    drawn = pg.cube_to_erp(labels, HEIGHT, WIDTH, mode="nearest")[0, 0]
    own = cube_faces(HEIGHT, WIDTH)
    pairs = {(int(a), int(b)) for a, b in zip(drawn.flatten(), own.flatten(), strict=True)}
    assert len(pairs) == 6
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == 6


def test_one_side_face_that_is_scaled_breaks_at_its_edges_only():
    faces = cube_faces(HEIGHT, WIDTH)
    front = faces == faces[HEIGHT // 2, WIDTH // 2]
    scores = _scores(torch.where(front, 2.0 * math.exp(0.3), 2.0).to(TARGET).expand_as(TARGET))
    # Pairs across edges and those around `front`, counted one by one.
    edges = around = 0
    for row in range(HEIGHT):
        for column in range(WIDTH):
            neighbours = [(row, (column + 1) % WIDTH)]
            neighbours += [(row + 1, column)] if row + 1 < HEIGHT else []
            for there in neighbours:
                if faces[row, column] != faces[there]:
                    edges += 1
                    around += bool(front[row, column] != front[there])
    assert 0 < around < edges
    assert scores["cube_edge_jump"] == pytest.approx(0.3 * around / edges)
    assert scores["cube_edge_broken"] == pytest.approx(around / edges)
    assert math.isnan(scores["cube_edge_ratio"])  # no jump inside of any face


def test_golden_values_of_noise():
    generator = torch.Generator().manual_seed(7)
    noise = torch.randn(TARGET.shape, generator=generator, dtype=torch.float64)
    scores = _scores(TARGET * (0.1 * noise).exp())
    # Differences of independent errors of .1: mean .2 / sqrt(pi), wherever the pair lies.
    assert scores["cube_edge_jump"] == pytest.approx(0.2 / math.sqrt(math.pi), rel=0.08)
    assert scores["cube_edge_ratio"] == pytest.approx(1.0, abs=0.08)
    share = 1 - math.erf(BROKEN / 0.2)  # of a normal difference of standard deviation .1 sqrt 2
    assert scores["cube_edge_broken"] == pytest.approx(share, abs=0.03)


def test_jumps_of_the_truth_do_not_count_and_scale_is_free():
    faces = cube_faces(HEIGHT, WIDTH)
    target = (1.0 + faces).to(TARGET).expand_as(TARGET)
    scores = _scores(3 * target, target)
    assert scores["cube_edge_jump"] == pytest.approx(0, abs=1e-14)
    assert scores["cube_edge_broken"] == 0


def test_edges_without_valid_pixels_have_no_value():
    faces = cube_faces(HEIGHT, WIDTH)
    front = (faces == faces[HEIGHT // 2, WIDTH // 2]).expand_as(VALID)
    scores = _scores(TARGET * 1.1, valid=VALID & front)
    assert all(math.isnan(value) for value in scores.values())


def test_disparity_is_scored_whatever_its_scale_and_shift():
    generator = torch.Generator().manual_seed(3)
    target = 1 + torch.rand(TARGET.shape, generator=generator, dtype=torch.float64)
    error = 1 + 0.01 * torch.randn(TARGET.shape, generator=generator, dtype=torch.float64)
    rules = protocols["cube_edges"]

    def scores(disparity):
        found = score_images({"disparity_affine": disparity}, target, VALID, rules)
        return {name: value.item() for name, value in found.values(rules).items()}

    plain, changed = scores(error / target), scores(3 * error / target + 0.7)
    assert plain["cube_edge_jump"] > 1e-3
    assert changed == pytest.approx(plain, rel=1e-6)
