"""Writes `docs/study.md` with its plot, and `study.html` beside the runs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined, select_autoescape

from experiments.study.claims import FILE, Scale, Study
from experiments.study.page.content import (
    LIMITS,
    NONE,
    WORDS,
    ArmRow,
    Numbers,
    arm_rows,
    interval,
    numbers,
    p_value,
    percent,
    power_words,
    run_rows,
    seeds_words,
)
from experiments.study.page.pictures import (
    COLOURS,
    ArmComparison,
    forest_png,
    largest_difference,
    limit,
    marks,
)
from experiments.study.plan import runs as all_runs
from experiments.study.results import StudyRuns, StudyStore
from experiments.study.verdict import CONTRADICTED, ClaimVerdict, judge
from pano_data import replace_file, write_text

EXAMINED = FILE.with_name("examined.yaml")
PLOT = "study_forest.png"
PAGE = "study.html"


def write_page(study: Study, scale: Scale, store: StudyStore, out: Path, clone: Path) -> None:
    """Judge the claims on what is there and write the pages.

    Args:
        study: The claims.
        scale: Whose runs are judged.
        store: Where they lie; `study.html` goes there.
        out: The page in Markdown; its plot goes beside it.
        clone: Folder of dvc.yaml and the values files.
    """
    arms = study.arms_of(study.claims.values(), scale.name)
    runs = {(r.arm.name, r.seed): r for r in all_runs(study, scale, arms, clone)}
    verdicts = judge(study, runs, store)
    examined = yaml.safe_load(EXAMINED.read_text()) or {}
    told = numbers(verdicts, runs, store)
    plot = out.with_name(PLOT)
    plot.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(plot) as part:
        part.write_bytes(forest_png(verdicts))
    papers = dict.fromkeys(claim.paper for claim in study.claims.values())
    tables = {
        paper: arm_rows([c for c in study.claims.values() if c.paper == paper], runs, store)
        for paper in papers
    }
    write_text(out, markdown(scale, verdicts, told, examined, tables))
    pairs = {v.claim.name: largest_difference(v.claim, runs, store) for v in verdicts}
    write_text(store.root / PAGE, html(scale, verdicts, told, examined, pairs, runs, store))


def markdown(
    scale: Scale,
    verdicts: Sequence[ClaimVerdict],
    told: Numbers,
    examined: Mapping[str, Sequence[Mapping[str, str]]],
    tables: Mapping[str, Sequence[ArmRow]],
) -> str:
    """Return the page in Markdown; `tables` holds the arms of each paper."""
    lines = [
        "# The study: fifteen published findings, tested",
        "",
        f"Written by `python -m experiments.study report --scale {scale.name}`; the claims, arms, "
        "metrics, seeds and margins are in `experiments/study/claims.yaml`, committed before the "
        "first run. How to run it, and how it is computed: [below](#how-it-works).",
        "",
        f"**{_count(told)}** Scale `{scale.name}`: {told.runs} of {told.planned} runs are done, "
        f"{told.cpu_hours:.1f} CPU hours"
        + (f", code of {', '.join(told.revisions)}." if told.revisions else "."),
        "",
        f"![Forest plot of the fifteen claims]({PLOT})",
        "",
        "| claim | verdict | contrast | change of the error | 95 % interval | paper | p | seeds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for verdict in verdicts:
        lines += list(_rows(scale, verdict))
    lines += [
        "",
        "p: one-sided, after Holm over all fifteen (a claim that was not run counts as 1).",
    ]
    lines += list(_arm_tables(tables))
    lines += ["", "## What each claim says, and what would decide it", ""]
    for verdict in verdicts:
        lines.append(
            f"* **`{verdict.claim.name}`** ({verdict.claim.paper}): {verdict.claim.finding}. "
            f"Metric: {verdict.claim.metric} under `{verdict.claim.protocol}` on "
            f"{', '.join(verdict.claim.test)}. Paper: {verdict.claim.published.source}."
        )
        for finding in verdict.findings:
            words = power_words(finding, verdict.claim)
            if words != NONE and finding.decides:
                lines.append(f"  * {finding.name}: power {words}.")
            for seed, reason in (finding.left_out or {}).items():
                lines.append(f"  * {finding.name}: seed {seed} is left out: {reason}.")
    lines += ["", "## Contradictions, and what was tried", ""]
    against = [v for v in verdicts if v.word == CONTRADICTED]
    lines += [_tried(v, examined) for v in against] or ["None so far."]
    lines += ["", "## Limits of this scale", "", LIMITS[scale.name], "", *METHOD]
    return "\n".join(lines) + "\n"


METHOD = [
    "## How it works",
    "",
    "`make study` (`python -m experiments.study run [--scale default|long|paper] [--claims a,b] "
    "[--shard RANK/COUNT] [--jobs N] [--minutes M]`) trains what is missing and resumes after a "
    "kill; `... status` tells how far it is, `... check` that every override is spelt right, "
    "`... report` writes this page. Runs lie below `study/` (`STUDY_ROOT`), each stage in a folder "
    "of its own named by what determines it, so arms share what they have in common; nothing is "
    "written over `data/` or `runs/` of the pipeline ([ADR](adr/0004-study-queue.md)). In MLflow "
    "they are one experiment, `study <scale>`, with the tags `claim`, `arm` and `seed`.",
    "",
    "* **Effect**: ln of the mean error of an arm over the images of a test set, less that of the "
    "other; test sets weigh the same. A trend is a slope over its arms.",
    "* **Pairing**: a seed sets first weights, order, augmentation, places of curated pictures and "
    "rotations alike for all arms; images are the same. Arms trained by different code are not "
    "compared.",
    "* **Interval and p**: seeds and images are drawn anew together (a crossed bootstrap of "
    "n - 1), quantiles of Student's t with the degrees of freedom of the variance components; "
    "coverage and false alarms are tested on simulations with three to five seeds "
    "(`tests/experiments/study/test_statistics.py`).",
    "* **Several contrasts**: a claim is confirmed if all hold (the largest p counts), "
    "contradicted if the contrary of one does (the smallest, times their number).",
    "* **Equivalence**: two one-sided tests against the margin of the file of claims.",
    "* **Power**: of these seeds and images for the paper's own effect, at p < .05/15, and the "
    "number of seeds for 80 %.",
    "* **No selection**: seeds, metrics, test sets and steps are those of the committed file.",
]


def _count(told: Numbers) -> str:
    return ", ".join(f"{told.words[word]} {word}" for word in WORDS) + "."


def _rows(scale: Scale, verdict: ClaimVerdict) -> list[str]:
    rows = []
    for index, finding in enumerate(verdict.findings):
        first = index == 0
        alone = "" if finding.single is None else " (one seed)"
        value = finding.ours.value if finding.ours else finding.single
        cells = [
            f"`{verdict.claim.name}`" if first else "",
            f"**{verdict.word}**" if first else "" if finding.decides else "(beside it)",
            finding.name,
            percent(value) + alone,
            interval(finding.ours),
            percent(finding.published),
            p_value(verdict.holm_for) if first and finding.ours else NONE,
            seeds_words(scale, verdict) if first else "",
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def _arm_tables(tables: Mapping[str, Sequence[ArmRow]]) -> Iterator[str]:
    """Yield the ablation rows of each paper, as its tables have them."""
    yield from ("", "## The arms", "")
    yield (
        "Mean error over images and seeds, ± its standard deviation over the seeds; what an arm "
        "changes is in `experiments/study/claims.yaml`. Paired differences are in the table above: "
        "two rows with different seeds are not comparable."
    )
    for paper, rows in tables.items():
        if not rows:
            yield from ("", f"{paper}: no arm has been run.")
            continue
        sets = list(dict.fromkeys(name for row in rows for name in row.errors))
        yield from ("", f"**{paper}**", "")
        yield f"| arm | metric | seeds | {' | '.join(sets)} | paper |"
        yield "| --- " * (4 + len(sets)) + "|"
        for row in rows:
            cells = [_error(row.errors[name]) if name in row.errors else NONE for name in sets]
            told = ", ".join(f"{column} {value:g}" for column, value in row.published.items())
            yield (
                f"| `{row.arm}` | {row.metric} | {row.seeds} | {' | '.join(cells)} | "
                f"{told or NONE} |"
            )


def _error(found: tuple[float, float]) -> str:
    mean, spread = found
    return f"{mean:.4f}" if math.isnan(spread) else f"{mean:.4f} ± {spread:.4f}"


def _tried(verdict: ClaimVerdict, examined: Mapping[str, Sequence[Mapping[str, str]]]) -> str:
    tried = examined.get(verdict.claim.name, [])
    told = "; ".join(f"{entry['tried']}: {entry['result']}" for entry in tried)
    return f"* `{verdict.claim.name}`: {told or 'not examined yet'}."


def html(
    scale: Scale,
    verdicts: Sequence[ClaimVerdict],
    told: Numbers,
    examined: Mapping[str, Sequence[Mapping[str, str]]],
    pairs: Mapping[str, ArmComparison | None],
    runs: StudyRuns,
    store: StudyStore,
) -> str:
    """Return the self-contained page."""
    page = Environment(
        autoescape=select_autoescape(default=True), undefined=StrictUndefined, trim_blocks=True
    ).from_string((files(__package__) / "page.html").read_text("utf-8"))
    width = limit(verdicts)
    rows = [
        _html_row(scale, v, examined, pairs.get(v.claim.name), runs, store, width) for v in verdicts
    ]
    ticks = [(-width, 0), (-width / 2, 25), (None, 50), (width / 2, 75), (width, 100)]
    return page.render(
        scale=scale.name,
        count=_count(told),
        told=told,
        rows=rows,
        ticks=[("0" if value is None else percent(value), at) for value, at in ticks],
        limits=LIMITS[scale.name],
        colours=COLOURS,
    )


def _html_row(
    scale: Scale,
    verdict: ClaimVerdict,
    examined: Mapping[str, Sequence[Mapping[str, str]]],
    pair: ArmComparison | None,
    runs: StudyRuns,
    store: StudyStore,
    width: float,
) -> dict[str, Any]:
    claim = verdict.claim
    findings = [
        {
            "name": f.name,
            "decides": f.decides,
            "value": percent(f.ours.value if f.ours else f.single)
            + ("" if f.single is None else " (one seed)"),
            "interval": interval(f.ours),
            "published": percent(f.published),
            "by_seed": ", ".join(percent(v) for v in f.ours.by_seed) if f.ours else NONE,
            "power": power_words(f, claim),
            "left_out": f.left_out or {},
        }
        for f in verdict.findings
    ]
    return {
        "claim": claim,
        "word": verdict.word,
        "colour": COLOURS[verdict.word],
        "seeds": seeds_words(scale, verdict),
        "p": p_value(verdict.holm_for),
        "p_against": p_value(verdict.holm_against),
        "marks": marks(verdict, width),
        "findings": findings,
        "runs": run_rows(claim, runs, store),
        "pair": pair,
        "tried": examined.get(claim.name, []),
    }
