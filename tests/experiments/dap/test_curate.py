"""The best labels of each environment, by the discriminator's own score of each map."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from experiments.dap.curate import Judge, curate
from experiments.dap.judge_folder import load_discriminator
from experiments.pipeline.params import ParamsError
from experiments.pipeline.processes import WorldError
from pano_data import ManifestDataset, datasets, read_manifest, write_manifest
from pano_models import ModelNotFoundError, PatchDiscriminator
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio
from tests.experiments import tiny

SIZE = (32, 64)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven labelled rooms, seven of them in another set too, and an untrained discriminator."""
    root = tmp_path_factory.mktemp("curate")
    miniatures.write(
        "structured3d", root / "raw", scenes={"train": 11}, size=SIZE, studio=BoxStudio()
    )
    rows = list(datasets.get("structured3d").rows(root / "raw", "train"))
    write_manifest(root / "rows.parquet", rows)
    write_manifest(root / "one.parquet", rows[:1])
    others = [dataclasses.replace(row, dataset="other") for row in rows]
    write_manifest(root / "others.parquet", others[4:])
    write_manifest(root / "both.parquet", [*rows, *others[4:]])
    torch.manual_seed(3)
    (root / "judge").mkdir()
    save_file(PatchDiscriminator(width=4).state_dict(), root / "judge/model.safetensors")
    (root / "judge/config.json").write_text(json.dumps({"kind": "PatchDiscriminator", "width": 4}))
    return root


def run(data: Path, out: str, manifests: list[str], world: int = 1, **changes: Any) -> Path:
    """The stage; everything is kept, so that the result holds every score."""
    values = {"keep": {"indoor": 100}, "batch_size": 2, "size": SIZE, "threads": 1, **changes}
    trainer = {"accelerator": "cpu", "devices": world, "strategy": "ddp" if world > 1 else "auto"}
    curate(
        discriminator=str(data / "judge"),
        manifests=[str(data / name) for name in manifests],
        root=str(data / "raw"),
        out=str(data / out),
        trainer=trainer,
        **values,
    )
    return data / out


def scores(data: Path) -> dict[str, float]:
    judge, found = load_discriminator(str(data / "judge")), {}
    for sample in ManifestDataset(data / "rows.parquet", data / "raw", SIZE):
        known = sample["valid"] | sample["far"]
        label = (sample[k][None] for k in ("image", "distance"))
        maps = judge.view(*label, known[None], sample["far"][None])
        found[sample["key"]] = judge.score(maps, sample["valid"][None]).item()
    return found


@pytest.mark.parametrize(("batch_size", "num_workers"), [(1, 0), (8, 0), (5, 2)])
def test_the_best_are_kept_with_their_score(batch_size: int, num_workers: int, data: Path) -> None:
    out = run(
        data, f"{batch_size}.parquet", ["rows.parquet"], keep={"indoor": 4},
        batch_size=batch_size, num_workers=num_workers,
    )  # fmt: skip
    expected = scores(data)
    assert len(set(expected.values())) == 11
    best = sorted(expected, key=lambda key: -expected[key])[:4]
    kept = {row.key: row.score for row in read_manifest(out)}
    assert kept == pytest.approx({key: expected[key] for key in best}, abs=1e-6)


def test_equal_keys_of_two_data_sets_have_a_score_each(data: Path) -> None:
    expected = scores(data)
    rows = list(read_manifest(run(data, "equal.parquet", ["both.parquet"])))
    assert len(rows) == 11 + 7
    assert [row.score for row in rows] == pytest.approx([expected[r.key] for r in rows], abs=1e-6)


@pytest.mark.ddp
@pytest.mark.parametrize(
    ("manifests", "batch_size"),
    [(["rows.parquet", "others.parquet"], 3), (["rows.parquet"], 8), (["one.parquet"], 2)],
    ids=["two manifests", "a long batch and a short one", "fewer rows than ranks"],
)
def test_two_ranks_write_the_bytes_of_one(
    manifests: list[str], batch_size: int, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / "shared.parquet").unlink(missing_ok=True)
    assert tiny.on_two_ranks(as_rank, data, manifests, batch_size) == [0, 0]
    monkeypatch.setattr(PatchDiscriminator, "score", score_with_neighbours)
    alone = run(data, "alone.parquet", manifests, batch_size=batch_size)
    assert (data / "shared.parquet").read_bytes() == alone.read_bytes()


def score_with_neighbours(
    self: PatchDiscriminator, maps: torch.Tensor, counted: torch.Tensor
) -> torch.Tensor:
    """A score that depends on all of its batch, as the last digit of the true one may."""
    return maps.mean((1, 2, 3)) + maps.mean()


def as_rank(data: Path, manifests: list[str], batch_size: int) -> None:
    """One of two ranks."""
    setattr(PatchDiscriminator, "score", score_with_neighbours)  # noqa: B010 - its own process
    run(data, "shared.parquet", manifests, 2, batch_size=batch_size)


@pytest.mark.ddp
def test_a_rank_that_dies_leaves_nothing(data: Path) -> None:
    codes = tiny.on_two_ranks(as_dying_rank, data)
    assert codes[1] == 9
    assert codes[0] not in (0, None)
    assert not list(data.glob("*dying*"))


def as_dying_rank(data: Path) -> None:
    """The second rank dies amid its work."""

    def die(*_: Any) -> None:
        os._exit(9)

    if os.environ["RANK"] == "1":
        setattr(Judge, "predict_step", die)  # noqa: B010 - its own process, nothing to restore
    run(data, "dying.parquet", ["rows.parquet"], 2)


def test_ranks_that_the_trainer_does_not_count_are_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would all take themselves for the only one."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(WorldError, match="got 2 processes from the launcher"):
        run(data, "uncounted.parquet", ["rows.parquet"])
    assert not (data / "uncounted.parquet").exists()


def test_no_discriminator_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"no discriminator in .*; train it first"):
        load_discriminator(str(tmp_path))


def test_labels_with_a_sky_are_chosen_among_outdoor_ones(data: Path) -> None:
    """Rows that do not say where they were taken are told apart by the far pixels of the label."""
    rows = list(read_manifest(data / "rows.parquet"))
    mixed = [dataclasses.replace(row, environment="mixed", far_from=None) for row in rows]
    mixed[:3] = [dataclasses.replace(row, far_from=0.01) for row in mixed[:3]]  # far wherever valid
    write_manifest(data / "mixed.parquet", mixed)
    keep = {"outdoor": 100, "indoor": 2}
    out = run(data, "told.parquet", ["mixed.parquet"], keep=keep, outdoors_from=0.5)
    found = list(read_manifest(out))
    outdoors = [row.key for row in found if row.environment == "outdoor"]
    assert sorted(outdoors) == sorted(row.key for row in mixed[:3])
    assert sum(row.environment == "indoor" for row in found) == 2


def test_what_is_no_environment_is_refused_before_any_label_is_scored(data: Path) -> None:
    with pytest.raises(ParamsError, match=r"keep\.indoors: .* expected indoor, outdoor, mixed"):
        run(data, "never.parquet", ["missing.parquet"], keep={"indoors": 3})
