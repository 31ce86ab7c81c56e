"""T7: files that were made to do harm, each with a canary: a file that must never appear.

Every attack gets a folder to work in and the path of a canary outside of it. A reader may read
what it is given, or refuse it in a line; the canary and everything else outside stay as they were,
within the memory and the time of a case.
"""

import io
import json
import pickle
import random
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image

import pano_models
from experiments.training.checkpoints import DurableCheckpointIO
from pano_data import ManifestDataset, read_depth, read_manifest, read_picture, write_manifest
from pano_data.io.archives import extract
from pano_data.io.images import read_rgb
from pano_data.shards import ShardDataset
from pano_models.storage.files import read_state
from panodepth.outputs.records import is_complete, load_prediction
from tests.crash.case import Done, Fault
from tests.crash.files import TOLD, flip, panoramas

NAMES = ("../evil", "a/../../evil", "/etc/evil", "..\\evil", "C:/evil", "a\0b", "", ".", "..",
         "x" * 5000, "\u202egnp.exe", "a/./../../../evil")  # fmt: skip
COLUMNS = ("key", "dataset", "image", "depth", "mask", "units_per_metre", "encoding", "kind",
           "projection", "intrinsics", "baseline", "edge_margin")  # fmt: skip
FILES = 10
"""Of one case."""
Attack = Callable[[random.Random, Path, Path], str]


class Runs:
    """Unpickles by making the canary."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, tuple[str, bytes]]:
        return make_canary, (str(self.canary), b"executed")


def make_canary(path: str, data: bytes) -> None:
    """Prove that somebody's code ran."""
    Path(path).write_bytes(data)


def hostile_files(rng: random.Random, folder: Path) -> Done:
    """Read hostile files: refused in a line or harmless."""
    trials: Counter[str] = Counter()
    for number in range(FILES):
        trials[hostile_file(rng, folder / str(number))] += 1
    return Done(f"{FILES} files", trials)


def hostile_file(rng: random.Random, folder: Path) -> str:
    """Read one hostile file; return its kind, and what became of it."""
    inside, canary = folder / "deep" / "inside", folder / "deep" / "evil"
    inside.mkdir(parents=True)
    name = rng.choice(list(ATTACKS))
    try:
        told = f"{name}: {ATTACKS[name](rng, inside, canary)}"
        ending = "harmless"
    except TOLD as error:
        told, ending = f"{name}: {type(error).__name__}", "refused"
        if len(str(error)) > 2000:
            raise Fault(f"{name}: told in {len(str(error))} characters") from error
    outside = [p for p in folder.rglob("*") if inside not in (p, *p.parents) and p.is_file()]
    if outside:
        raise Fault(f"{told}, and wrote {outside}")
    return f"{name}, {ending}"


def _checkpoint(rng: random.Random, inside: Path, canary: Path) -> str:
    path, content = inside / "a.ckpt", {"state_dict": {"a": torch.ones(3)}, "x": Runs(canary)}
    if rng.random() < 0.5:
        torch.save(content, path, _use_new_zipfile_serialization=rng.random() < 0.5)
    else:
        path.write_bytes(pickle.dumps(content))
    where = rng.choice([str(path), "http://127.0.0.1:9/a.ckpt", f"file://{path}", "s3://a/b"])
    if where != str(path) or rng.random() < 0.5:
        DurableCheckpointIO().load_checkpoint(where)
    else:
        read_state(path)
    raise Fault(f"{where} was read")


def _model_folder(rng: random.Random, inside: Path, canary: Path) -> str:
    path = rng.choice([str(canary), "../evil", "http://127.0.0.1:9/x", ["a"], {"a": 1}, 1e400])
    options = {rng.choice(["backbone_weights", "backbone", "width", "__class__"]): path}
    names: list[Any] = ["unifuse", "os.system", "pano_models:load", "__import__", [], None, {}]
    (inside / "config.json").write_text(
        rng.choice([
            json.dumps({"name": rng.choice(names), "config": options}),
            "[" * 100_000, "null", "[]", '{"name": "unifuse", "config": []}', "",
            json.dumps({"name": "unifuse", "config": {}, "native_size": path}),
        ])
    )  # fmt: skip
    pano_models.load(inside)
    return "read"


def _safetensors(rng: random.Random, inside: Path, canary: Path) -> str:
    size = rng.choice([0, 1, 2**31, 2**62, 2**64 - 1])
    offsets: list[Any] = [[0, 8], [8, 0], [0, size], [-1, 8], [0.5, 8], "x", []]
    shapes: list[Any] = [[2], [size], [2**40, 2**40], [-1], [], ["a"], "x"]
    tensor = {"dtype": rng.choice(["F32", "F99", "", 3]), "shape": rng.choice(shapes),
              "data_offsets": rng.choice(offsets)}  # fmt: skip
    header = json.dumps({rng.choice(["a", "", "x" * 10**5]): tensor, "b": rng.choice([tensor, 1])})
    header = rng.choice([header, "{" * 50_000, header[: len(header) // 2], "null"])
    length = rng.choice([len(header), 0, 2**40, 2**63, len(header) * 2])
    path = inside / "a.safetensors"
    path.write_bytes(struct.pack("<Q", length) + header.encode() + bytes(8))
    read_state(path)
    return "read"


def _archive(rng: random.Random, inside: Path, canary: Path) -> str:
    path, name = inside / "a.archive", rng.choice(NAMES[:6])
    how = rng.choice(["zip", "tar", "link", "bomb", "many", "header"])
    if how == "zip":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("good", b"1")
            file.writestr(name.replace("\0", "_"), b"2")
    elif how == "many":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for number in range(20_000):
                file.writestr(f"{number}", b"")
    elif how == "bomb":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("bomb", bytes(2**28))
    else:
        with tarfile.open(path, rng.choice(["w", "w:gz", "w:bz2", "w:xz"])) as tar:
            info = tarfile.TarInfo("innocent" if how != "tar" else name.replace("\0", "_"))
            if how == "link":
                info.type = rng.choice([tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
                info.linkname = str(canary)
            if how == "header":
                info.pax_headers = {"comment": "x" * 2**22}
            info.size = 1 if how == "tar" else 0
            tar.addfile(info, io.BytesIO(b"2"))
            after = tarfile.TarInfo("innocent/evil")
            tar.addfile(after)
    extract(path, inside / "out")
    written = [p for p in (inside / "out").rglob("*") if p.is_symlink() or p.stat().st_size > 2**27]
    if written:
        raise Fault(f"{how}: wrote {written}")
    return f"{how} was unpacked"


def _picture(rng: random.Random, inside: Path, canary: Path) -> str:
    size = rng.choice([(2**31 - 1, 2**31 - 1), (1, 2**30), (0, 5), (2**20, 2**20), (64, 32)])
    kind = rng.choice(["png", "jpg", "tif", "svg", "npz", "npy", "exif"])
    path = inside / f"a.{kind if kind != 'exif' else 'jpg'}"
    if kind == "png":
        head = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
        chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(2**24))), (b"IEND", b"")]
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))
            for t, d in chunks
        ))  # fmt: skip
    elif kind in ("npy", "npz"):
        array = np.array([Runs(canary)], dtype=object)
        np.save(path, array) if kind == "npy" else np.savez(path, depth=array)
        read_depth(path, kind)
        raise Fault("an array of objects was read")
    elif kind == "svg":
        path.write_text(f'<svg xmlns:x="x"><image href="file://{canary}"/></svg>')
    else:
        buffer = io.BytesIO()
        Image.new("RGB", (64, 32)).save(buffer, "TIFF" if kind == "tif" else "JPEG")
        data = bytearray(buffer.getvalue())
        if kind == "exif":
            block = b"Exif\0\0" + rng.randbytes(rng.randrange(1, 60))
            data[2:2] = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
        for _ in range(rng.randint(0, 4)):
            data = bytearray(flip(bytes(data), rng))
        path.write_bytes(data)
    reader = rng.choice([read_rgb, read_picture])
    reader(path)
    return f"{kind} was read"


def _manifest(rng: random.Random, inside: Path, canary: Path) -> str:
    rows = panoramas(inside / "raw", 2, rng)
    path = inside / "m.parquet"
    write_manifest(path, rows)
    table = pq.read_table(path)
    column = rng.choice(COLUMNS)
    place = table.schema.get_field_index(column)
    kind = table.schema.field(column).type
    values: list[Any] = list(NAMES)
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        values = [-1, 0, 2**62] + [float("nan"), float("inf"), 1e-320] * pa.types.is_floating(kind)
    elif pa.types.is_list(kind):
        values = [[], [float("nan")] * 9, [0.0] * 9, [1.0] * 10**6]
    value = rng.choice(values)
    table = table.set_column(place, table.schema.field(column), pa.array([value, value], kind))
    pq.write_table(table, path)
    data = ManifestDataset(read_manifest(path), inside / "raw")
    for number in range(len(data)):
        data[number]
    return f"{column} = {str(value)[:20]!r} was read"


def _record(rng: random.Random, inside: Path, canary: Path) -> str:
    names: list[Any] = [*NAMES, 3, None, [], {}]
    entries: list[Any] = [{"npy": rng.choice(names)}, [], "x", None, {"npy": "a.npy", "x": "y"}]
    record: Any = {
        "kind": rng.choice(["distance_metric", "x", 3]), "height": rng.choice([4, "x", -1, 1e9]),
        "width": 8, "unit": "m", "files": rng.choice(entries), "source": rng.choice(names),
        "quantiles": rng.choice([None, {}, {"0.5": "x"}, []]),
    }  # fmt: skip
    record = rng.choice([record, record, record, [], "x", None, 3])
    path = inside / "a_prediction.json"
    path.write_text(json.dumps(record))
    np.save(inside / "a.npy", np.ones((4, 8), "f4"))
    if is_complete(inside, "a", ["npy"], {}) and not (inside / "a.npy").is_file():
        raise Fault("is complete without its map")
    load_prediction(path)
    return "read"


def _yaml(rng: random.Random, inside: Path, canary: Path) -> str:
    text = rng.choice([
        f"!!python/object/apply:os.system ['touch {canary}']",
        f"size: !!python/object/apply:pathlib.Path.touch [!!python/object/new:pathlib.PosixPath "
        f"[{canary}]]",
        "a: &a [x, x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nd: [*c, *c, *c, *c]",
        "data: [", "data: {size: [x, y]}", "data: 3", "- 1", "data: {size: [1e400, -3]}",
    ])  # fmt: skip
    net = pano_models.create("unifuse", backbone="resnet10t", width=0.125)
    pano_models.save(net, inside / "model")
    (inside / "model/config.yaml").write_text(text)
    config = json.loads((inside / "model/config.json").read_text())
    config.pop("native_size", None)
    (inside / "model/config.json").write_text(json.dumps(config))
    pano_models.load(inside / "model")
    return "read"


def _store(rng: random.Random, inside: Path, canary: Path) -> str:
    values: list[Any] = [*NAMES, 3, None, ["pickle"], {"data_format": ["pickle"]}]
    index = {"chunks": rng.choice([[], [{"filename": rng.choice(values), "chunk_size": 1}], "x"]),
             "config": rng.choice([{"data_format": ["pickle"]}, {}, None, 3])}  # fmt: skip
    (inside / "keys.json").write_text(json.dumps(rng.choice([["a"], ["a"], {}, 3, None])))
    (inside / "index.json").write_text(json.dumps(rng.choice([index, [], 3, index])))
    (inside / "chunk-0-0.bin").write_bytes(pickle.dumps(Runs(canary)))
    store = ShardDataset(inside)
    for number in range(min(len(store), 3)):
        store[number]
    return "read"


ATTACKS: dict[str, Attack] = {
    "checkpoint": _checkpoint, "model folder": _model_folder, "safetensors": _safetensors,
    "archive": _archive, "picture": _picture, "manifest": _manifest, "record": _record,
    "YAML": _yaml, "shards": _store,
}  # fmt: skip
