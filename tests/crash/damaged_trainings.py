"""T3 in a training: damaged files cost their rows and nothing else."""

import json
import random
import shutil
from pathlib import Path

from pano_data import read_manifest
from tests.crash import trainings
from tests.crash.case import Fault
from tests.crash.damages import damage
from tests.crash.families import FAMILIES
from tests.crash.trainings import Setting, reference

SUBSET = [name for name, family in FAMILIES.items() if not family.needs]


def damaged_training(rng: random.Random, folder: Path) -> str:
    """Damage up to two of five rows; compare with a training where their neighbours stand there."""
    family, cache = rng.choice(SUBSET), folder.parent / "cache"
    reference(cache, family, 1)
    rows = list(read_manifest(cache / f"{family}-1/start/train.parquet"))
    victims = rng.sample(range(len(rows)), rng.randint(1, 2))
    stand_ins = {
        rows[v].key: next(
            rows[n % len(rows)] for n in range(v, v + len(rows)) if n % len(rows) not in victims
        )
        for v in victims
    }  # fmt: skip
    seed, told, lists, logs = rng.getrandbits(32), [], [], []
    for name, workers in (("without", 0), ("alone", 0), ("workers", 2)):
        place = folder / name
        trainings.copy_start(cache, family, 1, place)
        own = random.Random(seed)
        for victim in victims:
            row, other = rows[victim], stand_ins[rows[victim].key]
            if name == "without":
                for here, there in ((row.image, other.image), (row.depth, other.depth)):
                    assert here is not None
                    assert there is not None
                    shutil.copy(place / "raw" / there, place / "raw" / here)
            else:
                file = own.choice([row.image, row.depth])
                assert file is not None
                told.append(f"{damage(place / 'raw' / file, own)} {row.key}")
        # Scores would count one picture twice: validation refuses damaged rows.
        words = ("--data.val={}", "--data.quarantine=quarantine.jsonl")
        trainings.train(place, family, Setting(1, workers), *words)
        logs.append((place / "runs/tiny/loss.jsonl").read_text())
        if name != "without":
            entries = [json.loads(line) for f in sorted(place.rglob("quarantine*.jsonl"))
                       for line in f.read_text().splitlines()]  # fmt: skip
            lists.append(sorted({(e["key"], e["reason"]) for e in entries}))
    what = f"{family}: {', '.join(told[: len(victims)])}: {lists[0]}"
    if lists[0] != lists[1] or {key for key, _ in lists[0]} != set(stand_ins):
        raise Fault(f"{what}: quarantined {lists}")
    if len(set(logs)) > 1:
        raise Fault(f"{what}: the losses are not those of a training without the rows")
    return what
