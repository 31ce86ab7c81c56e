"""T1 for stages: killed at any call, started again, the bytes of one that was not killed."""

import contextlib
import functools
import hashlib
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch
from dvc.repo import Repo

import pano_models
from experiments.benchmark.evaluate.stage import evaluate
from experiments.benchmark.gallery import gallery
from experiments.benchmark.models.resolve import DatasetLocation
from experiments.benchmark.report.stage import report
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
from tests.crash.case import Done, Fault
from tests.crash.families import LABELER
from tests.crash.hooks import KILLED, Before
from tests.crash.kills import ENDED
from tests.experiments import tiny

SIZE = (32, 64)
COUNT = 5
ROUNDS = 3
"""Of one case, each killed up to so many times:"""
MOST_KILLS = 5


def killed_stage(rng: random.Random, folder: Path) -> Done:
    """Kill a stage a few times, then let it end: the same bytes, and nothing beside."""
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
    whole = cache / "whole"
    expected, count = digests(whole), len(hooks.calls(whole))
    seconds = float((cache / "done").read_text())
    trials: Counter[str] = Counter()
    for number in range(ROUNDS):
        place = folder / f"run{number}"
        shutil.copytree(cache / "start", place)
        told = [_killed(rng, place, run, count, seconds) for _ in range(rng.randint(1, MOST_KILLS))]
        what = f"{name} killed at {'; '.join(told)}"
        _finished(place, run, None, what)
        if left := trainings.wait_for_processes(place):
            raise Fault(f"{what}: processes {left} are left")
        found = digests(place)
        if differ := sorted(k for k in {*expected, *found} if expected.get(k) != found.get(k)):
            raise Fault(f"{what}: {differ[:6]} differ from the stage that was not killed")
        trials.update(f"{name}, {place}" for place in told if place != ENDED)
        shutil.rmtree(place)
    return Done(f"{name}, {trials.total()} kills", trials)


def _killed(
    rng: random.Random, place: Path, run: Callable[[], None], count: int, seconds: float
) -> str:
    """Start a stage and kill it; return where, `ENDED` if it came to its end first."""
    if rng.random() < 0.7:
        number = rng.randint(1, max(1, count // rng.choice((1, 2, 4))))
        process = _launch(place, run, functools.partial(hooks.kill_at_call, number=number))
        process.join(trainings.LIMIT_S)
        if process.exitcode not in (0, *KILLED):
            raise Fault(f"ended with {process.exitcode}: {trainings.said(place)}")
        return hooks.where(hooks.calls(place)[-1]) if process.exitcode else ENDED
    process = _launch(place, run, None)
    process.join(rng.uniform(0, seconds))
    process.kill()
    process.join()
    return "the clock" if process.exitcode else ENDED


def _launch(place: Path, run: Callable[[], None], before: Before | None) -> "Process":
    process = tiny.FORKS.Process(target=_work, args=(place, run, before))
    process.start()
    return process


def _finished(place: Path, run: Callable[[], None], before: Before | None, what: str) -> None:
    process = _launch(place, run, before)
    process.join(trainings.LIMIT_S)
    if process.exitcode != 0:
        process.kill()
        raise Fault(f"{what}: ended with {process.exitcode}: {trainings.said(place)}")


def _work(place: Path, run: Callable[[], None], before: Before | None) -> None:
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


def _finished_network(place: Path, name: str, seed: int) -> None:
    torch.manual_seed(seed)
    network = pano_models.create("unifuse", backbone="resnet10t", width=0.125, head="affine")
    pano_models.save(network, place / "runs" / name)


def _with_networks(place: Path) -> None:
    _rooms(place)
    rows = datasets.get("structured3d").rows(place / "raw/structured3d", "train")
    write_manifest(place / "test.parquet", rows)
    for seed, name in enumerate(NETWORKS):
        _finished_network(place, name, seed)


def _evaluate(name: str = "one") -> None:
    rooms = DatasetLocation("test.parquet", "raw/structured3d")
    evaluate(name, {"rooms": rooms}, ["depth_anywhere_released"], SIZE, batch_size=1, threads=1)


def _scored(place: Path) -> None:
    _with_networks(place)
    with contextlib.chdir(place):
        for name in NETWORKS:
            _evaluate(name)


def _report() -> None:
    report(list(NETWORKS))


def _gallery() -> None:
    rooms = DatasetLocation("test.parquet", "raw/structured3d")
    gallery(list(NETWORKS), {"rooms": rooms}, size=SIZE)


NETWORKS = ("one", "two")


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
    "evaluation": (_with_networks, _evaluate),
    "gallery": (_with_networks, _gallery),
    "report": (_scored, _report),
    "DVC": (_pipeline, _reproduce),
}
