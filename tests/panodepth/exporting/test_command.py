import json
from pathlib import Path

import pytest
import torch
from torch import nn

from pano_models import Predictor
from panodepth.cli import main
from panodepth.exporting.file_formats import FILE_FORMATS


@pytest.fixture(autouse=True)
def _model(sphere_net: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(model: str, device: str, height: int | None) -> Predictor:
        assert (model, device) == ("runs/mine", "cpu")
        return Predictor(sphere_net, None if height is None else (height, 2 * height))

    monkeypatch.setattr("panodepth.prediction.load_predictor", load)


def test_one_line_and_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "net.pt2"
    assert main(["export", "runs/mine", "--torch-export", "--out", str(out), "--height", "16"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{out}: batch x 3 x 16 x 32, differs from eager by ")
    assert said.count("\n") == 1
    assert torch.export.load(out).module()(torch.rand(4, 3, 16, 32)).keys() == {
        "distance_metric",
        "far_probability",
    }


@pytest.mark.parametrize(
    "options",
    [["--batch", "-1"], ["--batch", "0"], ["--height", "8"], ["--height", "tall"]],
)
def test_bad_numbers_end_in_a_line(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["export", "runs/mine", "--torch-export", "--out", str(tmp_path / "x"), *options]
    assert main(arguments) == 2
    assert "expected" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_format_has_to_be_chosen(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["export", "runs/mine", "--out", str(tmp_path / "x")])


def test_what_cannot_be_run_here_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = FILE_FORMATS["torch_export"]._replace(cannot_run="it runs on the moon only")
    monkeypatch.setitem(FILE_FORMATS, "torch_export", elsewhere)
    out = tmp_path / "net.pt2"
    assert main(["export", "runs/mine", "--torch-export", "--out", str(out), "--batch", "1"]) == 0
    said = capsys.readouterr().out
    assert said == f"{out}: 1 x 3 x 32 x 64, not run and not compared: it runs on the moon only\n"
    assert json.loads(out.with_name("net.pt2.json").read_text())["difference"] is None


@pytest.mark.parametrize("option", [["--batch", "dynamic"], ["--height", "dynamic"]])
def test_core_ml_takes_one_shape(
    option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net.mlpackage"
    assert main(["export", "runs/mine", "--coreml", "--out", str(out), *option]) == 2
    assert "a file of coreml" in capsys.readouterr().err
