"""The gate: figures are written whatever they are, and a teacher below it stops the pipeline."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from experiments.depth_anywhere.check_teacher import TeacherError, check_teacher
from experiments.depth_anywhere.views import CubeViews
from pano_data.sources import Source
from tests.experiments.depth_anywhere.test_view_scores import room

FACE = 16


class Rooms(Dataset[dict[str, Tensor]]):
    def __init__(self, count: int = 3) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        if not 0 <= index < self.count:
            raise IndexError(index)
        return {name: value[0] for name, value in room(1).items()}


class Knows(nn.Module):
    """Reads the disparity from the colours of `room`, which hold it."""

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        cosine = CubeViews(FACE).cosine(image)
        return {"disparity_affine": image[:, :1] / cosine}


class Sphere(nn.Module):
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        cosine = CubeViews(FACE).cosine(image)
        return {"disparity_affine": (1 / cosine).expand(len(image), 1, FACE, FACE)}


def check(teacher: nn.Module, folder: Path, **options: float) -> dict[str, float]:
    out = folder / "reports" / "teacher.json"
    sources = {"rooms": Source(dataset=Rooms()), "more": Source(dataset=Rooms(1))}
    try:
        check_teacher(
            teacher,
            sources,
            CubeViews(FACE),
            str(out),
            size=(32, 64),
            batch_size=2,
            threads=1,
            **options,
        )
    finally:
        values: dict[str, float] = json.loads(out.read_text())
    return values


def test_a_teacher_that_knows_passes_and_its_figures_are_written(tmp_path: Path) -> None:
    half = tmp_path / "reports/.teacher.0123abcd.part.json"  # of a killed process
    half.parent.mkdir()
    half.touch()
    values = check(Knows(), tmp_path)
    assert [path.name for path in half.parent.iterdir()] == ["teacher.json"]
    assert values["rooms/views/correlation"] > 0.95
    assert values["rooms/views/views"] == 18
    assert values["more/views/views"] == 6


def test_a_sphere_is_refused_with_its_figures(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match=r"on rooms got correlation .* expected at least 0\.80"):
        check(Sphere(), tmp_path)
    values = json.loads((tmp_path / "reports" / "teacher.json").read_text())
    assert values["rooms/views/absrel"] == pytest.approx(values["rooms/views/absrel_constant"])


def test_both_conditions_count(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match="at most"):
        check(Knows(), tmp_path, max_share=1e-3)
    with pytest.raises(TeacherError, match=r"at least 1\.00"):
        check(Knows(), tmp_path, min_correlation=1.0, max_share=1.0)


def test_a_set_without_a_labelled_view_does_not_pass(tmp_path: Path) -> None:
    class Nothing(Rooms):
        def __getitem__(self, index: int) -> dict[str, Tensor]:
            sample = super().__getitem__(index)
            return {**sample, "valid": torch.zeros_like(sample["valid"])}

    with pytest.raises(TeacherError, match="correlation nan"):
        check_teacher(
            Knows(),
            {"empty": Source(dataset=Nothing())},
            CubeViews(FACE),
            str(tmp_path / "x.json"),
            size=(32, 64),
            threads=1,
        )
