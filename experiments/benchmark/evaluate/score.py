"""Score a predictor on one data set: shared by ranks, resumed where a killed run stopped."""

import hashlib
import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader

import pano_losses
from experiments.benchmark.curves import ErrorCurves
from experiments.benchmark.evaluate.execution import HalvingPredictor, Journal, Ranks, first_batch
from experiments.benchmark.full_pictures import FullPictures, collate
from experiments.benchmark.models.resolve import ScoredModel
from experiments.pipeline.closure.digest import code_digest, own_code
from pano_data import ManifestDataset, track, workers
from pano_losses import ImageScores, accumulate, resolve, score_images, summarise

DIGITS = 6  # metrics.json is the same on the same machine; more digits differ between machines


class NotScoreableError(ValueError):
    """No protocol of the run can score this kind of map."""


class NotPanoramasError(ValueError):
    """Rows that are not panoramas of one data set."""


@dataclass(frozen=True)
class DatasetScores:
    """Scores of one model on one data set.

    Attributes:
        metrics: By protocol.
        table: A row per image and protocol.
        curves: `ErrorCurves.compute()`.
    """

    metrics: dict[str, dict[str, float]]
    table: pd.DataFrame
    curves: dict[str, list[float | None]]


@dataclass(frozen=True)
class ScoringSettings:
    """How to score.

    Attributes:
        protocols: Ids in `pano_losses.protocols`; those that cannot score the kind of map are left
            out.
        size: Height and width that are scored; a network runs at a size of its own.
        batch_size: Panoramas that are scored together; None: what `first_batch` says. What does not
            fit into memory is predicted in halves.
        device: Where the model runs.
        workers: Processes that read samples; 0 reads in this one.
        ranks: The processes that share the work.
    """

    protocols: Sequence[str]
    size: tuple[int, int]
    batch_size: int | None = None
    device: str = "cpu"
    workers: int = 0
    ranks: Ranks = field(default_factory=Ranks)

    @property
    def batch(self) -> int:
        """Panoramas per batch."""
        return self.batch_size or first_batch(self.size, self.device)

    def key(self, predictor: ScoredModel, manifest: str, name: str) -> str:
        """Return a digest that changes with everything that changes a number."""
        parts = [predictor.network, predictor.identity, manifest, name, _code(predictor)]
        parts += [torch.__version__, torch.device(self.device).type, str(torch.get_num_threads())]
        parts += [*self.protocols, str(self.size), str(self.batch)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _code(predictor: ScoredModel) -> str:
    """Return the digest of the code that scores, and of that of the network it scores."""
    parts = predictor.module.modules() if predictor.module is not None else ()
    return code_digest(__name__, *own_code(type(part).__module__ for part in parts))


def refuse_other_rows(data: ManifestDataset) -> None:
    """Check that rows are panoramas of one data set.

    Raises:
        NotPanoramasError: There is none, a perspective one, or rows of several data sets, which
            some protocols treat apart.
    """
    names = data.manifest.table["dataset"].unique().to_pylist()
    if len(names) != 1:
        raise NotPanoramasError(
            f"{data.root}: got rows of {', '.join(names) or 'no data set'}, "
            "expected those of one data set"
        )
    if "pinhole" in data.manifest.table["projection"].unique().to_pylist():
        raise NotPanoramasError(
            f"{names[0]} holds perspective pictures, expected panoramas: make some of them first "
            "(docs/curation.md)"
        )


def score(
    predictor: ScoredModel, data: ManifestDataset, settings: ScoringSettings, folder: Path
) -> DatasetScores:
    """Score every sample once, whatever was done before and by however many processes.

    Batches are cut from the manifest whoever scores them, and means run over images in its order:
    the numbers depend neither on ranks nor on interruptions.

    Args:
        predictor: What predicts.
        data: The samples.
        settings: How to score.
        folder: Where finished batches stay until the caller removes it; the same for all ranks.

    Raises:
        PredictionsError: Predictions made elsewhere do not fit.
        CorruptSampleError: A sample cannot be read.
        NotScoreableError: No protocol scores this kind of map.
        NotPanoramasError: The rows are not panoramas of one data set.
        ValueError: A prediction is not finite where the truth is valid.
    """
    refuse_other_rows(data)
    name = data.manifest[0].dataset  # some protocols have rules of their own for some data sets
    predictor.prepare(data.manifest, settings.size)
    step, ranks = settings.batch, settings.ranks
    batches = [list(range(s, min(s + step, len(data)))) for s in range(0, len(data), step)]
    journal = Journal(folder / settings.key(predictor, data.manifest.digest, name), ranks.rank)
    done = journal.finished()
    ranks.wait()  # nobody writes before everybody has read
    todo = [b for b in range(len(batches)) if b not in done][ranks.rank :: ranks.world]
    loader = DataLoader(
        FullPictures(data) if predictor.sees_pictures else data,
        batch_sampler=[batches[b] for b in todo],
        num_workers=settings.workers,
        worker_init_fn=workers.end_with_parent,
        collate_fn=collate,
    )
    predict = HalvingPredictor(predictor, settings.device, step)
    progress = track(loader, f"scoring {name}", len(todo), ranks.first)
    for number, batch in zip(todo, progress, strict=True):
        journal.append({"batch": number, **_score_batch(predict, batch, name, settings)})
    ranks.wait()
    return _collect(journal.entries())


def scoreable(protocols: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """Return the protocols that can score these kinds of maps.

    A scale-invariant distance has no score under a protocol of metres, for example: it is left out
    of the table, never filled in.

    Raises:
        NotScoreableError: There is none.
    """
    fitting = [p for p in protocols if set(resolve(p).accepts) & set(kinds)]
    if not fitting:
        wanted = {p: " or ".join(pano_losses.protocols[p].accepts) for p in protocols}
        rules = "; ".join(f"{p!r} scores {kinds_of}" for p, kinds_of in wanted.items())
        raise NotScoreableError(
            f"{rules}, the model gives {', '.join(kinds)}; "
            "choose a protocol that aligns this kind of prediction"
        )
    return fitting


@torch.inference_mode()
def _score_batch(
    predict: HalvingPredictor, batch: Mapping[str, Any], name: str, settings: ScoringSettings
) -> dict[str, Any]:
    """Score a batch; return JSON: by protocol and metric, a list over its images."""
    prediction = predict(batch)
    maps = {k: batch[k].to(settings.device) for k in ("distance", "valid", "far")}
    observed = (batch["image"] > 0).any(1, keepdim=True).to(settings.device)
    scores = {}
    for protocol in scoreable(settings.protocols, list(prediction)):
        scored = score_images(
            prediction, maps["distance"], maps["valid"], resolve(protocol),
            far=maps["far"], observed=observed, dataset=name,
        )  # fmt: skip
        scores[protocol] = {
            "numerators": {m: v.tolist() for m, v in scored.numerators.items()},
            "denominators": {m: v.tolist() for m, v in scored.denominators.items()},
            "pixels": scored.pixels.tolist(),
        }
    curves = ErrorCurves()
    on_cpu = {k: v.cpu() for k, v in prediction.items()}
    curves.update(on_cpu, batch["distance"], batch["valid"])
    sums = {k: v.tolist() for k, v in _sums(curves).items()}
    return {"keys": list(batch["key"]), "scores": scores, "curves": sums}


def _sums(curves: ErrorCurves) -> dict[str, Tensor]:
    """Return the tensors in which curves add up, by name."""
    found: dict[str, Tensor] = {}
    for name, value in vars(curves).items():
        items = value.items() if isinstance(value, dict) else [("", value)]
        found |= {f"{name}.{k}": v for k, v in items if isinstance(v, Tensor)}
    return found


class _Images:
    """The scores of images that come batch by batch: eight bytes per number."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[str, array[float]]] = {"numerators": {}, "denominators": {}}
        self.pixels = array("q")

    def add(self, scored: Mapping[str, Any]) -> None:
        """Add the scores of a batch."""
        for side, columns in self.sides.items():
            for name, values in scored[side].items():
                columns.setdefault(name, array("d")).extend(values)
        self.pixels.extend(scored["pixels"])

    def scores(self) -> ImageScores:
        """Return all of them."""
        found = {
            side: {name: torch.tensor(values, dtype=torch.float64) for name, values in own.items()}
            for side, own in self.sides.items()
        }
        pixels = torch.tensor(self.pixels, dtype=torch.int64)
        return ImageScores(found["numerators"], found["denominators"], pixels)


def _collect(entries: Iterable[Mapping[str, Any]]) -> DatasetScores:
    """Join finished batches, in the order of the manifest; none of them stays in memory."""
    keys: list[str] = []
    images: dict[str, _Images] = {}
    curves = ErrorCurves()
    totals = _sums(curves)
    for entry in entries:
        keys += entry["keys"]
        for protocol, scored in entry["scores"].items():
            images.setdefault(protocol, _Images()).add(scored)
        for name, total in totals.items():
            total += torch.tensor(entry["curves"][name], dtype=total.dtype)
    metrics, tables = {}, []
    for protocol, joined in images.items():
        rules, scores = resolve(protocol), joined.scores()
        summary = summarise(accumulate(scores, rules), rules)
        counts = {
            "images_scored": float(summary.images_scored),
            "images_skipped": float(summary.images_skipped),
        }
        metrics[protocol] = {k: round(v, DIGITS) for k, v in summary.items()} | counts
        columns = {k: v.tolist() for k, v in scores.values(rules).items()}
        pixels = {"pixels": scores.pixels.tolist()}
        tables.append(pd.DataFrame({"protocol": protocol, "key": keys, **columns, **pixels}))
    return DatasetScores(metrics, pd.concat(tables, ignore_index=True), curves.compute())
