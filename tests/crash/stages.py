"""The stages of the pipeline in small, each with what it starts from."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from dvc.repo import Repo

import pano_models
from experiments.benchmark.evaluate.stage import evaluate
from experiments.benchmark.gallery import gallery
from experiments.benchmark.models.resolve import DatasetLocation
from experiments.benchmark.report.stage import report
from experiments.benchmark.suites.stage import run_suites
from experiments.da2.curate import curate
from experiments.dap.curate import curate as select
from experiments.dap.judge_folder import save_discriminator
from experiments.dap.label import label
from experiments.depth_anywhere.check_teacher import check_teacher
from experiments.depth_anywhere.mask import mask
from experiments.depth_anywhere.teacher import FolderTeacher
from experiments.depth_anywhere.views import CubeViews
from experiments.prepare.manifests import write_manifests
from experiments.prepare.worlds import render
from pano_data import P2E, ReflectionOutpainter, datasets, write_manifest
from pano_data.masks import RuleMasker
from pano_data.sources import Source
from pano_models.discriminator import PatchDiscriminator
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio
from tests.crash.case import Fault
from tests.crash.families import LABELER, TEACHER

SIZE = (32, 64)
COUNT = 5


class Stage(NamedTuple):
    """A stage.

    Attributes:
        make: Writes what it starts from into an empty folder.
        run: Runs it, from within that folder.
        ranks: Processes that share its work.
    """

    make: Callable[[Path], None]
    run: Callable[[], None]
    ranks: int = 1


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


def _label(ranks: int = 1) -> None:
    label("model", "data/train.parquet", "data/raw", "data/pseudo/d", "data", SIZE, batch_size=1,
          far_threshold=1.0, threads=1, trainer=_trainer(ranks))  # fmt: skip


def _label_on_two() -> None:
    _label(2)


def _trainer(ranks: int) -> dict[str, Any]:
    return {"accelerator": "cpu", "devices": ranks, "strategy": "ddp" if ranks > 1 else "auto"}


def _with_judge(place: Path) -> None:
    _rooms(place)
    rows = datasets.get("structured3d").rows(place / "raw/structured3d", "train")
    write_manifest(place / "rows.parquet", rows)
    torch.manual_seed(1)
    options = {"width": 4, "layers": 2}
    save_discriminator(PatchDiscriminator(**options), options, place / "judge")


def _select() -> None:
    select("judge", ["rows.parquet"], "raw/structured3d", "selected/kept.parquet", {"indoor": 2},
           size=SIZE, batch_size=1, threads=1, trainer=_trainer(2))  # fmt: skip


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


def _evaluate(name: str = "one", workers: int = 0) -> None:
    rooms = DatasetLocation("test.parquet", "raw/structured3d")
    evaluate(
        name, {"rooms": rooms}, ["depth_anywhere_released"], SIZE, batch_size=1, threads=1,
        workers=workers,
    )  # fmt: skip


def _evaluate_with_workers() -> None:
    _evaluate(workers=2)


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


def _with_suite(place: Path) -> None:
    miniatures.write(
        "stanford2d3d", place / "raw/stanford2d3d", scenes={"test": 2}, size=SIZE,
        studio=BoxStudio(),
    )  # fmt: skip
    for seed, name in enumerate(NETWORKS):
        _finished_network(place, name, seed)


def _suites() -> None:
    run_suites(list(NETWORKS), SIZE, "raw", ["depth_anywhere_table3"], partial=True, batch_size=1,
               threads=1)  # fmt: skip


def _with_teacher(place: Path) -> None:
    _with_networks(place)
    torch.manual_seed(1)
    TEACHER(place / "teacher")


def _gate() -> None:
    rooms = Source(manifest="test.parquet", root="raw/structured3d")
    check_teacher(
        FolderTeacher("teacher"), {"rooms": rooms}, CubeViews(16), "reports/gate.json",
        min_correlation=-1.0, max_share=1e9, size=SIZE, batch_size=1, threads=1,
    )  # fmt: skip


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


STAGES = {
    "curation": Stage(_pictures, _curate),
    "masks": Stage(_panoramas, _mask),
    "labelling": Stage(_with_labeler, _label),
    "labelling on 2 ranks": Stage(_with_labeler, _label_on_two, ranks=2),
    "selection on 2 ranks": Stage(_with_judge, _select, ranks=2),
    "manifests": Stage(_rooms, _manifests),
    "worlds": Stage(_nothing, _worlds),
    "evaluation": Stage(_with_networks, _evaluate),
    "evaluation with 2 workers": Stage(_with_networks, _evaluate_with_workers),
    "evaluation on 2 ranks": Stage(_with_networks, _evaluate, ranks=2),
    "gallery": Stage(_with_networks, _gallery),
    "suites": Stage(_with_suite, _suites),
    "teacher's gate": Stage(_with_teacher, _gate),
    "report": Stage(_scored, _report),
    "DVC": Stage(_pipeline, _reproduce),
}
