"""`make ui`: the MLflow server over the local store, with the links that open the comparison."""

import argparse
import sys

import rich
from mlflow.tracking import MlflowClient

from experiments.common.tracking import store_root, tracking_uri


def comparison_links(host: str, port: int) -> dict[str, str]:
    """Experiment name -> address of its chart page (the landing page of MLflow shows other things)."""
    experiments = MlflowClient(tracking_uri()).search_experiments()
    query = "workflowType=machine_learning&compareRunsMode=CHART"
    return {
        e.name: f"http://{host}:{port}/#/experiments/{e.experiment_id}/runs?{query}"
        for e in experiments
        if e.name != "Default"
    }


def main() -> int:
    """Prints a link an experiment and serves until interrupted."""
    import subprocess

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    arguments = parser.parse_args()
    links = comparison_links(arguments.host, arguments.port)
    if not links:
        sys.stderr.write(
            f"got no runs in {tracking_uri()}, expected some; `make repro` makes them\n"
        )
        return 2
    for name, link in links.items():
        rich.print(f"[bold]{name}[/bold]  {link}")
    artifacts = str(store_root() / "mlruns")
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", tracking_uri()]
    command += ["--artifacts-destination", artifacts, "--host", arguments.host]
    return subprocess.call([*command, "--port", str(arguments.port), "--workers", "1"])


if __name__ == "__main__":
    sys.exit(main())
