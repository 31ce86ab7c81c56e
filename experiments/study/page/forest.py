"""The forest plot: a row per claim, intervals of its contrasts, the paper's values beside them."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from experiments.study.verdict import CONFIRMED, CONTRADICTED, NOT_RUN, UNDECIDED, Finding, Verdict

COLOURS = {CONFIRMED: "#1b7f3b", CONTRADICTED: "#b3261e", UNDECIDED: "#5b6168", NOT_RUN: "#a2a8b0"}
MARKS = {CONFIRMED: "o", CONTRADICTED: "s", UNDECIDED: "D", NOT_RUN: "x"}
LEAST_LIMIT = 0.2


def limit(verdicts: Sequence[Verdict]) -> float:
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


def marks(verdict: Verdict, width: float) -> list[Mark]:
    """Return the marks of a claim's deciding contrasts."""

    def at(value: float) -> float:
        return max(0.0, min(100.0, 50 + 50 * value / width))

    margin = verdict.claim.margin
    band = None if margin is None else (at(-margin), at(margin))
    return [_mark(f, at, band) for f in verdict.findings if f.decides]


def _mark(finding: Finding, at: Callable[[float], float], band: tuple[float, float] | None) -> Mark:
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


def forest_png(verdicts: Sequence[Verdict]) -> bytes:
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


def _row(axis: Axes, y: float, verdict: Verdict, width: float) -> None:
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
