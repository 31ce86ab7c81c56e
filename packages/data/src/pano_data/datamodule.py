"""The data module: training in a deterministic order, evaluation by exact split, exact resume."""

from collections.abc import Iterable, Mapping
from typing import Any

from torch.utils.data import DataLoader, Subset

from pano_data.batch_augmentation import BatchAugmentation
from pano_data.errors import DataError, MissingExtraError
from pano_data.reader import TrainingSet
from pano_data.sample import MapDataset, TrainSample
from pano_data.sampler import DeterministicBatchSampler, Mix, Position, shard_indices
from pano_data.sources import Source
from pano_data.transforms import Augmentation
from pano_data.workers import end_with_parent

try:
    from lightning import LightningDataModule
except ImportError as error:
    raise MissingExtraError("pano_data.datamodule", "lightning") from error

Sources = Mapping[str, Source]


class ErpDataModule(LightningDataModule):
    """Panoramas for training, validation, test and prediction.

    Needs `Trainer(use_distributed_sampler=False)`: the samplers here already split by rank, and
    Lightning's own would pad evaluation with duplicates.

    A training batch is the default collate of `TrainSample`: maps `(b, c, h, w)`, the lists
    `dataset` and `key`, and `labelled` and `seed` `(b,)`; labelled samples come first. Evaluation
    batches have neither `labelled` nor `seed`.

    Args:
        train: Name -> labelled source, mixed by size x weight.
        val: Name -> source; one loader each, in this order (`val_names`).
        test: Name -> source; one loader each, in this order (`test_names`).
        predict: Name -> source to be labelled by a model; one loader each (`predict_names`).
        size: Height and width of the maps.
        batch_size: Samples per training batch and rank, labelled and unlabelled together.
        eval_batch_size: Samples per batch of validation, test and prediction.
        num_workers: Loader processes per rank; 0 reads in the training process.
        seed: Seed of order and augmentation.
        augment: Applied to training samples as they are read, or None.
        augment_batch: Applied to the pictures of training batches, labelled or not, once they are
            on the device, or None.
        unlabelled: Name -> source of the unlabelled part of each batch, or None.
        ratio: Unlabelled samples per labelled one (1, 2 or 4), where `unlabelled` is given.
        quarantine: File that damaged samples of training and prediction from manifests are noted in
            (JSON lines), while the next row stands in for them; None lets them raise. Shards left
            damaged ones out when they were packed: what is damaged there raises. So do validation
            and test: a score must not count one panorama twice.
    """

    def __init__(
        self,
        train: Sources | None = None,
        val: Sources | None = None,
        test: Sources | None = None,
        predict: Sources | None = None,
        size: tuple[int, int] = (512, 1024),
        batch_size: int = 1,
        eval_batch_size: int = 1,
        num_workers: int = 0,
        seed: int = 0,
        augment: Augmentation | None = None,
        augment_batch: BatchAugmentation | None = None,
        unlabelled: Sources | None = None,
        ratio: int = 1,
        quarantine: str | None = None,
    ) -> None:
        super().__init__()
        self.train, self.unlabelled = _make_sources(train), _make_sources(unlabelled)
        self.val, self.test, self.predict = (
            _make_sources(val),
            _make_sources(test),
            _make_sources(predict),
        )
        self.size = (int(size[0]), int(size[1]))
        self.batch_size, self.eval_batch_size = batch_size, eval_batch_size
        self.num_workers, self.seed = num_workers, seed
        self.augment, self.augment_batch, self.ratio = augment, augment_batch, ratio
        self.quarantine = quarantine
        self.resume = Position(-1, 0)
        self._rows: dict[str, int] | None = None

    @property
    def val_names(self) -> list[str]:
        """Names of the validation loaders, in their order."""
        return list(self.val)

    @property
    def test_names(self) -> list[str]:
        """Names of the test loaders, in their order."""
        return list(self.test)

    @property
    def predict_names(self) -> list[str]:
        """Names of the prediction loaders, in their order."""
        return list(self.predict)

    def train_dataloader(self) -> DataLoader[TrainSample]:
        """Return the loader of this rank, starting where a resumed run left off.

        Raises:
            DataError: A set is missing, empty, or of another size than in the resumed run.
        """
        if not self.train:
            raise DataError(
                "training needs data: got no sources in data.train, expected at least one"
            )
        labelled = [s.open(self.size, True, self.quarantine) for s in self.train.values()]
        unlabelled = [s.open(self.size, False, self.quarantine) for s in self.unlabelled.values()]
        _check_filled("data.train", self.train, labelled)
        _check_filled("data.unlabelled", self.unlabelled, unlabelled)
        self._check_rows(labelled + unlabelled)
        return DataLoader(
            TrainingSet(labelled, unlabelled, self.augment),
            batch_sampler=self._make_sampler(labelled, unlabelled),
            num_workers=self.num_workers,
            worker_init_fn=end_with_parent,
            persistent_workers=self.num_workers > 0,
            pin_memory=_uses_gpu(self),
        )

    def _make_sampler(
        self, labelled: list[MapDataset], unlabelled: list[MapDataset]
    ) -> DeterministicBatchSampler:
        accumulate = 1 if self.trainer is None else self.trainer.accumulate_grad_batches
        sampler = DeterministicBatchSampler(
            _make_mix("data.train", labelled, self.train, self.seed),
            self.batch_size,
            *self._rank_and_world(),
            accumulate=accumulate,
            unlabelled=_make_mix("data.unlabelled", unlabelled, self.unlabelled, self.seed + 1)
            if unlabelled
            else None,
            ratio=self.ratio,
        )
        sampler.start = self.resume
        # Workers start the iterator before the trainer calls set_epoch.
        sampler.set_epoch(max(self.resume.epoch, 0))
        return sampler

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Change the pictures of a training batch; batches of evaluation have no seeds."""
        if self.augment_batch is None or "seed" not in batch:
            return batch
        return {**batch, "image": self.augment_batch(batch["image"], batch["seed"])}

    def val_dataloader(self) -> list[DataLoader[Any]]:
        """Return one loader per validation set, in the order of `val_names`."""
        return self._make_scored_loaders("data.val", self.val)

    def test_dataloader(self) -> list[DataLoader[Any]]:
        """Return one loader per test set, in the order of `test_names`."""
        return self._make_scored_loaders("data.test", self.test)

    def predict_dataloader(self) -> list[DataLoader[Any]]:
        """Return one loader per set to label, in the order of `predict_names`."""
        opened = [s.open(self.size, quarantine=self.quarantine) for s in self.predict.values()]
        return [self._make_eval_loader(dataset) for dataset in opened]

    def _make_scored_loaders(
        self, part: str, sources: Mapping[str, Source]
    ) -> list[DataLoader[Any]]:
        opened = [source.open(self.size) for source in sources.values()]
        _check_filled(part, sources, opened)
        return [self._make_eval_loader(dataset) for dataset in opened]

    def _make_eval_loader(self, dataset: Any) -> DataLoader[Any]:
        rows = shard_indices(len(dataset), *self._rank_and_world())
        return DataLoader(
            Subset(dataset, rows),
            batch_size=self.eval_batch_size,
            num_workers=self.num_workers,
            worker_init_fn=end_with_parent,
            pin_memory=_uses_gpu(self),
        )

    def _rank_and_world(self) -> tuple[int, int]:
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size

    def state_dict(self) -> dict[str, Any]:
        """Return where training stands: the next batch to be trained on."""
        if self.trainer is None:
            return {}
        progress: Any = self.trainer.fit_loop.epoch_loop.batch_progress.current
        # `processed`: `completed` is still one short inside checkpoint hooks.
        batch = progress.processed
        epoch = self.trainer.current_epoch
        if batch >= self.trainer.num_training_batches:
            # Without this, workers of a run resumed at an epoch's end would give no batch.
            epoch, batch = epoch + 1, 0
        return {"epoch": epoch, "batch": batch, "rows": self._rows, **self._identity()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume at the stored place.

        Raises:
            DataError: The run is set up differently, so that the order would change.
        """
        if not state_dict:
            return
        now = self._identity()
        changed = {k: (state_dict[k], now[k]) for k in now if state_dict.get(k) != now[k]}
        if changed:
            what = ", ".join(f"{k} was {old}, is {new}" for k, (old, new) in changed.items())
            raise DataError(
                f"cannot resume exactly: {what}. Use the settings of the interrupted run, "
                "or start a new run from its weights"
            )
        self.resume = Position(state_dict["epoch"], state_dict["batch"])
        self._rows = state_dict["rows"]

    def _check_rows(self, datasets: list[MapDataset]) -> None:
        """Note the sizes of the data sets, or check them against those of the resumed run."""
        names = [*self.train, *(f"unlabelled {name}" for name in self.unlabelled)]
        rows = {name: len(dataset) for name, dataset in zip(names, datasets, strict=True)}
        if self._rows not in (None, rows):
            raise DataError(
                f"cannot resume exactly: the data had {self._rows} samples, now has {rows}. "
                "Restore the data, or start a new run from the weights"
            )
        self._rows = rows

    def _identity(self) -> dict[str, Any]:
        """Return what the sample order depends on."""
        return {
            "seed": self.seed,
            "global_batch": self.batch_size * self._rank_and_world()[1],
            "ratio": self.ratio if self.unlabelled else 0,
            "train": {name: source.weight for name, source in self.train.items()},
            "unlabelled": {name: source.weight for name, source in self.unlabelled.items()},
        }


def _make_sources(given: Mapping[str, Any] | None) -> dict[str, Source]:
    """Accept sources as objects or, by hand, as the same values in a dict."""
    return {
        name: Source(**value) if isinstance(value, Mapping) else value
        for name, value in (given or {}).items()
    }


def _make_mix(part: str, datasets: list[Any], sources: Mapping[str, Source], seed: int) -> Mix:
    sizes = [len(dataset) for dataset in datasets]
    weights = [source.weight for source in sources.values()]
    return Mix(sizes, weights, seed, f"{part} ({', '.join(sources)})")


def _check_filled(part: str, names: Iterable[str], datasets: Iterable[MapDataset]) -> None:
    """Refuse a set that is named and holds nothing, also where others hold something."""
    empty = [name for name, dataset in zip(names, datasets, strict=True) if not len(dataset)]
    if empty:
        raise DataError(
            f"got no sample in {part}.{f', {part}.'.join(empty)}, expected at least one in "
            "each set; make the set again, or leave it out"
        )


def _uses_gpu(module: LightningDataModule) -> bool:
    return module.trainer is not None and module.trainer.strategy.root_device.type == "cuda"
