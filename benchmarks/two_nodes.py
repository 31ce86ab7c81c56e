"""Two nodes of two processes against one process: the same samples, scores and weights.

`uv run python -m benchmarks.two_nodes` trains a tiny network on the same global batches once in one
process and once by torchrun as two nodes on the loopback device (gloo), compares what they did, and
writes docs/benchmarks/two_nodes.md with `--write`.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import torch
from mlflow.tracking import MlflowClient
from safetensors.torch import load_file

from tests.experiments import tiny

NODES, PROCESSES = 2, 2
SCENES, BATCH = 11, 4  # rows that four ranks cannot share evenly in validation
REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "two_nodes.md"


class Comparison(NamedTuple):
    """What one process and four ranks did.

    Attributes:
        batches: global batches trained on.
        same_samples: global batches whose samples are the same, as sets.
        lost: samples of an epoch that no rank saw, or several did.
        scores: validation metrics that both logged.
        score_difference: largest relative difference of a validation metric.
        loss_difference: largest relative difference of a logged loss.
        weight_difference: norm of the difference of all weights over the norm of the weights.
        runs: runs in MLflow made by the four ranks.
        extra_files: files that only one process, or only the four ranks, left in the run's folders.
    """

    batches: int
    same_samples: int
    lost: int
    scores: int
    score_difference: float
    loss_difference: float
    weight_difference: float
    runs: int
    extra_files: list[str]


def compare(folder: Path) -> Comparison:
    """Train both ways below `folder` and compare.

    Raises:
        RuntimeError: A training failed.
    """
    alone, ranks = folder / "alone", folder / "ranks"
    for each in (alone, ranks):
        tiny.prepare(each, scenes=SCENES, model=tiny.without_drop_path(), log_samples=True)
    one = tiny.train(alone, "--data.batch_size", str(BATCH))
    _check(one.returncode, one.stderr)
    for node in tiny.train_on_nodes(ranks, NODES, PROCESSES, "--data.batch_size", "1"):
        _check(node.returncode, node.stdout)
    first, second = batches(alone), batches(ranks)
    scores, others = validation(alone), validation(ranks)
    return Comparison(
        len(first),
        sum(Counter(a) == Counter(b) for a, b in zip(first, second, strict=True)),
        _lost(second),
        len(scores),
        max(_relative(scores[name], others[name]) for name in scores),
        max(_relative(a, b) for a, b in zip(losses(alone), losses(ranks), strict=True)),
        weight_difference(alone, ranks),
        len(_runs(ranks)),
        sorted(files(alone) ^ files(ranks)),
    )


def batches(folder: Path) -> list[list[str]]:
    """Return the samples of each global batch, the ranks one after the other."""
    logs = sorted(folder.glob(".runs/tiny/*/samples-*.jsonl"))
    by_rank = [[json.loads(line)["keys"] for line in log.read_text().splitlines()] for log in logs]
    return [[key for keys in step for key in keys] for step in zip(*by_rank, strict=True)]


def _lost(steps: list[list[str]]) -> int:
    """Return samples that are not exactly once in an epoch, cut to whole global batches."""
    length = SCENES // BATCH
    epochs = [steps[i : i + length] for i in range(0, len(steps), length)]
    counts = [Counter(key for step in epoch for key in step) for epoch in epochs]
    return sum(n - 1 for count in counts for n in count.values()) + sum(
        len(epoch) * BATCH - count.total() for epoch, count in zip(epochs, counts, strict=True)
    )


def losses(folder: Path) -> list[float]:
    """Return the logged total loss of each step."""
    lines = (folder / "runs/tiny/loss.jsonl").read_text().splitlines()
    return [json.loads(line)["total"] for line in lines]


def _runs(folder: Path) -> list:
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    return client.search_runs([e.experiment_id for e in client.search_experiments()])


def validation(folder: Path) -> dict[str, float]:
    """Return the validation metrics of the last validation, by name."""
    (run,) = _runs(folder)
    return {k: v for k, v in run.data.metrics.items() if k.startswith("val/")}


def weight_difference(one: Path, other: Path) -> float:
    """Return the norm of the difference over the norm, over all weights together."""
    a, b = (load_file(folder / "runs/tiny/model.safetensors") for folder in (one, other))
    change = sum(float((b[name] - weight).square().sum()) for name, weight in a.items())
    return float((change / sum(float(w.square().sum()) for w in a.values())) ** 0.5)


def files(folder: Path) -> set[str]:
    """List what a run leaves behind, apart from pictures and the ranks' sample logs."""
    found = [p for top in (".runs/tiny", "runs") for p in (folder / top).rglob("*") if p.is_file()]
    names = ["/".join(p.relative_to(folder).parts) for p in found]
    kept = [n for n in names if "/pictures/" not in n and "/samples-" not in n]
    return {"/".join(n.split("/")[3:]) if n.startswith(".runs") else n for n in kept}


def _relative(a: float, b: float) -> float:
    return abs(a - b) / max(abs(a), 1e-12)


def _check(code: int, text: str) -> None:
    if code:
        raise RuntimeError(f"a training ended with {code}:\n{text[-3000:]}")


def table(result: Comparison) -> str:
    """Return the Markdown table of a comparison."""
    rows = [
        ("global batches with the same samples", f"{result.same_samples} of {result.batches}"),
        ("samples lost or seen twice in an epoch", result.lost),
        ("validation metrics compared", result.scores),
        ("largest relative difference of a validation metric", f"{result.score_difference:.1e}"),
        ("largest relative difference of a logged loss", f"{result.loss_difference:.1e}"),
        ("relative difference of the final weights", f"{result.weight_difference:.1e}"),
        ("runs in MLflow made by the four ranks", result.runs),
        ("files that only one of the two left", ", ".join(result.extra_files) or "none"),
    ]
    lines = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"| two nodes x two processes against one process | |\n| --- | --- |\n{lines}\n"


def main() -> int:
    """Compare and print; return 1 if samples, runs or files differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the report")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = compare(Path(folder))
    print(table(result))
    if arguments.write:
        REPORT.write_text(
            f"# Two nodes\n\n`python -m benchmarks.two_nodes`: {tiny.STEPS} steps of global batch "
            f"{BATCH} on "
            f"{SCENES} panoramas of 32x64,\nSphereViT of four blocks, torch {torch.__version__}, "
            "gloo on the "
            f"loopback device; validation rows are shared unevenly.\n\n{table(result)}"
        )
    wrong = result.same_samples != result.batches or result.lost or result.runs != 1
    return int(bool(wrong or result.extra_files))


if __name__ == "__main__":
    sys.exit(main())
