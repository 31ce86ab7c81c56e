"""Stages come after what they read; an ablation repeats what its values change, and no more."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from benchmarks.rehearsal import plan
from experiments.ablations import read_queue, runs
from experiments.pipeline import overlay, params
from experiments.study.plan import overlaps
from tests.experiments.tiny import ROOT

WRITTEN = params.read_params(ROOT / "params.rehearsal.yaml")
BEFORE = overlay.with_alternatives(WRITTEN, overlay.alternatives(WRITTEN))
ORDER = plan.in_order(ROOT, BEFORE)


def test_every_stage_once_after_what_it_reads() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    # loops over nothing at paper scale
    parts = ("", "_further", "_third", "_fourth", "_last", "_view")
    left_out = {"train_teacher", *(f"train_box{part}" for part in parts), "pack_box"}
    assert {command.stage for command in ORDER} == set(stages) - left_out
    for number, command in enumerate(ORDER):
        later = [made for other in ORDER[number + 1 :] for made in other.writes]
        assert not [
            (read, made) for read in command.reads for made in later
            if read.startswith(plan.DATA) and overlaps(read, made)
        ], command.name  # fmt: skip


def repeated(name: str, folder: Path) -> list[str]:
    """Names of the stages of one row of the queue, at full scale."""
    [run] = runs(read_queue(), small=False, only=name)
    text = overlay.compose(ROOT / "params.rehearsal.yaml", overlay.alternatives(WRITTEN))
    (folder / "params.yaml").write_text(text)
    apply_overrides(str(folder / "params.yaml"), list(run.overrides))
    now: dict[str, Any] = params.read_params(folder / "params.yaml")
    return [c.name for c in plan.to_repeat(plan.in_order(ROOT, now), BEFORE, now, run.target)]


@pytest.mark.parametrize(
    ("row", "stages"),
    [
        ("da2-no-normal-s1", ["train_da2"]),
        ("da2-no-outpainting-s1", ["da2_curate@hypersim", "da2_curate@vkitti2",
            "da2_curate@mvs_synth", "da2_curate@unrealstereo4k", "da2_curate@ken_burns",
            "da2_curate@dynamic_replica", "train_da2"]),
        ("dap-selection-at-random-s1", ["dap_curate", "train_dap_realism"]),
        ("dap-range-10m-s1", ["train_dap_labeler"]),
    ],
)  # fmt: skip
def test_a_row_repeats_what_it_changes(row: str, stages: list[str], tmp_path: Path) -> None:
    assert repeated(row, tmp_path) == stages
