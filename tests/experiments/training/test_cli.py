"""`validate`, `test` and `predict` of a finished training, and wrong words on the command line."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from benchmarks import kill_trials
from experiments.prepare import worlds
from experiments.training.cli import main
from tests.experiments import tiny

SILENT = ("--trainer.enable_progress_bar", "false")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a training of two steps."""
    folder = tmp_path_factory.mktemp("cli")
    tiny.prepare(folder)
    process = tiny.start(folder, "--trainer.max_steps", "2", "--panels", "0")
    assert kill_trials.finish([process]) == [0], (folder / "output").read_text()
    return folder


def test_a_longer_training_has_a_rate_to_its_end(tmp_path: Path) -> None:
    """With the section's schedule the rate would be 0 from its last step on."""
    model = tiny.sections()["tiny"]["model"]
    model["init_args"]["scheduler"] = {
        "class_path": "experiments.training.schedule.WarmupCosine",
        "init_args": {"warmup_steps": 1, "total_steps": 2},
    }
    trainer = {**tiny.sections()["tiny"]["trainer"], "max_steps": 2}
    tiny.prepare(tmp_path, model=model, trainer=trainer)
    process = tiny.start(tmp_path, "--trainer.max_steps", "6", "--panels", "0")
    assert kill_trials.finish([process]) == [0], (tmp_path / "output").read_text()
    config = yaml.safe_load((tmp_path / "runs/tiny/config.yaml").read_text())
    schedule = config["model"]["init_args"]["scheduler"]["init_args"]
    assert schedule == {"warmup_steps": 3, "total_steps": 6, "floor": 0.0}


@pytest.mark.parametrize("command", ["validate", "test"])
def test_a_finished_training_is_scored(
    command: str, trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    monkeypatch.setenv("COLUMNS", "200")
    main("da2", [command, "--section=tiny", *SILENT])
    kind = {"validate": "val", "test": "test"}[command]
    assert f"{kind}/rooms/da2_paper/absrel" in capsys.readouterr().out


def test_predictions_are_written(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    source = "{rooms: {manifest: train.parquet, root: raw}}"
    main("da2", ["predict", "--section", "tiny", "--data.predict", source, *SILENT])
    files = sorted((trained / "out/predictions/tiny").rglob("*.npz"))
    assert len(files) == 5
    with np.load(files[0]) as maps:
        assert maps["distance_scale_invariant"].shape == (32, 64)
        assert np.isfinite(maps["distance_scale_invariant"]).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["predict", "--section", "tiny"], "got no sources in data.predict"),
        (["fit", "--section"], "--section: expected one argument"),
        (["fit", "--section", "tinny"], "got section 'tinny', expected one of ['common', 'tiny']"),
        (["fit", "--section", "tiny", "--data.train", "{a: {manifest: none.parquet, root: raw}}"],
            "none.parquet"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_in_a_line(
    words: list[str], said: str, trained: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(trained)
    with pytest.raises(SystemExit) as stop:
        main("da2", words)
    assert stop.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_no_network_of_random_weights_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main("da2", ["validate", "--section", "tiny"])
    assert stop.value.code == 2
    assert "got no runs/tiny/checkpoints/final.ckpt and no --ckpt_path" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("vkitti2", {"sceens": {"train": 4}}, "sceens"),
        ("vkitti2", {"views": "many"}, "views"),
        (
            "vkitti2",
            {"scenes": {"train_x": 4}},
            "worlds.vkitti2.scenes in params.yaml: got ['train_x']",
        ),
        ("vkitti", {"seed": 1}, "got worlds.vkitti, expected one of ['vkitti2']"),
    ],
)
def test_a_wrong_world_is_named_before_anything_is_rendered(
    name: str, settings: dict[str, object], said: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"worlds": {"vkitti2": settings}}))
    monkeypatch.chdir(tmp_path)
    assert worlds.main(name) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
