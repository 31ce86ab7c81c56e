"""Load: many panoramas, many rows; memory that grows with their number is a fault."""

import dataclasses
import gc
import random
import resource
from collections.abc import Callable
from pathlib import Path

from experiments.benchmark.evaluate.score import ScoringSettings, score
from pano_data import P2E, CuratedDataset, ManifestDataset, ReflectionOutpainter, manifest_of
from pano_data.shards import finish, pack
from pano_models import Predictor
from panodepth.inference.files import PredictSettings, predict_files
from panodepth.input_names import PanoramaFile
from tests.crash.case import Fault
from tests.crash.files import SIZE, panoramas
from tests.crash.uploads import Grey
from tests.experiments.benchmark.conftest import Guess

FEW = 100
MANY = 600
BYTES_A_ROW = 6_000
"""What may stay of each: names and scores. A picture and its maps of these sizes take 12 kB."""
SLACK = 4 << 20


def many_predictions(rng: random.Random, folder: Path, many: int = MANY) -> str:
    """Predict panoramas, replace and damage some, and resume by record and digest."""
    rows = panoramas(folder / "in", many, rng)
    files = [PanoramaFile(folder / "in" / row.image, folder / "in") for row in rows]
    settings = PredictSettings(folder / "out", "grey", ("npy",), skip_existing=True)
    predictor = Predictor(Grey(), SIZE)

    def run(chosen: list[PanoramaFile]) -> None:
        errors = [o.error for o in predict_files(predictor, chosen, settings) if o.error]
        if errors:
            raise Fault(f"{len(errors)} errors, e.g. {errors[0]}")

    grown = _growth(lambda: run(files[:FEW]), lambda: run(files), many)
    replaced = rng.sample(files, 3)
    for file in replaced:
        other = rng.choice([f for f in files if f.path.read_bytes() != file.path.read_bytes()])
        file.path.write_bytes(other.path.read_bytes())
    damaged = rng.choice([f for f in files if f not in replaced])
    (folder / "out" / f"{damaged.name}_prediction.json").write_text(rng.choice(["[]", "{", ""]))
    done = [o.file for o in predict_files(predictor, files, settings) if not o.skipped]
    if sorted(f.name for f in done) != sorted(f.name for f in [*replaced, damaged]):
        raise Fault(f"replaced {replaced} and damaged {damaged}, predicted {done}")
    return f"{many} panoramas: {grown:.0f} bytes a panorama"


def many_rows(rng: random.Random, folder: Path, many: int = MANY) -> str:
    """Score and curate rows, far more than fit if each of them stayed."""
    rows = panoramas(folder / "raw", 8, rng)
    listed = manifest_of(
        dataclasses.replace(rows[n % 8], key=f"{n:06}", scene=f"{n:06}") for n in range(many)
    )
    data = ManifestDataset(listed, folder / "raw")
    few = ManifestDataset(manifest_of(list(listed)[:FEW]), folder / "raw")
    settings = ScoringSettings(("da2_paper",), SIZE, batch_size=4)
    scored = _growth(
        lambda: score(Guess(), few, settings, folder / "few"),
        lambda: score(Guess(), data, settings, folder / "many"),
        many,
    )
    flat = manifest_of(dataclasses.replace(
        row, projection="pinhole", depth=row.depth, kind="z",
        intrinsics=(16.0, 0.0, 16.0, 0.0, 16.0, 8.0, 0.0, 0.0, 1.0),
    ) for row in listed)  # fmt: skip

    def curate(count: int) -> None:
        pictures = ManifestDataset(manifest_of(list(flat)[:count]), folder / "raw", SIZE)
        made = CuratedDataset(pictures, P2E(SIZE), ReflectionOutpainter(), 0)
        pack(made, folder / f"shards{count}", chunk=32)
        if len(finish(folder / f"shards{count}")) != count:
            raise Fault(f"{count} rows were not all curated")

    curated = _growth(lambda: curate(FEW), lambda: curate(many), many)
    return f"{many} rows: {scored:.0f} bytes a scored row, {curated:.0f} a curated one"


def _growth(few: Callable[[], object], all_of_them: Callable[[], object], many: int) -> float:
    """Return by how many bytes a row the peak of memory grows from few rows to many."""
    few()
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    all_of_them()
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    if grown > SLACK + BYTES_A_ROW * (many - FEW):
        raise Fault(f"{grown / 2**20:.0f} MiB more for {many} rows than for {FEW}")
    return grown / (many - FEW)
