"""A Core ML package: its description and weights; run only where Core ML is (macOS)."""

import json
import sys
from pathlib import Path

import pytest
import torch

import pano_models as pm
import panodepth
from panodepth import CommandError


def test_a_package_says_what_it_takes_and_gives(tmp_path: Path) -> None:
    ct = pytest.importorskip("coremltools", reason="the extra panodepth[coreml]")
    torch.manual_seed(0)
    network = pm.create("pano_small", widths=[4, 4, 8, 8, 8]).eval()
    out = tmp_path / "net.mlpackage"
    (out / "older").mkdir(parents=True)
    exported = panodepth.export(network, out, "coreml", height=64)
    assert not (out / "older").exists()
    model = ct.models.MLModel(str(out), skip_model_load=True)
    description = model.get_spec().description
    assert [i.name for i in description.input] == ["rgb"]
    assert list(description.input[0].type.multiArrayType.shape) == [1, 3, 64, 128]
    names = ["distance_scale_invariant", "far_probability"]
    assert [o.name for o in description.output] == names
    assert (exported.difference is None) == (sys.platform != "darwin")
    beside = json.loads(exported.sidecar.read_text())
    assert json.loads(model.user_defined_metadata["panodepth"]).items() <= beside.items()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.mlpackage", "net.mlpackage.json"]
    # Float32: half precision moves the metres of a network.
    stored = sum(p.stat().st_size for p in out.rglob("*.bin"))
    assert stored >= 0.9 * 4 * sum(p.numel() for p in network.parameters())


def test_without_the_package_a_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("panodepth.exporting.file_formats.find_spec", lambda name: None)
    with pytest.raises(CommandError, match=r"coremltools.*pip install 'panodepth\[coreml\]'"):
        panodepth.export(torch.nn.Identity(), tmp_path / "a.mlpackage", "coreml")
