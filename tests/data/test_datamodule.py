import contextlib

import lightning
import pytest
import torch
from kornia.augmentation import ColorJitter, RandomPlanckianJitter
from lightning.pytorch.callbacks import ModelCheckpoint

from pano_data.batch_augmentation import BatchAugmentation
from pano_data.datamodule import ErpDataModule
from pano_data.errors import DataError
from pano_data.sources import Source
from pano_data.transforms import Compose, Flip, Roll
from tests.data.synthetic import Numbered

pytestmark = [
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint"),
    pytest.mark.filterwarnings("ignore:The 'train_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec"),
]


class Recorder(lightning.LightningModule):
    """One weight trained on what it sees; writes down every batch."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(8))
        self.seen = []

    def training_step(self, batch, _):
        self.seen.append((self.current_epoch, tuple(batch["key"]), batch["distance"].sum().item()))
        return (batch["distance"] * self.weight).mean().square()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 1e-2)


class KilledError(Exception):
    pass


class KillAfter(lightning.Callback):
    def __init__(self, steps):
        self.steps = steps

    def on_train_batch_start(self, trainer, *_):  # after the checkpoint of the step before
        if trainer.global_step == self.steps:
            raise KilledError


def module(workers=0, n=21, **kwargs):
    settings = {
        "train": {
            "a": Source(dataset=Numbered(n, "a")),
            "b": Source(dataset=Numbered(8, "b"), weight=0.5),
        },
        "batch_size": 2,
        "num_workers": workers,
        "seed": 5,
        "augment": Compose([Roll(), Flip()]),
    }
    return ErpDataModule(**{**settings, **kwargs})


def fit(data, folder=None, kill=None, resume=None, epochs=3, accumulate=1, kind=Recorder):
    callbacks = [KillAfter(kill)] if kill else []
    if folder:
        callbacks.insert(0, ModelCheckpoint(folder, every_n_train_steps=1, save_last=True))
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        accumulate_grad_batches=accumulate,
        logger=False,
        callbacks=callbacks,
        enable_checkpointing=folder is not None,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    model = kind()
    with contextlib.suppress(KilledError):
        trainer.fit(model, data, ckpt_path=resume)
    return model


def test_batch_keys_shapes_and_tags():
    batch = next(
        iter(module(unlabelled={"u": Source(dataset=Numbered(9, "u"))}).train_dataloader())
    )
    assert batch["image"].shape == (2, 3, 4, 8)
    assert batch["distance"].shape == batch["valid"].shape == batch["far"].shape == (2, 1, 4, 8)
    assert batch["labelled"].tolist() == [True, False]
    assert batch["dataset"][1] == "u"
    assert batch["distance"][1].abs().max() == 0
    assert batch["valid"][1].all()
    assert batch["distance"][0].min() >= 1


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kill", [4, 12])  # inside an epoch of 12 batches, and at its end
def test_resume_is_exact(tmp_path, workers, kill):
    whole = fit(module())
    first = fit(module(workers), tmp_path, kill=kill)
    rest = fit(module(workers), tmp_path, resume=tmp_path / "last.ckpt")
    assert len(first.seen) == kill
    assert first.seen + rest.seen == whole.seen
    assert torch.equal(rest.weight, whole.weight)


def test_no_step_has_fewer_batches_than_it_accumulates():
    """An epoch has 12 batches; the trainer would end it with a step of two."""
    seen = fit(module(), epochs=2, accumulate=5).seen
    assert [epoch for epoch, *_ in seen] == [0] * 10 + [1] * 10


def test_the_order_does_not_depend_on_workers():
    alone, *others = (list(module(workers).train_dataloader()) for workers in (0, 2, 4))
    for other in others:
        for one, two in zip(alone, other, strict=True):
            assert one["key"] == two["key"]
            assert torch.equal(one["image"], two["image"])


@pytest.mark.parametrize("workers", [0, 2])
def test_ranks_share_the_global_batch(monkeypatch, workers):
    whole = list(module(batch_size=4).train_dataloader())
    ranks = []
    for rank in range(2):
        data = module(workers)
        monkeypatch.setattr(data, "_rank_and_world", lambda rank=rank: (rank, 2))
        ranks.append(list(data.train_dataloader()))
    for together, one, two in zip(whole, *ranks, strict=True):
        assert together["key"] == one["key"] + two["key"]
        assert torch.equal(together["distance"], torch.cat([one["distance"], two["distance"]]))


class PictureRecorder(Recorder):
    """Writes down the pictures of training and validation."""

    def __init__(self):
        super().__init__()
        self.batches, self.scored = [], []

    def training_step(self, batch, index):
        self.batches.append(batch)
        return super().training_step(batch, index)

    def validation_step(self, batch, _):
        self.scored.append(batch)


def coloured(workers=0, **kwargs):
    """Labelled and unlabelled pictures whose colours change on the device."""
    jitter = BatchAugmentation([RandomPlanckianJitter(p=1.0), ColorJitter(0.2, 0.2, p=0.5)])
    given = {"unlabelled": {"u": Source(dataset=Numbered(9, "u"))}, "augment_batch": jitter}
    return module(workers, **{**given, **kwargs})


def test_only_pictures_of_training_change_on_the_device():
    val = {"v": Source(dataset=Numbered(3))}
    changed, plain = (
        fit(data, epochs=1, kind=PictureRecorder)
        for data in (coloured(val=val), coloured(val=val, augment_batch=None))
    )
    assert changed.batches
    for one, other in zip(changed.batches, plain.batches, strict=True):
        assert one.keys() == other.keys()
        for name in ("distance", "valid", "far", "metric", "labelled", "seed"):
            assert torch.equal(one[name], other[name])
        differ = (one["image"] != other["image"]).flatten(1).any(1)
        assert differ.all()  # the unlabelled one too
    assert len(changed.scored) == len(plain.scored) > 0
    for one, other in zip(changed.scored, plain.scored, strict=True):
        assert torch.equal(one["image"], other["image"])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kill", [4, 21])  # inside an epoch of 21 batches, and at its end
def test_pictures_are_the_same_after_a_restart(tmp_path, workers, kill):
    whole = fit(coloured(), epochs=2, kind=PictureRecorder)
    first = fit(coloured(workers), tmp_path, kill=kill, epochs=2, kind=PictureRecorder)
    last = tmp_path / "last.ckpt"
    rest = fit(coloured(workers), tmp_path, resume=last, epochs=2, kind=PictureRecorder)
    assert len(first.batches) == kill
    again = first.batches + rest.batches
    for one, other in zip(whole.batches, again, strict=True):
        assert torch.equal(one["image"], other["image"])


def test_two_ranks_see_the_pictures_of_one(monkeypatch):
    def seen(data):
        return [
            data.on_after_batch_transfer(batch, 0)["image"] for batch in data.train_dataloader()
        ]

    whole, ranks = seen(coloured(batch_size=4, unlabelled=None)), []
    for rank in range(2):
        data = coloured(batch_size=2, unlabelled=None)
        monkeypatch.setattr(data, "_rank_and_world", lambda rank=rank: (rank, 2))
        ranks.append(seen(data))
    for together, one, two in zip(whole, *ranks, strict=True):
        assert torch.equal(together, torch.cat([one, two]))


def test_evaluation_split_has_no_duplicates_and_keeps_names(monkeypatch):
    keys = {"y": [], "x": []}
    for rank in range(2):
        sources = {"y": {"dataset": Numbered(11)}, "x": {"dataset": Numbered(2)}}
        data = ErpDataModule(val=sources, eval_batch_size=3)
        monkeypatch.setattr(data, "_rank_and_world", lambda rank=rank: (rank, 2))
        for name, loader in zip(data.val_names, data.val_dataloader(), strict=True):
            keys[name] += [key for batch in loader for key in batch["key"]]
    assert list(keys) == ["y", "x"]
    assert sorted(keys["y"]) == [f"{i:04d}" for i in range(11)]
    assert sorted(keys["x"]) == ["0000", "0001"]


def test_a_changed_setting_refuses_to_resume(tmp_path):
    fit(module(), tmp_path, kill=2)
    with pytest.raises(ValueError, match="seed was 5, is 6"):
        fit(module(seed=6), tmp_path, resume=tmp_path / "last.ckpt")


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({}, "a source is one of"),
        ({"manifest": "m.parquet"}, "needs manifest and root"),
        ({"manifest": "m", "root": "r", "dataset": Numbered(1)}, "manifest and dataset"),
    ],
)
def test_source_raises(kwargs, message):
    with pytest.raises(ValueError, match=message):
        Source(**kwargs)


def test_no_training_source_raises():
    with pytest.raises(DataError, match=r"no sources in data\.train"):
        ErpDataModule().train_dataloader()


def test_an_empty_set_among_others_raises():
    sets = {"full": Source(dataset=Numbered(4)), "empty": Source(dataset=Numbered(0))}
    for part in ("train", "val", "test"):
        module = ErpDataModule(**{part: sets})
        with pytest.raises(DataError, match=rf"no sample in data\.{part}\.empty, expected"):
            getattr(module, f"{part}_dataloader")()
    assert len(ErpDataModule(predict=sets).predict_dataloader()) == 2  # nothing left to label
