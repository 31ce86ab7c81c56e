"""Every row of the queue is accepted by its stage, before any work, and changes what it says."""

import contextlib
import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from experiments import ablations
from experiments.ablations import QueueError, Run, read_queue, runs
from experiments.pipeline import overlay, params
from experiments.pipeline.held_out import SCORED, suites_of
from experiments.training.params_cli import ParamsCLI
from pano_data.sampler import split_batch

ROOT = Path(__file__).parents[3]
GROUPS = read_queue()
FIRST = [run for run in runs(GROUPS) if run.seed == 1]
FULL = [run for run in runs(GROUPS, small=False) if run.seed == 1]
TERMS = "model.init_args.loss.init_args.terms"
GONE = object()
# row -> section, place in it, value there; GONE: no such key any more
CHANGES: dict[str, tuple[str, str, Any]] = {
    "da2-no-outpainting-s1": ("da2_curate_vkitti2", "outpainter", None),
    "da2-no-sphere-s1": (
        "da2",
        "model.init_args.net.class_path",
        "experiments.da2.without_sphere.DA2WithoutSphere",
    ),
    "da2-no-normal-s1": ("da2", f"{TERMS}.normal", GONE),
    "da2-native-only-s1": ("da2", "data.train.hypersim.weight", 0),
    "da2-plus-hypersim-s1": ("da2", "data.train.vkitti2.weight", 0),
    "da2-plus-vkitti2-s1": ("da2", "data.train.mvs_synth.weight", 0),
    "da2-plus-mvs-synth-s1": ("da2", "data.train.unrealstereo4k.weight", 0),
    "da2-plus-unrealstereo4k-s1": ("da2", "data.train.ken_burns.weight", 0),
    "da2-plus-ken-burns-s1": ("da2", "data.train.dynamic_replica.weight", 0),
    "da2-from-scratch-s1": ("da2", "model.init_args.net.init_args.backbone_weights", None),
    "depth-anywhere-no-pseudo-labels-s1": ("depth_anywhere_unifuse", "data.unlabelled", None),
    "depth-anywhere-no-rotation-s1": (
        "depth_anywhere_unifuse",
        "model.init_args.max_angle_deg",
        0,
    ),
    "depth-anywhere-rotation-per-sample-s1": (
        "depth_anywhere_unifuse",
        "model.init_args.per_sample",
        True,
    ),
    "depth-anywhere-tangent-s1": (
        "depth_anywhere_unifuse",
        "model.init_args.views.class_path",
        "experiments.depth_anywhere.views.TangentViews",
    ),
    "depth-anywhere-own-teacher-s1": (
        "depth_anywhere_unifuse",
        "model.init_args.teacher.init_args.model",
        "runs/depth_anywhere_teacher",
    ),
    "depth-anywhere-teacher-from-scratch-s1": (
        "depth_anywhere_teacher",
        "model.init_args.net.init_args.backbone_weights",
        None,
    ),
    "depth-anywhere-ratio-1-to-2-s1": ("depth_anywhere_unifuse", "data.ratio", 2),
    "depth-anywhere-ratio-1-to-4-s1": ("depth_anywhere_unifuse", "data.ratio", 4),
    **{
        f"depth-anywhere-{student.replace('_', '-')}-no-pseudo-labels-s1": (
            f"depth_anywhere_{student}",
            "data.unlabelled",
            None,
        )
        for student in ("bifuse_plus", "hohonet", "egformer")
    },
    "dap-silog-alone-s1": ("dap_labeler", f"{TERMS}.points", GONE),
    "dap-plus-distortion-s1": ("dap_labeler", f"{TERMS}.normal", GONE),
    "dap-plus-geometry-s1": ("dap_labeler", f"{TERMS}.grad", GONE),
    "dap-no-range-mask-s1": ("dap_labeler", f"{TERMS}.mask", GONE),
    "dap-no-distortion-map-s1": (
        "dap_labeler",
        f"{TERMS}.silog.init_args.weighting",
        "pano_losses.weighting.uniform",
    ),
    "dap-range-10m-s1": ("dap_labeler", "model.init_args.net.init_args.thresholds", [10]),
    "dap-range-20m-s1": ("dap_labeler", "model.init_args.net.init_args.thresholds", [20]),
    "dap-range-50m-s1": ("dap_labeler", "model.init_args.net.init_args.thresholds", [50]),
    "dap-range-100m-s1": ("dap_labeler", "model.init_args.net.init_args.thresholds", [100]),
    "dap-selection-at-random-s1": ("dap_curate", "by", "random"),
}


def values(run: Run, folder: Path, overlaid: str | None = None) -> Path:
    """params.yaml, with an overlay written into it, as DVC hands it to the stages of a run."""
    path = folder / "params.yaml"
    shutil.copy(ROOT / "params.yaml", path)
    if overlaid:
        path.write_text(overlay.compose(ROOT / overlaid))
    apply_overrides(str(path), list(run.overrides))
    return path


def look_up(section: dict[str, Any], place: str) -> Any:
    node: Any = section
    for key in place.split("."):
        node = node.get(key, GONE)
    return node


@pytest.mark.parametrize("run", FIRST, ids=lambda run: run.name)
def test_a_row_changes_what_it_says(run: Run, tmp_path: Path) -> None:
    path = values(run, tmp_path)
    first = next(iter(GROUPS[run.group]["rows"]))
    if run.row == first:
        assert run.name not in CHANGES
        return
    section, place, value = CHANGES[run.name]
    found = look_up(params.section(section, path), place)
    assert found is GONE if value is GONE else found == value
    full = next(r for r in FIRST if r.group == run.group and r.row == first)
    before = look_up(params.section(section, values(full, tmp_path)), place)
    assert before != found


@pytest.mark.parametrize("run", FIRST, ids=lambda run: run.name)
def test_a_row_is_accepted(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values(run, tmp_path)
    monkeypatch.chdir(tmp_path)
    resolved = accepted(run)
    assert resolved["data"]["num_workers"] == 0  # the overrides that make a row cheap arrived


@pytest.mark.parametrize("run", FULL, ids=lambda run: run.name)
def test_a_row_is_accepted_at_paper_scale(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values(run, tmp_path, "params.paper.yaml")
    monkeypatch.chdir(tmp_path)
    resolved = accepted(run)
    assert resolved["data"]["num_workers"] == 12
    unlabelled = resolved["data"].get("unlabelled")
    labelled, _ = split_batch(resolved["data"]["batch_size"], resolved["data"]["ratio"]
                              if unlabelled else 0)  # fmt: skip
    assert labelled >= 2
    held = {f"data/manifests/{d}/{s}.parquet": (d, s) for ps in SCORED.values() for d, s in ps}
    trained = [*resolved["data"]["train"].values(), *(unlabelled or {}).values()]
    tests = [held[s["manifest"]] for s in trained if s["manifest"] in held]
    assert set(suites_of(tests)) <= set(resolved["seen_suites"]), "the guard would refuse it"


def accepted(run: Run) -> dict[str, Any]:
    """The configuration that the run's stage makes of its section."""
    section = GROUPS[run.group]["section"]
    paper = next(p for p in ("depth_anywhere", "da2", "dap") if section.startswith(p))
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as stop:
        ParamsCLI(paper, section, ["fit", "--print_config"])
    assert stop.value.code == 0
    resolved: dict[str, Any] = yaml.safe_load(out.getvalue())
    assert (resolved["seed_everything"], resolved["data"]["seed"]) == (1, 1)
    assert resolved["tags"] == {"reproduces": GROUPS[run.group]["rows"][run.row]["table"]}
    return resolved


def test_the_tables_have_their_rows() -> None:
    """DA² Table 2 has seven, Depth Anywhere Table 3 ten."""
    tables = [GROUPS[run.group]["rows"][run.row]["table"] for run in FULL]
    assert [sum(f"Table 2, row {n}" in t for t in tables[:11]) for n in range(1, 8)] == [1] * 7
    count = {name: tables.count(f"Table 3, {name}") for name in
             ("M-all", "M-all and ST-all (p)", "M-all and SP-all (p)")}  # fmt: skip
    assert count == {"M-all": 4, "M-all and ST-all (p)": 4, "M-all and SP-all (p)": 2}
    assert (tables.count("Table 2, M"), tables.count("Table 2, M and ST (p)")) == (2, 2)


def test_a_row_may_be_of_one_scale() -> None:
    small, full = ({r.name for r in runs(GROUPS, s)} for s in (True, False))
    assert "depth-anywhere-own-teacher-s1" in small - full
    assert "depth-anywhere-m-all-s1" in full - small


def test_first_seeds_come_first_and_names_are_unique() -> None:
    planned = runs(GROUPS)
    assert [run.seed for run in planned] == sorted(run.seed for run in planned)
    assert len({run.name for run in planned}) == len(planned)


def test_full_scale_leaves_the_small_overrides_out() -> None:
    small, full = runs(GROUPS)[0], runs(GROUPS, small=False)[0]
    assert any("num_workers" in o for o in small.overrides)
    assert not any("num_workers" in o for o in full.overrides)


def test_only_and_its_typo() -> None:
    assert [run.name for run in runs(GROUPS, only="da2-full-*")] == [
        f"da2-full-s{seed}" for seed in (1, 2, 3)
    ]
    with pytest.raises(QueueError, match="'da3-\\*', which fits no run"):
        runs(GROUPS, only="da3-*")


def test_a_group_with_a_typo_is_named(tmp_path: Path) -> None:
    path = tmp_path / "queue.yaml"
    path.write_text("x: {paper: P, section: s, target: t, scores: {}, rowz: {}}\n")
    with pytest.raises(QueueError, match=r"group 'x'.*rowz"):
        read_queue(path)


def labelled_per_step(section: dict[str, Any]) -> int:
    """Labelled panoramas of a batch: what the sampler leaves beside the unlabelled part."""
    data = section["data"]
    return data["batch_size"] // (1 + (data["ratio"] if data.get("unlabelled") else 0))


def test_rows_that_are_compared_see_equally_many_labelled_panoramas(tmp_path: Path) -> None:
    counts = {}
    for run in FIRST:
        if run.group == "depth_anywhere":
            path = values(run, tmp_path)
            common = params.section("common", path)["data"]
            section = params.section("depth_anywhere_unifuse", path)
            counts[run.row] = labelled_per_step({"data": {**common, **section["data"]}})
    assert len(counts) >= 6
    assert set(counts.values()) == {counts["full"]}


RUNS = [Run("g", "row_a", seed, "train", ("++a.b=1", "~c.d")) for seed in (1, 2, 3)]


def test_command() -> None:
    assert ablations.command(RUNS[0]) == [
        "dvc", "exp", "run", "--temp", "--name", "g-row-a-s1",
        "--set-param", "++a.b=1", "--set-param", "~c.d", "train",
    ]  # fmt: skip


def test_what_is_there_is_skipped_and_a_failure_does_not_stop_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[str] = []

    def fake(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        if command[2] == "list":
            return subprocess.CompletedProcess(command, 0, "g-row-a-s1\n", "")
        started.append(command[5])
        assert options["env"]["PIPELINE_ID"] == "ablations"
        return subprocess.CompletedProcess(command, int(command[5] == "g-row-a-s2"))

    monkeypatch.setattr(subprocess, "run", fake)
    assert ablations.launch(RUNS) == ["g-row-a-s2"]
    assert started == ["g-row-a-s2", "g-row-a-s3"]
