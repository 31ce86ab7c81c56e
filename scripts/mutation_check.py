"""Puts known mistakes of evaluators into a copy of pano_losses and shows which test notices.

    python scripts/mutation_check.py [--write]      # --write puts the table into docs/protocols.md

Exits with 1 if a mistake goes unnoticed.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pano_data import track

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "packages" / "losses" / "src"
PAGE = ROOT / "docs" / "protocols.md"


@dataclass(frozen=True)
class Mutation:
    """A mistake, where it was seen, and the edit of a source file that makes it."""

    mistake: str
    seen_in: str
    file: str
    before: str
    after: str


MUTATIONS = (
    Mutation(
        "truth capped where the prediction is far, everywhere",
        "UniFuse, PanDA, OpenPanoDepth",
        "evaluation.py",
        "    predicted = predicted.clamp(*protocol.clamp_prediction)\n",
        "    target = torch.where(predicted > protocol.high, protocol.high, target)\n",
    ),
    Mutation(
        "masked pixels count as perfect",
        "PanoFormer",
        "reduction.py",
        "return masked_sum(torch.ones_like(value), valid, weight)",
        "return masked_sum(torch.ones_like(value), torch.ones_like(valid), weight)",
    ),
    Mutation(
        "left-right continuity looks at rows",
        "PanoFormer newmetrics/ctu.py",
        "metrics.py",
        "return field[..., -1:], field[..., :1]",
        "return field[..., -1:, :], field[..., :1, :]",
    ),
    Mutation(
        "pole metric on a scrambled image",
        "PanoFormer newmetrics/prms.py",
        "metrics.py",
        "ends = torch.stack([field[..., 0, :], field[..., -1, :]], -2)",
        "field = field.reshape(*field.shape[:2], field.shape[3], field.shape[2])\n"
        "    ends = torch.stack([field[..., 0, :], field[..., -1, :]], -2)",
    ),
    Mutation(
        "RMSE is the mean absolute error",
        "DAP",
        "metrics.py",
        'rmse = pixel_metric(lambda p, t: (p - t) ** 2, "sqrt mean (p - t)^2", torch.sqrt)',
        'rmse = pixel_metric(lambda p, t: (p - t).abs(), "sqrt mean (p - t)^2")',
    ),
    Mutation(
        "prediction and truth swapped",
        "OpenPanoDepth",
        "metrics.py",
        "lambda p, t: (p - t).abs() / t,",
        "lambda p, t: (p - t).abs() / p,",
    ),
    Mutation(
        "another alignment under the same name",
        "DA360 against DA2",
        "rulebook.py",
        '        alignment=alignment.median,\n    ),\n    Protocol(\n        id="da2_paper_affine"',
        "        alignment=alignment.mean_ratio,\n    ),\n"
        '    Protocol(\n        id="da2_paper_affine"',
    ),
    Mutation(
        "least absolute deviation with the wrong dimension",
        "PanoVGGT",
        "alignment.py",
        "quotient = fill_invalid(t, usable) / fill_invalid(p, usable)",
        "quotient = fill_invalid(t, usable) - fill_invalid(p, usable)",
    ),
    Mutation(
        "an image without valid pixels makes the mean NaN",
        "DA2, DAP",
        "evaluation.py",
        "        kept = torch.isfinite(values)\n",
        "        kept = torch.ones_like(values, dtype=torch.bool)\n",
    ),
    Mutation(
        "RMSE with the count outside the root",
        "DA2, eq. 11 as printed",
        "metrics.py",
        "        return torch.where(denominator > 0, quotient, torch.nan)",
        "        if self.formula.startswith('sqrt mean (p - t)^2'):\n"
        "            quotient = quotient / denominator.clamp(min=1).sqrt()\n"
        "        return torch.where(denominator > 0, quotient, torch.nan)",
    ),
    Mutation(
        "range taken before the files are decoded",
        "DA2 against its data sets",
        "evaluation.py",
        'target = fill_invalid(target * protocol.decoding.get(dataset or "", 1.0), valid)',
        "target = fill_invalid(target, valid)",
    ),
    Mutation(
        "prediction not filled where the mask says far",
        "DAP's infer_image against its eval.py",
        "evaluation.py",
        'if protocol.far_fill is not None and "far_probability" in maps:',
        'if protocol.far_fill is None and "far_probability" in maps:',
    ),
    Mutation(
        "polarity of the range mask turned round",
        "DAP paper against release",
        "evaluation.py",
        'maps["far_probability"] >= 0.5',
        'maps["far_probability"] < 0.5',
    ),
    Mutation(
        "sky mask without effect on the views",
        "Depth Anywhere (operator precedence)",
        "affine.py",
        "p, t, m = (x.flatten(0, -4) for x in (prediction, target, valid))",
        "p, t, m = (x.flatten(0, -4) for x in (prediction, target, torch.ones_like(valid)))",
    ),
    Mutation(
        "means of batches averaged, uneven shards included",
        "Depth Anywhere (averages weighted by batch), many",
        "evaluation.py",
        "total, count = torch.where(kept, values, 0.0).sum(1), kept.sum(1).to(values)",
        "total = torch.where(kept, values, 0.0).sum(1) / kept.sum(1).clamp(min=1)\n"
        "        count = (kept.sum(1) > 0).to(values)",
    ),
    Mutation(
        "mask by multiplication: NaN under it spreads",
        "common",
        "reduction.py",
        "return torch.where(valid, at_least_float32(value), fill)",
        "return at_least_float32(value) * valid",
    ),
    Mutation(
        "accuracy counts the threshold itself",
        "common",
        "metrics.py",
        "torch.maximum(p / t, t / p) < bound",
        "torch.maximum(p / t, t / p) <= bound",
    ),
    Mutation(
        "poles over-represented although weighted",
        "PaGeR (weights set to one)",
        "weighting.py",
        "return pg.solid_angle(height, width, dtype=like.dtype, device=like.device)[:, None]",
        "return torch.ones_like(pg.solid_angle(height, width, dtype=like.dtype)[:, None])",
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/protocols.md")
    write = parser.parse_args().write
    noticed = {m: noticing_test(m) for m in track(MUTATIONS, "mutations")}
    table = as_table(noticed)
    print(table)
    if write:
        block = re.compile("(<!-- begin mutations -->\n).*(<!-- end mutations -->)", re.DOTALL)
        PAGE.write_text(block.sub(lambda m: f"{m[1]}{table}\n{m[2]}", PAGE.read_text()))
    return 0 if all(noticed.values()) else 1


def noticing_test(mutation: Mutation) -> str:
    """Return the first test that fails with the mistake in place; empty if none does."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "pano_losses"
        shutil.copytree(SOURCE / "pano_losses", copy)
        apply(mutation, copy)
        return first_failure(Path(folder))


def apply(mutation: Mutation, package: Path) -> None:
    """Make the edit.

    Raises:
        ValueError: If the text to change is not there exactly once.
    """
    path = package / mutation.file
    text = path.read_text()
    if text.count(mutation.before) != 1:
        raise ValueError(
            f"{mutation.file}: got {text.count(mutation.before)} times {mutation.before!r}, "
            "expected once: bring the mutation up to date"
        )
    path.write_text(text.replace(mutation.before, mutation.after))


def first_failure(path: Path) -> str:
    """Return the first test that fails with the package at a path before the installed one."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no"]
    command += ["-m", "not slow and not gpu and not ddp", "tests/losses", "tests/parity/losses"]
    command += ["--deselect", "tests/losses/test_mutation_check.py"]
    environment = {**os.environ, "PYTHONPATH": str(path), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", run.stdout, re.MULTILINE)
    if run.returncode == 0:
        return ""
    if failed is None:
        raise RuntimeError(f"pytest failed without a failing test:\n{run.stdout}{run.stderr}")
    return failed[1]


def as_table(noticed: dict[Mutation, str]) -> str:
    rows = [
        f"| {m.mistake} | {m.seen_in} | {f'`{test}`' if test else '**unnoticed**'} |"
        for m, test in noticed.items()
    ]
    return "\n".join(
        ["| mistake | seen in | first test that fails |", "| --- | --- | --- |", *rows]
    )


if __name__ == "__main__":
    sys.exit(main())
