from pathlib import Path

import pytest
import torch
from torch import nn

from pano_models import Predictor
from panodepth.cli import main


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
    assert said.startswith(f"{out}: dynamic x 3 x 16 x 32, differs from eager by ")
    assert said.count("\n") == 1
    assert torch.export.load(out).module()(torch.rand(4, 3, 16, 32)).keys() == {
        "distance_metric",
        "far_probability",
    }


@pytest.mark.parametrize("options", [["--batch", "-1"], ["--batch", "0"], ["--height", "8"]])
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
