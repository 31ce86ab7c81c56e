"""The pair of predictions that differ most: one image, seen by two arms of one seed."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image
from torch.utils.data import default_collate

import pano_models
from experiments.study.claims import Claim
from experiments.study.place import Place, drop_links
from experiments.study.plan import Run
from experiments.study.results import Runs, finished, measure
from experiments.tracking.panels import panel
from pano_data import ManifestDataset


@dataclass(frozen=True)
class Pair:
    """Two arms on one image.

    Attributes:
        caption: Data set, image, seed and scores.
        arms: Arm -> picture (RGB | prediction over error | truth) as base64 of a PNG.
    """

    caption: str
    arms: Mapping[str, str]


def largest_difference(claim: Claim, runs: Runs, place: Place) -> Pair | None:
    """Find the image on which the first contrast is largest, whichever way; None without runs.

    Arms of a trend are its two ends.

    Args:
        claim: The claim.
        runs: All runs.
        place: Where they lie.
    """
    contrast = next(iter(claim.contrasts.values()))
    ends = max(contrast, key=contrast.__getitem__), min(contrast, key=contrast.__getitem__)
    done = finished(runs, place)
    measured = measure(claim, ends, done, place)
    best: tuple[float, str, int, int] | None = None
    for name, scores in measured.sets.items():
        gap = np.abs(
            np.log(
                np.maximum(scores.values[ends[0]], 1e-9) / np.maximum(scores.values[ends[1]], 1e-9)
            )
        )
        at = np.unravel_index(int(gap.argmax()), gap.shape)
        if best is None or gap[at] > best[0]:
            best = float(gap[at]), name, int(at[0]), int(at[1])
    if best is None:
        return None
    _, name, row, column = best
    seed, key = measured.seeds[row], measured.keys[name][column]
    values = {arm: measured.sets[name].values[arm][row, column] for arm in ends}
    told = ", ".join(f"{arm} {value:.3f}" for arm, value in values.items())
    pictures = {arm: _drawn(done[arm, seed], name, key, place) for arm in ends}
    return Pair(f"{name} {key}, seed {seed}; {claim.metric}: {told}", pictures)


@torch.inference_mode()
def _drawn(run: Run, dataset: str, key: str, place: Place) -> str:
    where = place.prepare(run.last)
    settings = run.last.values["evaluate"]
    source = settings["datasets"][dataset]
    data = ManifestDataset(
        str(where / source["manifest"]), str(where / source["root"]), tuple(settings["size"])
    )
    index = next(i for i, row in enumerate(data.manifest) if row.key == key)
    batch = default_collate([data[index]])
    net = _network(where / "runs" / run.arm.section)
    prediction = {k: v.float() for k, v in net(batch["image"]).items()}
    drop_links(where)
    [picture] = panel(batch["image"], prediction, batch["distance"], batch["valid"])
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def _network(folder: Path) -> torch.nn.Module:
    """Load a trained network; its class may be known to its own module alone."""
    named = yaml.safe_load((folder / "config.yaml").read_text())["model"]["init_args"]["net"]
    import_module(named["class_path"].rpartition(".")[0])
    return pano_models.load(str(folder)).eval()
