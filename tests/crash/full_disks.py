"""T5: the disk is full in the middle of a write, whoever writes."""

import functools
import io
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.training.checkpoints import DurableCheckpointIO
from pano_data import ManifestDataset, manifest_of, write_manifest, write_pseudo_label
from pano_data.io.archives import extract
from pano_data.io.atomic import FULL, write_json
from pano_data.io.encode import write_float16_png, write_png
from pano_data.shards import pack
from panodepth.outputs.records import save_prediction
from panodepth.prediction import PredictedMap
from tests.crash import hooks, outcomes, trainings
from tests.crash.case import Done, Fault
from tests.crash.families import FAMILIES
from tests.crash.files import panoramas
from tests.crash.hooks import Before
from tests.crash.outcomes import check_same
from tests.crash.parsed import Parsed
from tests.crash.trainings import Setting, finish, launch, reference, waiting
from tests.experiments.full_disk import full_disk

TRAININGS = 3
"""Of one case: the values are read once for them."""


def full_disks_while_writing(rng: random.Random, folder: Path) -> Done:
    """Let no file grow beyond a random size while writers work, one after the other."""
    trials = Counter(full_disk_while_writing(rng, folder / str(n)) for n in range(WRITERS))
    return Done(f"{WRITERS} writers", trials)


WRITERS = 10


def full_disk_while_writing(rng: random.Random, folder: Path) -> str:
    """Let no file grow while one writer works: the old product stays whole; return who wrote."""
    rows = panoramas(folder / "raw", 3, rng)
    out = folder / "out"
    name, write = rng.choice(_writers(out, rows, folder / "raw", rng))
    write()
    before = _content(out)
    largest = max(len(data) for data in before.values())
    limit = rng.randrange(largest)
    try:
        with full_disk(limit):
            if name in RESUMED:
                (out / RESUMED[name]).unlink()  # else there is nothing left to write
                before.pop(RESUMED[name])
            write()
    except OSError as error:
        if error.errno not in FULL:
            raise Fault(
                f"{name} at {limit} bytes: {error!r}, expected one that says full"
            ) from error
    after = _content(out)
    stray = [file for file in after if ".part" in file]
    changed = [file for file in before if after.get(file) != before[file]]
    if stray or changed:
        raise Fault(f"{name} at {limit} of {largest} bytes left {stray}, changed {changed}")
    return name


RESUMED = {"shards": "cards/000000.json", "archive": "b.bin"}
"""A file of what is resumed instead of written anew."""


def _content(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _writers(
    out: Path, rows: list[Any], raw: Path, rng: random.Random
) -> list[tuple[str, Callable[[], Any]]]:
    values = np.random.default_rng(0)
    picture = values.integers(0, 255, (64, 128, 3), np.uint8)
    metres = values.uniform(1, 9, (64, 128)).astype("f4")
    everything = np.ones(metres.shape, bool)
    whole = PredictedMap("distance_metric", metres, everything, ~everything)
    state = {"net": torch.arange(9999.0)}
    numbers = json.loads(json.dumps([rng.random() for _ in range(500)]))
    return [
        ("manifest", lambda: write_manifest(out / "m.parquet", rows)),
        ("PNG", lambda: write_png(out / "a.png", picture)),
        ("half-float PNG", lambda: write_float16_png(out / "d.png", metres)),
        ("checkpoint", lambda: DurableCheckpointIO().save_checkpoint(state, out / "last.ckpt")),
        ("JSON", lambda: write_json(out / "a.json", numbers)),
        ("shards", lambda: pack(ManifestDataset(manifest_of(rows), raw), out, chunk=3)),
        ("archive", lambda: extract(_archive(raw.parent / "a.tar", rng), out)),
        ("prediction", lambda: save_prediction(out, "p", picture, whole, PREDICTED, {})),
        ("pseudo-label", lambda: write_pseudo_label(out, rows[0], metres, whole.far)),
    ]


PREDICTED = ("npy", "png16", "exr", "preview", "ply")


def _archive(path: Path, rng: random.Random) -> Path:
    """Write an archive of two files, once."""
    if not path.is_file():
        with tarfile.open(path, "w") as tar:
            for name in ("a.bin", "b.bin"):
                data = rng.randbytes(9000)
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


def full_disk_while_training(rng: random.Random, folder: Path) -> Done:
    """Train on a disk that fills up, three times over; then with space again."""
    family, cache = rng.choice(list(FAMILIES)), folder.parent / "cache"
    whole = reference(cache, family, 1)
    (last,) = (cache / f"{family}-1/whole").glob(".runs/tiny/*/last.ckpt")
    largest = 2 * last.stat().st_size
    trials: Counter[str] = Counter()
    with waiting(cache, family, Setting(), folder / "said") as source:
        for number in range(TRAININGS):
            place = folder / f"run{number}"
            how = rng.choice(("file size", "tmpfs", "quota"))
            if how == "tmpfs" and not _mount(place, ROOMY):
                how = "file size"
            try:
                _fill(rng, cache, place, family, how, largest, whole.calls, source)
                trainings.train(place, family, Setting(), source=source)
                check_same(place, whole.outcome, f"{family}, {how}")
            finally:
                if how == "tmpfs":
                    outcomes.wait_for_processes(place)
                    subprocess.run(["umount", "-l", str(place)], check=False)
            trials[f"{family}, {how}"] += 1
    return Done(f"{family}, {trials.total()} trainings", trials)


def _fill(
    rng: random.Random,
    cache: Path,
    place: Path,
    family: str,
    how: str,
    largest: int,
    calls: int,
    source: Parsed,
) -> None:
    """Train until there is no space: a line, and no part is left."""
    limit = rng.randrange(2000, largest)
    trainings.copy_start(cache, family, 1, place)
    before: Before | None = None
    if how == "tmpfs":
        used = sum(p.stat().st_size for p in place.rglob("*") if p.is_file())
        _resize(place, used + limit)
    elif how == "quota":
        before = functools.partial(hooks.refuse_from_call, number=rng.randint(1, calls // 2))
    else:
        before = functools.partial(limit_files, limit=limit)
    (code,) = finish(launch(place, family, Setting(), before=before, source=source))
    what = f"{family}, {how} {limit}, exit {code} at {outcomes.steps_done(place)}"
    text, parts = outcomes.said(place), outcomes.stray_files(place)
    if code not in (0, 1) or "Traceback" in text:
        raise Fault(f"{what}: {text}")
    if parts:
        raise Fault(f"{what}: left {parts}")
    if how == "tmpfs":
        _resize(place, ROOMY)


ROOMY = 1 << 30


def limit_files(folder: Path, limit: int) -> None:
    """Let no file of this process grow beyond a size."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def _mount(place: Path, size: int) -> bool:
    place.mkdir()
    if sys.platform != "linux" or os.geteuid():
        return False
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "lab", str(place)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _resize(place: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)
