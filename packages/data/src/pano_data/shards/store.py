"""A folder of LitData chunks: written chunk by chunk by any process, read by number or by key.

Chunk `k` of a plan holds the same items whoever writes it, under the same name and with the same
bytes, and appears under its name only when it is whole. So several processes or nodes share the
work without talking to each other, a killed run resumes where it stopped, and running again does
nothing.
"""

import hashlib
import json
import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pano_data.errors import CorruptSampleError, DataError, DatasetNotFoundError, MissingExtraError
from pano_data.io.atomic import write_json
from pano_data.io.paths import join_inside
from pano_data.progress import open_bar

ShardRecord = dict[str, Any]
_LOG = logging.getLogger(__name__)
FORMATS = frozenset(("str", "bytes"))
"""LitData's names of what a record holds."""
INDEX, PLAN = "index.json", "plan.json"


@dataclass(frozen=True)
class Plan:
    """How many items a store holds, and what decides their content.

    Attributes:
        count: Items.
        chunk: Items per chunk; 200 to 400 panoramas of 512 x 1024 make 64 to 128 MB.
        settings: JSON-able values that the content depends on (sources, seed, sizes, model).
    """

    count: int
    chunk: int
    settings: dict[str, Any]

    def chunks(self) -> list[range]:
        """Return the positions of the items of each chunk."""
        starts = range(0, self.count, self.chunk)
        return [range(start, min(start + self.chunk, self.count)) for start in starts]


def open_plan(out: Path | str, plan: Plan) -> None:
    """Note the plan in the folder, or check that it is the one noted.

    Raises:
        DataError: Nothing to store, or the folder holds the work of another plan.
    """
    out = Path(out)
    if plan.count < 1 or plan.chunk < 1:
        raise DataError(f"nothing to store: {plan.count} items in chunks of {plan.chunk}")
    noted: Any = json.loads(json.dumps(asdict(plan)))
    if not (out / PLAN).is_file():
        write_json(out / PLAN, noted)
    found = json.loads((out / PLAN).read_text())
    if found != noted:
        keys = [key for key in noted if found.get(key) != noted[key]]
        raise DataError(
            f"{out} holds the work of another plan ({', '.join(keys)} differ): "
            "remove the folder to start anew, or choose another one"
        )


def write_chunks(
    out: Path | str,
    plan: Plan,
    read: Callable[[range], Iterable[ShardRecord | CorruptSampleError]],
    rank: int = 0,
    world: int = 1,
    progress: str | None = None,
) -> int:
    """Write those chunks of this rank that are not there yet.

    Args:
        out: Folder of the store.
        plan: The same for all ranks.
        read: Positions of a chunk -> its records, in order, each with a unique `key`; or, for an
            item that cannot be read, the error, which is noted.
        rank: Number of this process; chunk `k` belongs to rank `k % world`.
        world: Number of processes.
        progress: Title of a progress display on stderr; None shows nothing.

    Returns:
        Number of chunks written.
    """
    out = Path(out)
    open_plan(out, plan)
    own = list(enumerate(plan.chunks()))[rank::world]
    there = sum(len(positions) for number, positions in own if _card(out, number).is_file())
    total, written = sum(len(positions) for _, positions in own), 0
    with open_bar(progress or "", total, progress is not None, there) as bar:
        for number, positions in own:
            if _card(out, number).is_file():
                continue
            items = []
            for item in read(positions):
                items.append(item)
                bar.update()
            _write_chunk(out, number, items)
            written += 1
    return written


def close(out: Path | str) -> "Store":
    """Write the index over all chunks; call once, after all ranks are done.

    Raises:
        DataError: Chunks are missing, two items share a key, or all items are left out.
    """
    out = Path(out)
    cards = _cards(out)
    missing = [number for number, card in enumerate(cards) if not card.is_file()]
    if missing:
        raise DataError(
            f"{out}: {len(missing)} of {len(cards)} chunks are missing, first {missing[:5]}: "
            "start the same command again with every rank"
        )
    contents = [json.loads(card.read_text()) for card in cards]
    filled = [content for content in contents if content["keys"]]
    keys = [key for content in filled for key in content["keys"]]
    if len(set(keys)) != len(keys):
        twice = sorted(key for key, count in Counter(keys).items() if count > 1)[:5]
        raise DataError(f"{out}: two items share a key, for example {twice}")
    if not filled:
        raise DataError(f"{out}: all items of {len(cards)} chunks were left out, see cards/*.json")
    # LitData puts the wall clock here, which would make every run a new version of the data.
    digest = hashlib.sha256("".join(content["sha256"] for content in filled).encode())
    index = {
        "chunks": [content["chunk"] for content in filled],
        "config": filled[0]["config"],
        "updated_at": digest.hexdigest(),
    }
    write_json(out / "keys.json", keys)
    write_json(out / "left_out.json", [entry for c in contents for entry in c["left_out"]])
    write_json(out / INDEX, index)
    _remove_leftovers(out)
    return Store(out)


def is_whole(out: Path | str) -> bool:
    """Tell whether every chunk of the plan is there."""
    return all(card.is_file() for card in _cards(Path(out)))


class Store:
    """The records of a closed folder, by number or by key; opened anew in every process.

    Args:
        path: Folder of the store.

    Raises:
        DatasetNotFoundError: No closed store is there.
        DataError: Its index is damaged, or asks for more than reading text and bytes below the
            folder.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not (self.path / INDEX).is_file():
            raise DatasetNotFoundError(
                "closed store", self.path, "shards", "pano_data.shards.pack and finish"
            )
        try:
            keys = json.loads((self.path / "keys.json").read_text())
            self.keys: list[str] = [str(key) for key in keys]
            index = json.loads((self.path / INDEX).read_text())
            _check_index(index, self.path)
            self.digest: str = index["updated_at"]
        except DataError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(
                f"{self.path}: its index or keys.json is damaged ({error!r}); pack the shards again"
            ) from error

    @cached_property
    def _items(self) -> Any:
        return _litdata().StreamingDataset(str(self.path))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {key: number for number, key in enumerate(self.keys)}

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_items", "_numbers")}

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> ShardRecord:
        if not -len(self) <= index < len(self):
            raise IndexError(f"item {index} of a store of {len(self)}")
        record: ShardRecord = self._items[index % len(self)]
        return record

    def __contains__(self, key: str) -> bool:
        return key in self._numbers

    def find(self, key: str) -> ShardRecord:
        """Return the record of a key.

        Raises:
            DataError: No item has this key.
        """
        if key not in self._numbers:
            raise DataError(f"{self.path} holds no item {key!r} among its {len(self)}")
        return self[self._numbers[key]]


def _check_index(index: dict[str, Any], path: Path) -> None:
    """Refuse what LitData would obey: it unpickles where the index says so."""
    kinds = {kind.partition(":")[0] for kind in index["config"]["data_format"]}
    if not kinds <= FORMATS or index["config"].get("item_loader") not in (None, "PyTreeLoader"):
        raise DataError(
            f"{path / INDEX}: got items of {sorted(kinds)}, expected {sorted(FORMATS)}; these "
            "shards are not ours: others may run code when they are read"
        )
    for chunk in index["chunks"]:
        join_inside(path, chunk["filename"])


def _cards(out: Path) -> list[Path]:
    if not (out / PLAN).is_file():
        raise DatasetNotFoundError("plan of a store", out, "out", "pano_data.shards.pack")
    plan = Plan(**json.loads((out / PLAN).read_text()))
    return [_card(out, number) for number in range(len(plan.chunks()))]


def _card(out: Path, number: int) -> Path:
    return out / "cards" / f"{number:06d}.json"


def _write_chunk(out: Path, number: int, items: Sequence[ShardRecord | CorruptSampleError]) -> None:
    records = [item for item in items if not isinstance(item, CorruptSampleError)]
    errors = [item for item in items if isinstance(item, CorruptSampleError)]
    for error in errors:
        _LOG.warning("left out of %s: %s", out, error)
    card: dict[str, Any] = {
        "keys": [record["key"] for record in records],
        "left_out": [{"path": e.path, "reason": e.reason, "detail": e.detail} for e in errors],
    }
    try:
        if records:
            card |= _store_chunk(out, number, records)
        write_json(_card(out, number), card)
    except (OSError, ValueError):
        # Another process wrote the same chunk first, and `close` has removed these leftovers.
        if not _card(out, number).is_file():
            raise


def _store_chunk(out: Path, number: int, records: Sequence[ShardRecord]) -> dict[str, Any]:
    """Put a chunk in its place; return what its card says of it."""
    with tempfile.TemporaryDirectory(prefix=".chunk-", dir=out) as folder:
        writer = _litdata().streaming.writer.BinaryWriter(
            folder, chunk_size=len(records), chunk_index=number
        )
        for position, record in enumerate(records):
            writer.add_item(position, record)
        (path,) = writer.done()
        (index,) = Path(folder).glob("*index.json")
        described = json.loads(index.read_text())
        name = f"chunk-0-{number}.bin"  # LitData's own carries the rank of the writer
        digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        shutil.move(path, out / name)
    return {
        "chunk": {**described["chunks"][0], "filename": name},
        # Chunks may differ in length; only the layout of an item must agree.
        "config": {**described["config"], "chunk_size": None},
        "sha256": digest,
    }


def _remove_leftovers(out: Path) -> None:
    """Remove what killed writers left, so that the folder holds the same as after a quiet run.

    Temporary files of the index stay: another rank may be closing the store right now.
    """
    for stray in out.glob(".chunk-*"):
        shutil.rmtree(stray, ignore_errors=True)
    for stray in (*out.glob("cards/.*.json"), *out.glob(".plan.*.part.json")):
        stray.unlink(missing_ok=True)  # the plan was whole before the first chunk


def _litdata() -> Any:
    try:
        import litdata.streaming.writer
    except ImportError as error:
        raise MissingExtraError("shards", "litdata") from error
    return litdata
