"""Tiny random models written by transformers itself, read back as teachers. No network."""

import builtins
import json

import pytest
import torch

from pano_models.errors import CheckpointError, ModelNotFoundError
from pano_models.teachers import load_teacher
from pano_models.teachers.teacher import DEPTH_METRIC

transformers = pytest.importorskip("transformers")


def depth_anything(**options):
    backbone = transformers.Dinov2Config(
        image_size=28,
        patch_size=14,
        hidden_size=16,
        num_attention_heads=2,
        num_hidden_layers=4,
        out_indices=[1, 2, 3, 4],
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=8,
        head_hidden_size=4,
        **options,
    )
    torch.manual_seed(0)
    return transformers.DepthAnythingForDepthEstimation(config).eval()


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
