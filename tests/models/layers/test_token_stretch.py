import pytest
import torch

from pano_models.layers.token_stretch import drop_and_stretch


def test_closed_form():
    """out[i] = a T[i] + (1 - a) T[i+1] with a = (i + 1/2) / n; the ends are clamped."""
    n = 18
    tokens = torch.randn(2, n, 3)
    out = drop_and_stretch(tokens, (3, 6))
    i = torch.arange(1, n - 1)
    a = ((i + 0.5) / n)[:, None]
    torch.testing.assert_close(out[:, 1:-1], a * tokens[:, i] + (1 - a) * tokens[:, i + 1])
    torch.testing.assert_close(out[:, 0], tokens[:, 1])
    torch.testing.assert_close(out[:, -1], tokens[:, -1])


def test_square_count_is_taken_for_a_square_map():
    """50 tokens: the 49 left are read as 7 x 7 and resized to 5 x 10, with a warning."""
    tokens = torch.arange(50.0).view(1, 50, 1)
    with pytest.warns(UserWarning, match="scrambles"):
        out = drop_and_stretch(tokens, (5, 10))
    square = torch.arange(1.0, 50).view(1, 1, 7, 7)
    expected = torch.nn.functional.interpolate(square, (5, 10), mode="bilinear")
    torch.testing.assert_close(out.view(5, 10), expected[0, 0])


def test_first_patch_changes_nothing():
    tokens = torch.randn(1, 18, 3)
    changed = tokens.clone()
    changed[:, 0] = float("nan")
    assert torch.equal(drop_and_stretch(changed, (3, 6)), drop_and_stretch(tokens, (3, 6)))
