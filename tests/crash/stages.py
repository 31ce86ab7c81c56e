"""T1 for stages: killed at any call, started again, the bytes of one that was not killed."""

import functools
import hashlib
import os
import random
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from dvc.repo import Repo

import pano_models
from experiments.da2.curate import curate
from experiments.dap.label import label
from experiments.depth_anywhere.mask import mask
from experiments.prepare.manifests import write_manifests
from experiments.prepare.worlds import render
from pano_data import P2E, ReflectionOutpainter, datasets, write_manifest
from pano_data.masks import RuleMasker
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio
from tests.crash import hooks, trainings
from tests.crash.case import Fault
from tests.crash.families import LABELER
from tests.experiments import tiny

SIZE = (32, 64)
COUNT = 5


def killed_stage(rng: random.Random, folder: Path) -> str:
    """Kill a stage up to three times, then let it end: the same bytes, and nothing beside."""
    name = rng.choice(list(STAGES))
    make, run = STAGES[name]
    cache = folder.parent / "cache" / f"stage-{name}"
    if not (cache / "done").is_file():
        shutil.rmtree(cache, ignore_errors=True)
        make(cache / "start")
        shutil.copytree(cache / "start", cache / "whole")
        begun = time.monotonic()
        _finished(cache / "whole", run, hooks.note_calls, name)
        (cache / "done").write_text(str(time.monotonic() - begun))
    whole, place = cache / "whole", folder / "run"
    count, seconds = len(hooks.calls(whole)), float((cache / "done").read_text())
    shutil.copytree(cache / "start", place)
    told = []
    for _ in range(rng.randint(1, 3)):
        if rng.random() < 0.7:
            number = rng.randint(1, count)
            before = functools.partial(hooks.kill_at_call, number=number)
            process = _launch(place, run, before)
            process.join(trainings.LIMIT_S)
            told.append(hooks.calls(place)[-1] if process.exitcode == -9 else "ended before")
        else:
            process = _launch(place, run, None)
            process.join(rng.uniform(0, seconds))
            process.kill()
            process.join()
            told.append("by the clock")
    what = f"{name} killed at {'; '.join(told)}"
    _finished(place, run, None, what)
    if left := trainings.wait_for_processes(place):
        raise Fault(f"{what}: processes {left} are left")
    one, other = digests(whole), digests(place)
    if differ := sorted(k for k in {*one, *other} if one.get(k) != other.get(k)):
        raise Fault(f"{what}: {differ[:6]} differ from the stage that was not killed")
    return what


def _launch(place: Path, run: Callable[[], None], before: trainings.Before | None) -> "Process":
    process = tiny.FORKS.Process(target=_work, args=(place, run, before))
    process.start()
    return process


def _finished(
    place: Path, run: Callable[[], None], before: trainings.Before | None, what: str
) -> None:
    process = _launch(place, run, before)
    process.join(trainings.LIMIT_S)
    if process.exitcode != 0:
        process.kill()
        raise Fault(f"{what}: ended with {process.exitcode}: {trainings.said(place)}")


def _work(place: Path, run: Callable[[], None], before: trainings.Before | None) -> None:
    tiny.print_to(place / "output")
    os.environ["DVC_STAGE"] = "lab"  # as below DVC: what is left of other work goes
    sys.dont_write_bytecode = True
    os.chdir(place)
    if before is not None:
        before(place)
    run()


def digests(place: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a finished stage; locks beside its folder do not count.

    DVC's own folder holds databases with times: of it only the objects of its cache count.
    """
    found = {}
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        own = name in hooks.ENDINGS or name.endswith(".lock")
        if own or not path.is_file() or (name.startswith(".dvc/") and "/files/" not in name):
            continue
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _pictures(place: Path) -> None:
    miniatures.write(
        "hypersim", place / "raw", seed=1, scenes={"train": COUNT}, views=1, size=(24, 32),
        studio=BoxStudio(),
    )  # fmt: skip
    rows = datasets.get("hypersim").rows(place / "raw", "train")
    write_manifest(place / "train.parquet", rows)


def _curate() -> None:
    curate("train.parquet", "raw", "out", (24, 32), P2E(SIZE), ReflectionOutpainter(),
           chunk=1, threads=1)  # fmt: skip


def _panoramas(place: Path) -> None:
    raw = place / "data/raw"
    miniatures.write("folder", raw, scenes={"unlabelled": COUNT}, size=SIZE, studio=BoxStudio())
    rows = datasets.get("folder").rows(raw, "unlabelled")
    write_manifest(place / "data/train.parquet", rows)


def _mask() -> None:
    mask("data/train.parquet", "data/raw", "data/masks/d", "data", RuleMasker(), threads=1)


def _with_labeler(place: Path) -> None:
    _panoramas(place)
    torch.manual_seed(1)
    pano_models.save(pano_models.create("dap", **LABELER), place / "model")


def _label() -> None:
    label("model", "data/train.parquet", "data/raw", "data/pseudo/d", "data", SIZE, batch_size=1,
          far_threshold=1.0, threads=1, trainer={"accelerator": "cpu", "devices": 1})  # fmt: skip


def _rooms(place: Path) -> None:
    miniatures.write(
        "structured3d", place / "raw/structured3d", scenes={"train": 2, "val": 1}, size=SIZE,
        studio=BoxStudio(),
    )  # fmt: skip


def _manifests() -> None:
    write_manifests("structured3d", Path("raw"), Path("manifests"))


def _nothing(place: Path) -> None:
    place.mkdir(parents=True)


def _worlds() -> None:
    render("structured3d", Path("raw"), scenes={"train": 2}, size=(16, 32), seed=1)


def _pipeline(place: Path) -> None:
    _rooms(place)
    Repo.init(str(place), no_scm=True)
    copy = "rm -rf out && mkdir out && cp -r raw/. out/"
    count = "find out -type f | wc -l > count.txt"
    (place / "dvc.yaml").write_text(
        f"stages:\n  copy: {{cmd: '{copy}', deps: [raw], outs: [out]}}\n"
        f"  count: {{cmd: '{count}', deps: [out], outs: [count.txt]}}\n"
    )


def _reproduce() -> None:
    with Repo(".") as repo:
        repo.reproduce()
        if repo.status():
            raise Fault(f"after `dvc repro` DVC says {repo.status()}")


Process = tiny.ForkServerProcess
STAGES: dict[str, tuple[Callable[[Path], None], Callable[[], None]]] = {
    "curation": (_pictures, _curate),
    "masks": (_panoramas, _mask),
    "labelling": (_with_labeler, _label),
    "manifests": (_rooms, _manifests),
    "worlds": (_nothing, _worlds),
    "DVC": (_pipeline, _reproduce),
}
