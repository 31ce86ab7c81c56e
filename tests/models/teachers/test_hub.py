"""Tiny random models written by transformers itself, read back as teachers. No network."""

import builtins
import json

import pytest
import torch

from pano_models import load_teacher
from pano_models.errors import CheckpointError, ModelNotFoundError
from pano_models.teachers.teacher import DEPTH_METRIC

transformers = pytest.importorskip("transformers")

from tests.models.teachers.tiny_models import depth_anything  # noqa: E402 - needs transformers


def depth_pro(**options):
    """Depth Pro of random weights, small; pictures of 64 x 64."""
    vit = {
        "model_type": "dinov2",
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 8,
    }
    config = transformers.DepthProConfig(
        image_model_config=vit, patch_model_config=vit, fov_model_config=vit, patch_size=32,
        scaled_images_ratios=[0.5, 1], scaled_images_overlap_ratios=[0.0, 0.25],
        scaled_images_feature_dims=[16, 16],
        intermediate_hook_ids=[1, 0], intermediate_feature_dims=[16, 16], fusion_hidden_size=16,
        merge_padding_value=1, **options,
    )  # fmt: skip
    torch.manual_seed(0)
    return transformers.DepthProForDepthEstimation(config).eval()


@pytest.fixture
def folder(tmp_path):
    depth_anything().save_pretrained(tmp_path)
    return tmp_path


class TestLoadTeacher:
    @torch.no_grad()
    def test_predicts_what_the_model_predicts(self, folder):
        teacher = load_teacher(folder, size=(28, 28))
        views = torch.rand(3, 3, 28, 28)
        pixels = (views - teacher.mean) / teacher.std
        expected = depth_anything()(pixel_values=pixels).predicted_depth[:, None]
        out = teacher(views)
        assert list(out) == ["disparity_affine"]
        torch.testing.assert_close(out["disparity_affine"], expected, atol=1e-6, rtol=1e-5)

    def test_weights_that_are_not_finite(self, tmp_path):
        model = depth_anything()
        with torch.no_grad():
            model.head.conv1.weight[0, 0] = float("nan")
        model.save_pretrained(tmp_path)
        with pytest.raises(CheckpointError, match=r"NaN or infinite: head\.conv1\.weight \(9 of"):
            load_teacher(tmp_path, size=(28, 28))

    def test_metric_models_say_so(self, tmp_path):
        depth_anything(depth_estimation_type="metric", max_depth=20).save_pretrained(tmp_path)
        out = load_teacher(tmp_path, size=(28, 28))(torch.rand(1, 3, 28, 28))
        assert 0 < out[DEPTH_METRIC].min() <= out[DEPTH_METRIC].max() < 20
        torch.testing.assert_close(out["disparity_affine"], 1 / out[DEPTH_METRIC])

    @torch.no_grad()
    def test_depth_pro_is_what_transformers_makes_of_it(self, tmp_path):
        """Its raw output is inverse depth for a focal length of one width, not yet metres."""
        model = depth_pro(use_fov_model=True)
        torch.nn.init.constant_(model.fov_model.head.layers[-1].bias, 60.0)  # degrees
        model.save_pretrained(tmp_path)
        views = torch.rand(2, 3, 64, 64)
        teacher = load_teacher(tmp_path, size=(64, 64))
        raw = model(pixel_values=(views - teacher.mean) / teacher.std)
        processor = transformers.DepthProImageProcessor()
        expected = processor.post_process_depth_estimation(raw, target_sizes=[(64, 64)] * 2)
        depth = teacher(views)[DEPTH_METRIC]
        for view, want in zip(depth, expected, strict=True):
            torch.testing.assert_close(view[0], want["predicted_depth"], rtol=1e-3, atol=1e-4)
        assert depth.std() > 0

    @torch.no_grad()
    def test_depth_pro_without_its_field_of_view_tells_no_metres(self, tmp_path):
        depth_pro(use_fov_model=False).save_pretrained(tmp_path)
        assert list(load_teacher(tmp_path, size=(64, 64))(torch.rand(1, 3, 64, 64))) == [
            "disparity_affine"
        ]
        forced = load_teacher(tmp_path, predicts="canonical_inverse_depth", size=(64, 64))
        with pytest.raises(ValueError, match="predicts no field of view"):
            forced(torch.rand(1, 3, 64, 64))

    def test_dpt_predicts_depth_on_dinov2_and_disparity_else(self):
        from pano_models.teachers.hub import _meaning

        assert _meaning(transformers.DPTConfig()) == "disparity"
        assert _meaning(transformers.DPTConfig(add_projection=True)) == "depth"

    def test_square_views_stay_square_where_the_preprocessor_keeps_the_aspect(self, folder):
        """ZoeDepth's 384 x 512 is for landscapes; its preprocessor makes a square 512 x 512."""
        settings = transformers.ZoeDepthImageProcessor().to_dict()
        (folder / "preprocessor_config.json").write_text(json.dumps(settings))
        assert load_teacher(folder).size == (512, 512)

    def test_preprocessor_settings_are_used(self, folder):
        settings = {
            "image_mean": [0.5, 0.4, 0.3],
            "image_std": [0.2, 0.2, 0.2],
            "size": {"height": 42, "width": 56},
        }
        (folder / "preprocessor_config.json").write_text(json.dumps(settings))
        teacher = load_teacher(folder)
        assert teacher.size == (42, 56)
        torch.testing.assert_close(teacher.mean.flatten(), torch.tensor([0.5, 0.4, 0.3]))

    def test_default_size_is_that_of_depth_anything(self, folder):
        assert load_teacher(folder).size == (518, 518)

    def test_another_family_needs_its_meaning(self, folder):
        config = json.loads((folder / "config.json").read_text())
        assert config["model_type"] == "depth_anything"
        from pano_models.teachers.hub import _meaning

        with pytest.raises(ValueError, match="pass predicts="):
            _meaning(transformers.PretrainedConfig())

    def test_missing_folder(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        with pytest.raises(ModelNotFoundError, match="no depth model"):
            load_teacher(tmp_path / "nothing")

    def test_without_transformers_the_extra_is_named(self, folder, monkeypatch):
        real = builtins.__import__

        def without(name, *args, **kwargs):
            if name == "transformers":
                raise ImportError(name)
            return real(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", without)
        with pytest.raises(ImportError, match=r"pano-models\[teachers\]"):
            load_teacher(folder)
