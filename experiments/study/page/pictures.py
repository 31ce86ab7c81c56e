"""Pictures of the study's page: the forest plot, and the predictions that differ most.

The forest plot has a row per claim: intervals of its contrasts, the paper's values beside them. The
pair of predictions is one image, seen by two arms of one seed.
"""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
import yaml
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from PIL import Image
from torch.utils.data import default_collate

import pano_models
from experiments.study.claims import Claim
from experiments.study.plan import StudyRun
from experiments.study.results import StudyRuns, StudyStore, drop_links, finished, measure
from experiments.study.verdict import (
    CONFIRMED,
    CONTRADICTED,
    NOT_RUN,
    UNDECIDED,
    ClaimVerdict,
    ContrastFinding,
)
from experiments.tracking.panels import panel
from pano_data import ManifestDataset

COLOURS = {CONFIRMED: "#1b7f3b", CONTRADICTED: "#b3261e", UNDECIDED: "#5b6168", NOT_RUN: "#a2a8b0"}
MARKS = {CONFIRMED: "o", CONTRADICTED: "s", UNDECIDED: "D", NOT_RUN: "x"}
LEAST_LIMIT = 0.2


def limit(verdicts: Sequence[ClaimVerdict]) -> float:
    """Return the half width of the axis, in logarithms; all effects are on it."""
    values = [LEAST_LIMIT]
    for finding in (f for v in verdicts for f in v.findings if f.decides):
        ours = finding.ours
        values += [abs(ours.value) * 1.2] if ours else []
        values += [abs(finding.published) * 1.2] if finding.published is not None else []
        values += [min(1.0, max(abs(ours.low), abs(ours.high)))] if ours else []
    return max(values)


@dataclass(frozen=True)
class Mark:
    """A contrast in the plot of the page, in percent of its width.

    Attributes:
        name: Of the contrast.
        low: Left end of the interval; None without one.
        high: Right end.
        value: The effect.
        published: The paper's.
        band: Ends of the margin of an equivalence.
    """

    name: str
    low: float | None
    high: float | None
    value: float | None
    published: float | None
    band: tuple[float, float] | None


def marks(verdict: ClaimVerdict, width: float) -> list[Mark]:
    """Return the marks of a claim's deciding contrasts."""

    def at(value: float) -> float:
        return max(0.0, min(100.0, 50 + 50 * value / width))

    margin = verdict.claim.margin
    band = None if margin is None else (at(-margin), at(margin))
    return [_mark(f, at, band) for f in verdict.findings if f.decides]


def _mark(
    finding: ContrastFinding, at: Callable[[float], float], band: tuple[float, float] | None
) -> Mark:
    ours = finding.ours
    value = ours.value if ours else finding.single
    return Mark(
        finding.name,
        at(ours.low) if ours else None,
        at(ours.high) if ours else None,
        None if value is None else at(value),
        None if finding.published is None else at(finding.published),
        band,
    )


def forest_png(verdicts: Sequence[ClaimVerdict]) -> bytes:
    """Draw the plot as a picture for Markdown."""
    figure, axis = plt.subplots(figsize=(8.6, 0.42 * len(verdicts) + 1.3), layout="constrained")
    width = limit(verdicts)
    for row, verdict in enumerate(verdicts):
        _row(axis, len(verdicts) - 1 - row, verdict, width)
    axis.axvline(0, color="#1b1d20", lw=0.8)
    axis.set_xlim(-width, width)
    axis.set_ylim(-0.6, len(verdicts) - 0.4)
    axis.set_yticks(range(len(verdicts)), [v.claim.name for v in reversed(verdicts)])
    axis.set_xlabel("change of ln error: left is less error (bars: 95 % intervals)")
    axis.grid(axis="x", alpha=0.3)
    handles = [
        Line2D([], [], marker=MARKS[w], color=COLOURS[w], ls="none", label=w) for w in COLOURS
    ]
    handles.append(
        Line2D([], [], marker="d", mfc="none", color="#b8860b", ls="none", label="paper")
    )
    figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=130, metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()


def _row(axis: Axes, y: float, verdict: ClaimVerdict, width: float) -> None:
    findings = [f for f in verdict.findings if f.decides]
    margin = verdict.claim.margin
    if margin is not None:
        axis.fill_betweenx([y - 0.4, y + 0.4], -margin, margin, color="#0b5cad", alpha=0.12, lw=0)
    for index, finding in enumerate(findings):
        height = y + 0.18 * (len(findings) - 1) / 2 - 0.18 * index
        colour, mark = COLOURS[verdict.word], MARKS[verdict.word]
        if finding.ours is not None:
            axis.plot([finding.ours.low, finding.ours.high], [height, height], color=colour, lw=1.6)
            axis.plot(finding.ours.value, height, mark, color=colour, ms=5)
        elif finding.single is not None:
            axis.plot(finding.single, height, mark, color=colour, ms=5)
        if finding.published is not None:
            axis.plot(finding.published, height, "d", mfc="none", color="#b8860b", ms=7)
    if all(f.ours is None and f.single is None for f in findings):
        axis.text(-width * 0.98, y, NOT_RUN, va="center", fontsize=8, color=COLOURS[NOT_RUN])


@dataclass(frozen=True)
class ArmComparison:
    """Two arms on one image.

    Attributes:
        caption: Data set, image, seed and scores.
        arms: Arm -> picture (RGB | prediction over error | truth) as base64 of a PNG; empty where
            the weights of a recorded run are not here.
    """

    caption: str
    arms: Mapping[str, str]


def largest_difference(claim: Claim, runs: StudyRuns, store: StudyStore) -> ArmComparison | None:
    """Find the image on which the first contrast is largest, whichever way; None without runs.

    Arms of a trend are its two ends.

    Args:
        claim: The claim.
        runs: All runs.
        store: Where they lie.
    """
    contrast = next(iter(claim.contrasts.values()))
    ends = max(contrast, key=contrast.__getitem__), min(contrast, key=contrast.__getitem__)
    done = finished(runs, store)
    measured = measure(claim, ends, done, store)
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
    here = all(store.made(done[arm, seed].trained) for arm in ends)
    pictures = {arm: _drawn(done[arm, seed], name, key, store) for arm in ends} if here else {}
    return ArmComparison(f"{name} {key}, seed {seed}; {claim.metric}: {told}", pictures)


@torch.inference_mode()
def _drawn(run: StudyRun, dataset: str, key: str, store: StudyStore) -> str:
    where = store.prepare(run.last)
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
