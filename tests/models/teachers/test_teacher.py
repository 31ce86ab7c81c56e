from types import SimpleNamespace

import pytest
import torch
from torch import nn

from pano_models.teachers.teacher import DEPTH_METRIC, LEAST_DEPTH, Teacher


class Brightness(nn.Module):
    """Predicts the mean of the normalised channels; remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.batches: list[int] = []

    def forward(self, pixel_values: torch.Tensor) -> SimpleNamespace:
        self.batches.append(len(pixel_values))
        self.seen = pixel_values
        return SimpleNamespace(predicted_depth=pixel_values.mean(1) * self.scale)


PLAIN = {"size": (28, 28), "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


class TestTeacher:
    def test_disparity_comes_back_at_the_size_of_the_views(self):
        out = Teacher(Brightness(), **PLAIN)(torch.full((2, 3, 16, 16), 0.25))
        assert list(out) == ["disparity_affine"]
        torch.testing.assert_close(out["disparity_affine"], torch.full((2, 1, 16, 16), 0.25))

    def test_views_are_normalised_and_resized(self):
        model = Brightness()
        Teacher(model, size=(28, 42), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))(
            torch.ones(1, 3, 16, 16)
        )
        torch.testing.assert_close(model.seen, torch.full((1, 3, 28, 42), 2.0))

    def test_leading_axes_are_kept_and_views_go_in_batches(self):
        model = Brightness()
        views = torch.rand(2, 6, 3, 8, 8)
        out = Teacher(model, max_batch=5, **PLAIN)(views)["disparity_affine"]
        assert model.batches == [5, 5, 2]
        assert out.shape == (2, 6, 1, 8, 8)
        alone = Teacher(Brightness(), **PLAIN)(views[1, 4][None])["disparity_affine"]
        torch.testing.assert_close(out[1, 4][None], alone)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_views(self, dtype):
        views = torch.rand(1, 3, 16, 16).to(dtype)
        out = Teacher(Brightness(), **PLAIN)(views)["disparity_affine"]
        assert out.dtype == dtype
        expected = Teacher(Brightness(), **PLAIN)(views.float())["disparity_affine"]
        torch.testing.assert_close(out.float(), expected, atol=1e-2, rtol=0)

    def test_metric_depth_and_its_disparity(self):
        views = torch.full((1, 3, 8, 8), 4.0)
        views[..., :4] = 0
        out = Teacher(Brightness(), predicts="depth", **PLAIN | {"size": (8, 8)})(views)
        assert out[DEPTH_METRIC][0, 0, 0].tolist() == [0] * 4 + [4] * 4
        expected = [1 / LEAST_DEPTH] * 4 + [0.25] * 4
        torch.testing.assert_close(out["disparity_affine"][0, 0, 0], torch.tensor(expected))

    def test_released_resizing_takes_the_nearest(self):
        views = torch.rand(1, 3, 16, 16)
        out = Teacher(Brightness(), resize_back="nearest", **PLAIN | {"size": (8, 8)})(views)
        disparity = out["disparity_affine"]
        assert torch.equal(disparity[..., ::2, ::2], disparity[..., 1::2, 1::2])

    def test_frozen_and_always_in_evaluation_mode(self):
        teacher = Teacher(nn.Sequential(nn.Dropout(), Brightness()), **PLAIN).train()
        assert not any(p.requires_grad for p in teacher.parameters())
        assert not teacher.model.training
        views = torch.rand(1, 3, 8, 8, requires_grad=True)
        assert not Teacher(Brightness(), **PLAIN)(views)["disparity_affine"].requires_grad

    @pytest.mark.parametrize(
        ("option", "message"),
        [
            ({"predicts": "distance"}, "predicts is 'distance'"),
            ({"resize_back": "cubic"}, "resize_back is 'cubic'"),
            ({"precision": "float16"}, "precision is 'float16'"),
            ({"max_batch": 0}, "max_batch is 0"),
        ],
    )
    def test_unusable_options(self, option, message):
        with pytest.raises(ValueError, match=message):
            Teacher(Brightness(), **option)

    def test_wrong_views(self):
        with pytest.raises(ValueError, match="expected floating"):
            Teacher(Brightness())(torch.zeros(1, 3, 8, 8).byte())
