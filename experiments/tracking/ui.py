"""`make ui`: the MLflow server over the local store, with the links that open the comparison.

Where `MLFLOW_TRACKING_URI` names a server, only the links into it are printed.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from urllib.parse import quote

from mlflow.entities import Experiment, Run
from mlflow.tracking import MlflowClient
from rich.console import Console

from experiments.tracking.store import ACCURACY, store_root, tracking_uri

LATEST = 4  # runs side by side are readable up to about here


def links(base: str, latest: int = LATEST) -> dict[str, dict[str, str]]:
    """Return experiment name -> `{"charts": address, "compare": address of the latest runs}`.

    The landing page of MLflow shows other things; these open the pages themselves. An experiment
    with fewer than two finished runs has nothing to compare. `all papers` shows the charts of
    all experiments, and the latest scored run of each section side by side.

    Args:
        base: Address of the server.
        latest: Number of runs to compare, newest first.
    """
    client = MlflowClient(tracking_uri())
    found = [e for e in client.search_experiments() if e.name != "Default"]
    pages = {e.name: _links(client, e, base, latest) for e in found}
    scored = _latest_scored(client, [e.experiment_id for e in found])
    if len(scored) < 2:
        return pages
    ids = quote(json.dumps([e.experiment_id for e in found], separators=(",", ":")))
    charts = f"{base}/#/compare-experiments/s?experiments={ids}&compareRunsMode=CHART"
    return {"all papers": {"charts": charts, "compare": _comparison(base, scored)}, **pages}


def _links(client: MlflowClient, experiment: Experiment, base: str, latest: int) -> dict[str, str]:
    name = experiment.experiment_id
    charts = f"{base}/#/experiments/{name}/runs?workflowType=machine_learning&compareRunsMode=CHART"
    runs = client.search_runs(
        [name],
        "attributes.status = 'FINISHED'",
        order_by=["attributes.start_time DESC"],
        max_results=latest,
    )
    if len(runs) < 2:
        return {"charts": charts}
    return {"charts": charts, "compare": _comparison(base, runs)}


def _latest_scored(client: MlflowClient, experiments: list[str]) -> list[Run]:
    """Return the latest finished run of each section that `evaluate` has scored."""
    if not experiments:
        return []
    runs = client.search_runs(
        experiments, "attributes.status = 'FINISHED'", order_by=["attributes.start_time DESC"]
    )
    latest: dict[str, Run] = {}
    for run in runs:
        if any(name.startswith(f"{ACCURACY}/") for name in run.data.metrics):
            latest.setdefault(run.data.tags.get("section", run.info.run_id), run)
    return list(latest.values())


def _comparison(base: str, runs: Sequence[Run]) -> str:
    """Return the address that shows runs side by side."""
    experiments = list(dict.fromkeys(run.info.experiment_id for run in runs))
    ids = quote(json.dumps([run.info.run_id for run in runs], separators=(",", ":")))
    pages = quote(json.dumps(experiments, separators=(",", ":")))
    return f"{base}/#/compare-runs?runs={ids}&experiments={pages}"


def main() -> int:
    """Print the links of each experiment, and serve a local store until interrupted."""
    import subprocess

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    arguments = parser.parse_args()
    uri = tracking_uri()
    served = uri.startswith(("http://", "https://"))
    found = links(uri.rstrip("/") if served else f"http://{arguments.host}:{arguments.port}")
    if not found:
        sys.stderr.write(
            f"got no runs in {tracking_uri()}, expected some; `make repro` makes them\n"
        )
        return 2
    console = Console(markup=False, highlight=False)
    for name, pages in found.items():
        for page, link in pages.items():
            console.print(f"{name} {page}: {link}", soft_wrap=True)
    if served:
        return 0  # a server is there already
    artifacts = str(store_root() / "mlruns")
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", tracking_uri()]
    command += ["--artifacts-destination", artifacts, "--host", arguments.host]
    return subprocess.call([*command, "--port", str(arguments.port), "--workers", "1"])


if __name__ == "__main__":
    sys.exit(main())
