"""What `validate`, `test` and `predict` start from: the published network, and the panoramas they look at."""

from pathlib import Path
from typing import Any

from experiments.pipeline.run_folder import FINISHED, RunFolderError

PUBLISHED = Path("checkpoints/final.ckpt")


def prepare(subcommand: str, section: str, config: Any) -> None:
    """Completes the configuration of a subcommand that does not train.

    Without `--ckpt_path` it is the published network that is looked at, never one of random weights.

    Raises:
        RunFolderError: There is no network, or nothing to predict.
    """
    published = FINISHED / section / PUBLISHED
    if config.ckpt_path is None and not published.is_file():
        raise RunFolderError(
            f"got no {published} and no --ckpt_path: train first (`fit`), or name a checkpoint"
        )
    config.ckpt_path = config.ckpt_path or str(published)
    if subcommand == "test" and not config.data.test:
        config.data.test = config.data.val  # sections name one group of sets to be scored on
    if subcommand == "predict":
        config.return_predictions = False  # they are written, not kept
        if not config.data.predict:
            raise RunFolderError(
                'got no sources in data.predict: give e.g. --data.predict "{mine: {manifest: FILE, '
                'root: FOLDER}}"; pictures without a manifest: `panodepth predict`'
            )
