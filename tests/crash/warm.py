"""What the lab's fork server has done before it forks: a training then starts in a second.

Half of the time of a tiny training is the digest of the code that it runs. Each file's is kept by
the process that took it, so those forked from it have them all.
"""

import kornia.augmentation
import mlflow.tracking

import pano_data.batch_augmentation
import pano_data.transforms
import pano_models.backbones
from experiments.pipeline.closure.digest import whole_digest
from experiments.training import cli

__all__ = ["cli", "kornia", "mlflow", "pano_data", "pano_models"]
whole_digest()
