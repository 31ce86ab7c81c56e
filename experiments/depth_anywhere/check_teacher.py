"""Stage: score the teacher on views of unseen scenes, and stop if it knows too little."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

from experiments.depth_anywhere.view_scores import ViewScores
from experiments.depth_anywhere.views import Views
from experiments.pipeline.processes import set_threads
from experiments.pipeline.stage import run_stage
from pano_data import Source, remove_parts, write_text
from pano_models import CheckpointError, ModelNotFoundError


class TeacherError(ValueError):
    """A teacher that knows less than the gate asks for."""


def check_teacher(
    teacher: nn.Module,
    datasets: Mapping[str, Source],
    views: Views,
    out: str,
    min_correlation: float = 0.8,
    max_share: float = 0.5,
    max_angle_deg: float = 45.0,
    size: tuple[int, int] = (512, 1024),
    batch_size: int = 8,
    device: str = "cpu",
    threads: int = 2,
) -> None:
    """Write the scores of a teacher to `out`; half of what a student learns comes from it.

    Args:
        teacher: `teacher(views)` gives `disparity_affine` `(n, 1, f, f)`.
        datasets: Labelled panoramas of scenes that the teacher was not trained on, by name.
        views: What the students' panoramas are cut into.
        out: JSON file, written whether or not the teacher passes.
        min_correlation: Least correlation of its disparity with the true one, on each data set.
        max_share: Largest AbsRel as a share of that of a constant distance; both after the scale
            and shift of disparity that fit best.
        max_angle_deg: Each angle of a panorama's random rotation is uniform in ± this.
        size: Of the panoramas.
        batch_size: Panoramas at once.
        device: Where the teacher runs.
        threads: CPU threads; fixes the last digits.

    Raises:
        TeacherError: It does not pass.
    """
    set_threads(threads)
    scores = ViewScores(list(datasets), views, max_angle_deg).to(device)
    teacher = teacher.to(device).eval()
    for number, source in enumerate(datasets.values()):
        for batch in DataLoader(source.open(size), batch_size=batch_size):  # type: ignore[arg-type]
            there = {k: v.to(device) for k, v in batch.items() if isinstance(v, torch.Tensor)}
            with torch.inference_mode():
                scores.update(number, teacher, there)
    values = scores.compute_and_reset()
    remove_parts(out)  # of a killed process
    write_text(Path(out), json.dumps(values, indent=1) + "\n")
    below = [
        line for name in datasets if (line := _complaint(name, values, min_correlation, max_share))
    ]
    if below:
        raise TeacherError(
            f"the teacher is below the gate: {'; '.join(below)}. "
            "Train it longer or on more scenes; "
            f"all figures: {out}"
        )


def _complaint(
    name: str, values: Mapping[str, float], min_correlation: float, max_share: float
) -> str | None:
    """Return what is wrong on a data set; None if the teacher passes (NaN does not)."""
    got = {k: values[f"{name}/views/{k}"] for k in ("correlation", "absrel", "absrel_constant")}
    if (
        got["correlation"] >= min_correlation
        and got["absrel"] <= max_share * got["absrel_constant"]
    ):
        return None
    return (
        f"on {name} got correlation {got['correlation']:.3f} and AbsRel {got['absrel']:.3f} "
        f"(constant distance {got['absrel_constant']:.3f}), expected at least "
        f"{min_correlation:.2f} and at most "
        f"{max_share * got['absrel_constant']:.3f}"
    )


if __name__ == "__main__":
    run_stage(
        check_teacher, sys.argv[1], sys.argv[2:], TeacherError, CheckpointError, ModelNotFoundError
    )
