"""Maps that are kept are those of the encoder, of no other, and are made again when damaged."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from pano_models.backbones.convolutional import ConvBackbone
from pano_models.backbones.encoders import EfficientNetEncoder
from pano_models.layers.padding import set_border


class Counted(EfficientNetEncoder):
    """Counts the pictures that it has seen."""

    pictures = 0

    def forward(self, x: Tensor) -> list[Tensor]:
        """Count, then run."""
        self.pictures += len(x)
        return super().forward(x)


def backbone(folder: Path | None = None, frozen: bool = True) -> ConvBackbone:
    torch.manual_seed(4)
    made = ConvBackbone(Counted(), 32, frozen=frozen)
    if folder is not None:
        made.keep_maps(folder)
    return made.train()


@pytest.fixture
def pictures() -> Tensor:
    return torch.randn(3, 3, 64, 128, generator=torch.Generator().manual_seed(1))


def test_a_picture_is_run_once_and_its_tokens_are_those_without_a_cache(
    tmp_path: Path, pictures: Tensor
) -> None:
    kept, plain = backbone(tmp_path), backbone()
    for _ in range(2):
        for got, expected in zip(kept(pictures), plain(pictures), strict=True):
            assert torch.equal(got, expected)
    assert kept.encoder.pictures == 3
    assert plain.encoder.pictures == 6
    kept(torch.cat([pictures[2:], pictures[:1].flip(-1)]))
    assert kept.encoder.pictures == 4  # in another order, and one that is new
    assert len(list(tmp_path.rglob("*.safetensors"))) == 4


def test_gradients_reach_what_follows(tmp_path: Path, pictures: Tensor) -> None:
    kept, plain = backbone(tmp_path), backbone()
    for network in (kept, plain):
        for _ in range(2):
            network.zero_grad()
            sum(x.square().sum() for x in network(pictures)).backward()
    for got, expected in zip(kept.project.parameters(), plain.project.parameters(), strict=True):
        torch.testing.assert_close(got.grad, expected.grad)


def test_a_second_process_finds_them(tmp_path: Path, pictures: Tensor) -> None:
    backbone(tmp_path)(pictures)
    other = backbone(tmp_path)
    other(pictures)
    assert other.encoder.pictures == 0


@pytest.mark.parametrize("change", ["weights", "border", "precision", "values"])
def test_maps_of_another_encoder_or_picture_are_not_taken(
    tmp_path: Path, pictures: Tensor, change: str
) -> None:
    kept = backbone(tmp_path)
    kept(pictures)
    if change == "weights":
        with torch.no_grad():
            kept.encoder.conv_stem.weight.mul_(1.5)
    elif change == "border":
        set_border(kept.encoder, "sphere")
    elif change == "precision":
        kept.precision = "bfloat16"
    else:
        pictures = pictures.nextafter(torch.tensor(9.0))
    kept(pictures)
    assert kept.encoder.pictures == 6


def test_a_damaged_file_is_made_again(
    tmp_path: Path, pictures: Tensor, caplog: pytest.LogCaptureFixture
) -> None:
    kept = backbone(tmp_path)
    before = kept(pictures)
    file = next(iter(tmp_path.rglob("*.safetensors")))
    file.write_bytes(file.read_bytes()[:1000])
    for got, expected in zip(kept(pictures), before, strict=True):
        torch.testing.assert_close(got, expected)
    assert kept.encoder.pictures == 4
    assert f"{file} cannot be read and is made again" in caplog.text
    kept(pictures)
    assert kept.encoder.pictures == 4


def test_an_encoder_that_is_trained_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got an encoder that is trained, expected a frozen one"):
        backbone(tmp_path, frozen=False)
