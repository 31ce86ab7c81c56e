"""Stage: score a model on data sets under named protocols.

`python -m experiments.benchmark.evaluate.stage MODEL` writes `reports/scores/MODEL/`, settings from
the section `evaluate`.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonargparse import auto_cli

from experiments.benchmark.evaluate.execution import choose_device, ranks
from experiments.benchmark.evaluate.result_folder import score_datasets
from experiments.benchmark.evaluate.score import ScoringSettings
from experiments.benchmark.models.resolve import DatasetLocation, resolve
from experiments.pipeline import params
from experiments.pipeline.processes import set_threads
from experiments.pipeline.run_folder import FINISHED, STATE
from experiments.pipeline.stage import report_bad_input
from pano_data import ManifestDataset
from pano_losses import UnknownProtocolError
from pano_models import CheckpointError, ModelNotFoundError

SCORES = Path("reports/scores")


def evaluate(
    model: str,
    datasets: dict[str, DatasetLocation],
    protocols: list[str],
    size: tuple[int, int],
    batch_size: int | None = None,
    threads: int = 2,
    device: str = "cpu",
    workers: int = 0,
    latitude_from: DatasetLocation | None = None,
    out: str | None = None,
) -> dict[str, Any]:
    """Score one model on all data sets; a killed run resumes where it stopped.

    Under torchrun the processes share the work and the numbers stay the same.

    Args:
        model: MODEL of docs/evaluation.md: a name under `runs/`, a baseline, a folder of
            predictions, a fusion, a checkpoint.
        datasets: Name -> manifest and root.
        protocols: Ids in `pano_losses.protocols`.
        size: Height and width of what the model sees and is scored at.
        batch_size: Panoramas per forward pass; chosen by the size and the kind of device if None.
        threads: CPU threads; fixes the last digits.
        device: Where the model runs: auto, cpu or cuda.
        workers: Processes that read samples.
        latitude_from: Training set of the latitude baseline.
        out: Folder of the results, `reports/scores/<model>` by default.
    """
    set_threads(threads)
    folder = Path(out) if out else SCORES / Path(model).name
    predictor = resolve(model, latitude_from, size)
    data = {n: ManifestDataset(s.manifest, s.root, size) for n, s in datasets.items()}
    with ranks() as here:
        chosen = choose_device(device)
        settings = ScoringSettings(protocols, size, batch_size, chosen, workers, here)
        results = score_datasets(predictor, data, settings, folder)
        if here.first:
            log_to_run(model, results)
    return results


def log_to_run(model: str, results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    """Add the scores to the MLflow run that trained `model`, if it is known here.

    The metrics are named `test/<data set>/<protocol>/<metric>`. The protocol that fits every
    network stands once more under `accuracy/`, which MLflow shows first.
    """
    key = FINISHED / model / "run_key"
    folder = STATE / model / key.read_text().strip() / "tracking" if key.is_file() else None
    if folder is None or not (folder / "queue.jsonl").is_file():
        return
    # Here, because the tracking client takes seconds to import, and the command logs nothing.
    from experiments.tracking.queue import TrackingQueue
    from experiments.tracking.store import accuracy_metrics, tracking_uri

    values = {
        f"test/{dataset}/{protocol}/{metric}": value
        for dataset, by_protocol in results.items()
        for protocol, metrics in by_protocol.items()
        for metric, value in metrics.items()
    }
    values |= accuracy_metrics(results)
    queue = TrackingQueue(folder, tracking_uri())
    queue.put("metrics", values=values, step=0)
    queue.close()


def main(argv: list[str]) -> None:
    """Evaluate the model named by the first argument; the others override its settings."""
    with report_bad_input("evaluate", CheckpointError, ModelNotFoundError, UnknownProtocolError):
        auto_cli(
            evaluate,
            args=["--config", params.section_text("evaluate"), "--model", *argv],
            as_positional=False,
            exit_on_error=False,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
