"""Bad input of a training: one line that says what was got, what was expected and what to do.

Exit code 2; nothing overwritten.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import kill_trials
from benchmarks.kill_trials import KillSetting
from experiments.tracking.queue import TrackingQueue
from experiments.training import checkpoints
from pano_data import read_manifest, write_manifest
from tests.experiments import tiny
from tests.experiments.full_disk import full_disk

NET = "--model.init_args.net.init_args"
UNLABELLED = "--data.unlabelled={pictures: {manifest: one.parquet, root: raw}}"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of two steps that is finished, and manifests of no row and of one row."""
    folder = tmp_path_factory.mktemp("bad_input") / "a"
    tiny.prepare(folder)
    rows = list(read_manifest(folder / "train.parquet"))
    write_manifest(folder / "empty.parquet", [])
    write_manifest(folder / "one.parquet", rows[:1])
    (folder / "text.ckpt").write_text("no checkpoint")
    fit(folder, "--trainer.max_steps=2", "--checkpoint_every=1", "--panels=0", code=0)
    (last,) = folder.glob(".runs/tiny/*/last.ckpt")
    last.rename(folder / "last.ckpt")
    return folder


def fit(
    folder: Path, *argv: str, code: int, ranks: int = 1, before: Callable[[], None] | None = None
) -> str:
    """Trains; what it printed."""
    output = folder / "output"
    output.unlink(missing_ok=True)
    processes = kill_trials.launch(folder, KillSetting(ranks, more=argv), before)
    assert kill_trials.finish(processes) == [code] * ranks, output.read_text()
    return output.read_text() if output.is_file() else ""


def published(folder: Path) -> dict[str, bytes]:
    last = folder / "last.ckpt"
    return {**published_models(folder), last.name: last.read_bytes()}


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["--data.train={}"],
            "training needs data: got no sources in data.train, expected at least one"),
        (
            ["--data.train={rooms: {manifest: train.parquet, root: raw}, "
             "more: {manifest: empty.parquet, root: raw}}"],
            "got no sample in data.train.more, expected at least one in each set",
        ),
        (["--data.val.rooms.manifest=empty.parquet"],
            "got no sample in data.val.rooms, expected at least one"),
        (
            ["--data.batch_size=64"],
            "data.train (rooms) is shorter than one global batch: got 5 samples, expected at least "
            "64 per rank x 1 ranks",
        ),
        (
            ["--data.batch_size=4", UNLABELLED],
            "data.unlabelled (pictures) is shorter than one global batch: got 1 samples, expected "
            "at least 2 per rank",
        ),
        (["--data.batch_size=3", UNLABELLED],
            "a batch of 3 cannot hold labelled and unlabelled samples at 1:1"),
        (["--global_batch=3"],
            "got global_batch 3, expected a multiple of batch_size 2 x 1 ranks = 2"),
        (["--ckpt_path=last.ckpt", f"{NET}.residual_units=2"],
            "got a checkpoint of another network (15 tensors unknown, missing or of another "
         "shape"),
        (["--ckpt_path=last.ckpt", f"{NET}.width=48"], "got a checkpoint of another network ("),
        (["--ckpt_path=last.ckpt", "--data.batch_size=1"],
            "cannot resume exactly: global_batch was 2, is 1"),
        (["--ckpt_path=none.ckpt"], "got none.ckpt, which cannot be read"),
        (["--ckpt_path=http://127.0.0.1:9/last.ckpt"], "expected a file on this machine"),
        (["--ckpt_path=text.ckpt"], "got text.ckpt, which cannot be read"),
        (["--ckpt_path=runs/tiny/checkpoints/final.ckpt"],
            "got a checkpoint of weights alone, expected the state of a training"),
        (["--model.init_args.init_from=runs/tiny", f"{NET}.residual_units=2"],
            "weights do not fit DA2: missing:"),
        (["--model.init_args.protocols=[da2]"], "got protocol 'da2', expected one of "),
        (["--model.init_args.init_from=runs/none"], "no folder runs/none here; train it first"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_it_is_said_in_a_line(argv: list[str], line: str, trained: Path) -> None:
    before = published(trained)
    said = fit(trained, *argv, code=2)
    assert said.splitlines()[-1].startswith("error in section tiny: ")
    assert line in said.splitlines()[-1]
    assert "Traceback" not in said
    assert published(trained) == before


def test_data_that_changed_under_a_checkpoint_are_refused(trained: Path) -> None:
    before, manifest = published(trained), trained / "train.parquet"
    rows = list(read_manifest(manifest))
    write_manifest(manifest, rows[:4])
    said = fit(trained, "--ckpt_path=last.ckpt", code=2)
    write_manifest(manifest, rows)
    assert "error in section tiny: cannot resume: ['train.parquet'] changed" in said
    assert "Traceback" not in said
    assert published(trained) == before


def test_a_picture_that_was_replaced_is_refused(tmp_path: Path) -> None:
    """The manifest is the same: only the files behind it tell."""
    tiny.prepare(tmp_path)
    fit(tmp_path, "--trainer.max_steps=2", "--checkpoint_every=1", "--panels=0", code=0)
    before, manifest = published_models(tmp_path), tmp_path / "train.parquet"
    one, other, *_ = (tmp_path / "raw" / row.image for row in read_manifest(manifest))
    one.write_bytes(other.read_bytes())
    said = fit(tmp_path, "--trainer.max_steps=2", "--checkpoint_every=1", "--panels=0", code=2)
    assert "error in section tiny: cannot resume: 1 of " in said.splitlines()[-1]
    assert one.name in said.splitlines()[-1]
    assert "Traceback" not in said
    assert published_models(tmp_path) == before


def published_models(folder: Path) -> dict[str, bytes]:
    files = [p for p in (folder / "runs").rglob("*") if p.is_file()]
    return {p.name: p.read_bytes() for p in files}


@pytest.mark.ddp
def test_two_ranks_end_with_a_line_each(trained: Path) -> None:
    said = fit(trained, "--data.batch_size=4", code=2, ranks=2)
    for rank in ("", ", rank 1"):
        assert f"error in section tiny{rank}: data.train (rooms) is shorter" in said
    assert "expected at least 4 per rank x 2 ranks" in said
    assert "Traceback" not in said


def test_a_bug_keeps_its_traceback(trained: Path) -> None:
    said = fit(trained, code=1, before=break_it)
    assert "Traceback" in said
    assert said.splitlines()[-1] == "ValueError: a bug"


@pytest.mark.parametrize("validating", [False, True])
def test_a_network_that_diverged_is_not_published(validating: bool, tmp_path: Path) -> None:
    tiny.prepare(tmp_path)
    argv = ["--model.init_args.optimizer.init_args.lr=1e30", "--trainer.max_steps=2", "--panels=0"]
    said = fit(tmp_path, *argv, *([] if validating else ["--data.val={}"]), code=1)
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("section tiny: ")
    assert "starts afresh" in said.splitlines()[-1]
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_picture_is_a_line_with_and_without_workers(workers: int, tmp_path: Path) -> None:
    tiny.prepare(tmp_path)
    for picture in (tmp_path / "raw").rglob("rgb*.png"):
        picture.write_bytes(picture.read_bytes()[:500])
    said = fit(tmp_path, f"--data.num_workers={workers}", "--data.quarantine=null", code=2)
    assert "Traceback" not in said
    assert ": truncated: " in said.splitlines()[-1]


def test_a_full_disk_is_a_line_and_leaves_no_part(tmp_path: Path) -> None:
    tiny.prepare(tmp_path)
    said = fit(tmp_path, code=1, before=fill_disk)
    assert "Traceback" not in said
    assert "No space left" in said.splitlines()[-1]
    assert not list(tmp_path.rglob("*.part*"))


def fill_disk() -> None:
    """Lets no checkpoint of this process come to its end.

    The limit holds for the whole process: the thread that delivers runs to MLflow stays out of it.
    """
    setattr(TrackingQueue, "_deliver_forever", lambda _: None)  # noqa: B010 - see break_it
    save = checkpoints.DurableCheckpointIO.save_checkpoint

    def cut(*args: Any, **kwargs: Any) -> None:
        with full_disk(50_000):
            save(*args, **kwargs)

    setattr(checkpoints.DurableCheckpointIO, "save_checkpoint", cut)  # noqa: B010 - see break_it


def break_it() -> None:
    """Breaks the program."""

    def bug(*_: object) -> None:
        raise ValueError("a bug")

    setattr(checkpoints.StepSeed, "on_train_batch_start", bug)  # noqa: B010 - its own process
