import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pano_models.students.egformer.attention import (
    EquirectangularAttention,
    EquirectangularBlock,
    periodic_bias,
    periodic_chord,
    position_bias,
    signed_chord,
    window_importance,
)
from tests.parity import stand_in
from tests.parity.compare import largest_difference

FOLDER = Path(__file__).parents[3] / "parity" / "egformer"
TOLERANCE = 1e-5
SIZE = (16, 32)


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "expected.npz") as arrays:
        return dict(arrays)


def normal(seed: int, *shape: int) -> torch.Tensor:
    rng = np.random.Generator(np.random.PCG64(seed))
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))


def block(axis: str, faithful: bool) -> EquirectangularBlock:
    shapes = json.loads((FOLDER / "keys_blocks.json").read_text())[f"egblock_{axis}"]
    model = EquirectangularBlock(64, 16, axis, faithful=faithful)
    model.load_state_dict(stand_in.state_dict(shapes))
    return model.eval()


def two_pictures() -> torch.Tensor:
    return (normal(7, 2, 512, 64) * torch.tensor([0.3, 1.0])[:, None, None]).view(2, *SIZE, 64)


class TestPositionBias:
    def test_released_tables(self, expected):
        vertical = position_bias("vertical", *SIZE)[0, 0]
        horizontal = position_bias("horizontal", *SIZE)[[0, 1, 5, 8, 15], 0, ::4, ::4]
        assert largest_difference(vertical, expected["vrpe_16"]) < TOLERANCE
        assert largest_difference(horizontal, expected["hrpe_16x32_rows"]) < TOLERANCE

    def test_chord_of_a_half_turn_is_two(self):
        chord = signed_chord(9, math.pi)
        assert chord[0, 8].item() == pytest.approx(2.0)
        assert torch.equal(chord, -chord.T)


class TestPeriodicBias:
    def test_depends_on_the_difference_alone(self):
        chord = periodic_chord(12)
        assert torch.equal(chord.roll((5, 5), (0, 1)), chord)
        torch.testing.assert_close(chord, -chord.T)

    def test_chords_of_the_circle(self):
        """Right of a pixel positive up to half a turn, where neither side is the right one."""
        chord = periodic_chord(8)[3]
        r = math.sqrt(2)
        near, far = 2 * math.sin(math.pi / 8), 2 * math.sin(3 * math.pi / 8)
        wanted = torch.tensor([-far, -r, -near, 0, near, r, far, 0])
        torch.testing.assert_close(chord, wanted)

    def test_rows_shrink_towards_both_poles_alike(self):
        bias = periodic_bias(4, 8)
        assert bias.shape == (4, 1, 8, 8)
        torch.testing.assert_close(bias, bias.flip(0))
        assert bias[1, 0, 0, 1] > bias[0, 0, 0, 1] > 0


class TestWindowImportance:
    def test_relative_to_the_picture_and_at_least_one_half(self):
        logits = torch.tensor([1.0, 4.0, 3.0, 8.0]).view(2, 2, 1, 1, 1)
        assert window_importance(logits, per_batch=False).tolist() == [[0.5, 1.0], [0.5, 1.0]]
        assert window_importance(logits, per_batch=True).tolist() == [[0.5, 0.5], [0.5, 1.0]]


@pytest.mark.parametrize("axis", ["horizontal", "vertical"])
class TestReleasedAttention:
    def test_attention(self, expected, axis):
        generator = np.random.Generator(np.random.PCG64(8))
        draw = [
            generator.standard_normal(s, dtype=np.float32) for s in ((3, 1, 512, 64), (1, 512, 64))
        ]
        q, k, v = (torch.from_numpy(x).view(1, *SIZE, 64) for x in draw[0])
        rows, columns = SIZE
        gain = (
            torch.linspace(0.02, 1.5, rows)[:, None, None]
            if axis == "horizontal"
            else torch.linspace(0.02, 1.5, columns)[:, None]
        )
        residual = torch.from_numpy(draw[1]).view(1, *SIZE, 64)
        out = EquirectangularAttention(16, axis, faithful=True)(q * gain, k, v, residual)
        sampled = out.flatten(1, 2)[:, ::4, ::4]
        assert largest_difference(sampled, expected[f"egattn_{axis}"]) < TOLERANCE

    @torch.no_grad()
    def test_block(self, expected, axis):
        model, x = block(axis, faithful=True), two_pictures()
        for name, part in (("b2", x), ("single0", x[:1]), ("single1", x[1:])):
            sampled = model(part).flatten(1, 2)[:, ::4, ::4]
            assert largest_difference(sampled, expected[f"egblock_{axis}_{name}"]) < TOLERANCE


@pytest.mark.parametrize("axis", ["horizontal", "vertical"])
class TestCorrectedAttention:
    @torch.no_grad()
    def test_pictures_of_a_batch_do_not_meet(self, axis):
        model, x = block(axis, faithful=False), two_pictures()
        alone = torch.cat([model(x[:1]), model(x[1:])])
        torch.testing.assert_close(model(x), alone, atol=2e-6, rtol=0)

    def test_gradient(self, axis):
        attention = EquirectangularAttention(2, axis)
        inputs = [
            torch.randn(1, 3, 4, 4, dtype=torch.float64, requires_grad=True) for _ in range(4)
        ]
        assert torch.autograd.gradcheck(attention, inputs, atol=1e-4)


def test_residual_of_a_column_is_weighted_by_its_own_importance():
    attention = EquirectangularAttention(1, "vertical")
    q = torch.zeros(1, 4, 8, 2)
    q[:, :, 3] = 50.0  # only column 3 attends strongly: importance 1 there, 0.5 elsewhere
    k, v = torch.ones_like(q), torch.zeros_like(q)
    out = attention(q, k, v, torch.ones(1, 4, 8, 2))
    assert torch.equal(out[0, :, 3], torch.zeros(4, 2))
    assert torch.allclose(out[0, :, 0], torch.full((4, 2), 0.5))


@pytest.mark.parametrize("axis", ["horizontal", "vertical"])
@torch.no_grad()
def test_periodic_attention_turns_with_the_panorama(axis):
    attention = EquirectangularAttention(2, axis)
    attention.periodic = True
    inputs = [normal(seed, 2, 4, 8, 6) for seed in range(4)]
    out = attention(*inputs)
    rolled = attention(*(x.roll(3, 2) for x in inputs))
    torch.testing.assert_close(rolled, out.roll(3, 2), atol=2e-6 * out.abs().max().item(), rtol=0)


@pytest.mark.parametrize("faithful", [False, True])
@pytest.mark.parametrize("axis", ["horizontal", "vertical"])
@torch.no_grad()
def test_scores_keep_their_digits_in_bfloat16(axis, faithful):
    """A window of 512 normalised logits: 1 - cos of angles near 0.07; bfloat16 has 0, 0.004."""
    attention = EquirectangularAttention(2, axis, faithful)
    shape = (1, 2, 512, 16) if axis == "horizontal" else (1, 512, 2, 16)
    inputs = [normal(seed, *shape).bfloat16() for seed in range(4)]
    got = attention(*inputs)
    expected = attention(*(x.float() for x in inputs))
    assert got.dtype == torch.bfloat16
    assert (got - expected).abs().mean() < 0.05 * expected.abs().mean()
