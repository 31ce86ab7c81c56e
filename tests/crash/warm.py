"""What the lab's fork server has done before it forks: a training then starts in a second.

Much of the time of a tiny training is the digest of the code that it runs, and what it imports
where it uses it. Each is kept by the process that did it, so those forked from it have them all.
"""

import gc

import albumentations
import alembic.command
import kornia.augmentation
import mlflow.store.model_registry.sqlalchemy_store
import mlflow.tracking
import omegaconf
import pyarrow.dataset
import sqlalchemy.dialects.sqlite
import torch.utils.serialization

import pano_data.batch_augmentation
import pano_data.transforms
import pano_models.backbones
from experiments.pipeline.closure.digest import code, whole_digest
from experiments.training import cli

__all__ = ["albumentations", "alembic", "cli", "kornia", "mlflow", "omegaconf", "pano_data",
           "pano_models", "pyarrow", "sqlalchemy", "torch"]  # fmt: skip
whole_digest()
code().closure(code().modules)
gc.freeze()  # see `parsed`
