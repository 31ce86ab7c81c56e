"""T3 and T8: files that break under a reader."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from pano_data import (
    ManifestDataset,
    Quarantine,
    manifest_of,
    read_depth,
    read_manifest,
    write_manifest,
)
from pano_data.io.images import read_rgb
from pano_data.shards import ShardDataset, finish, pack
from pano_models.storage.files import read_state
from tests.crash.case import Done, Fault
from tests.crash.files import DAMAGES, TOLD, flip, panoramas

COUNT = 9
FLIPS = 40
"""Of one case: the products are made once for them."""


def damaged_data(rng: random.Random, folder: Path) -> str:
    """Break up to four files of a training set; the rest reads as before, in the same order."""
    rows = panoramas(folder, COUNT, rng)
    whole = list(ManifestDataset(manifest_of(rows), folder))
    broken: dict[str, str] = {}
    for number in rng.sample(range(COUNT), rng.randint(1, 4)):
        name = rng.choice([rows[number].image, rows[number].depth, rows[number].mask])
        assert name is not None
        broken[rows[number].key] = f"{damage(folder / name, rng)} {name}"
    lists = []
    for attempt in range(2):
        data_set = ManifestDataset(manifest_of(rows), folder, None, folder / f"q{attempt}.jsonl")
        samples = [data_set[number] for number in range(COUNT)]
        lists.append([(e.key, e.reason) for e in Quarantine(folder / f"q{attempt}.jsonl")])
    if lists[0] != lists[1] or {key for key, _ in lists[0]} != set(broken):
        raise Fault(f"broke {broken}, quarantined {lists}")
    for number, row in enumerate(rows):
        stand_in = next(k for k in range(COUNT) if rows[(number + k) % COUNT].key not in broken)
        expected = whole[(number + stand_in) % COUNT]
        same = all(torch.equal(samples[number][k], expected[k]) for k in ("image", "distance"))
        if not same or samples[number]["key"] != expected["key"]:
            raise Fault(f"row {row.key} reads as another one after {broken}")
    return ", ".join(f"{reason}" for _, reason in lists[0])


def damage(path: Path, rng: random.Random) -> str:
    """Break a file, and say how."""
    if rng.random() < 0.1:
        path.unlink()
        return "removed"
    how = rng.choice(DAMAGES)
    path.write_bytes(how(path.read_bytes(), rng))
    return how.__name__


def flipped_artefacts(rng: random.Random, folder: Path) -> Done:
    """Turn one bit of a product over, of many one after the other: it is told, or reads on."""
    artefacts = _artefacts(folder, panoramas(folder, 3, rng))
    trials: Counter[str] = Counter()
    for _ in range(FLIPS):
        name, path, read = rng.choice(artefacts)
        whole, before = path.read_bytes(), read()
        path.write_bytes(flip(whole, rng))
        try:
            found = "harmless" if _same(before, read()) else "silent"
        except TOLD:
            found = "told"
        path.write_bytes(whole)
        trials[f"{name}, {found}"] += 1
    return Done(f"{FLIPS} flips", trials)


def _artefacts(folder: Path, rows: list[Any]) -> list[tuple[str, Path, Callable[[], Any]]]:
    write_manifest(folder / "m.parquet", rows)
    tensors = {"a": torch.arange(99.0), "b": torch.ones(3, 3)}
    save_file(tensors, folder / "w.safetensors")
    torch.save(tensors, folder / "w.pt")
    np.savez_compressed(folder / "d.npz", depth=np.linspace(1, 9, 512, dtype="f4").reshape(16, 32))
    pack(ManifestDataset(manifest_of(rows), folder), folder / "shards", chunk=3)
    finish(folder / "shards")
    (chunk,) = (folder / "shards").glob("*.bin")
    shards = ShardDataset(folder / "shards")
    return [
        ("manifest", folder / "m.parquet", lambda: list(read_manifest(folder / "m.parquet"))),
        ("safetensors", folder / "w.safetensors", lambda: read_state(folder / "w.safetensors")),
        ("torch file", folder / "w.pt", lambda: read_state(folder / "w.pt")),
        ("npz", folder / "d.npz", lambda: read_depth(folder / "d.npz", "npz")),
        ("PNG picture", folder / "000.png", lambda: read_rgb(folder / "000.png")),
        (
            "PNG label",
            folder / "000_d.png",
            lambda: read_depth(folder / "000_d.png", "png_float16"),
        ),
        ("shard", chunk, lambda: [_read(shards, i) for i in range(len(shards))]),
    ]


def _read(shards: ShardDataset, number: int) -> Any:
    return shards[number]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, torch.Tensor | np.ndarray):
        return bool(np.array_equal(np.asarray(one), np.asarray(other), equal_nan=True))
    return bool(one == other)
