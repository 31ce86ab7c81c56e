"""Draw accidents from a seed until the time is up, and write the page.

`python -m tests.crash --minutes 60 --seed 1` draws; `--kinds T3 T7` restricts it, `--quick` is the
draw that CI makes; `--case KIND SEED` runs one case again, `--every KIND` all that there are;
`--part 1 2` and, beside it, `--part 2 2` each run half of them into the same record.
`--panoramas 5000 --rows 100000` say how much the cases of load are. `--digests` prints what two
machines compare.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.crash import digests, page
from tests.crash.case import Ending, Kind
from tests.crash.draw import case_seeds, every_seed, run_case
from tests.crash.kinds import with_load
from tests.experiments import tiny

PRELOADED = ["tests.crash.warm", "tests.crash.kinds"]
RECORD = Path(__file__).parents[2] / "docs" / "crashlab.json"
FAULTS = 1


def main() -> int:
    """Run the lab; return 1 if a case broke a promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="*", default=[], help="beginnings of names; all if none")
    parser.add_argument("--quick", action="store_true", help="kinds that CI has time for")
    parser.add_argument("--case", nargs=2, metavar=("KIND", "SEED"), help="run one case again")
    parser.add_argument("--every", metavar="KIND", help="all its cases, whatever time they take")
    parser.add_argument("--part", nargs=2, type=int, default=(1, 1), metavar=("K", "N"))
    parser.add_argument("--panoramas", type=int, default=600, help="of `load-predict`")
    parser.add_argument("--rows", type=int, default=600, help="of `load-rows`")
    parser.add_argument("--digests", action="store_true", help="T9: what two machines compare")
    parser.add_argument("--out", type=Path, help="record to add to; that of the page if none")
    parser.add_argument("--page", type=Path, help="write the page here, from all of the record")
    parser.add_argument("--scratch", type=Path, help="keep unbroken trainings here between draws")
    arguments = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    os.environ["PIPELINE_ID"] = "crashlab"  # else every training digests all code for a tag
    tiny.FORKS.set_forkserver_preload(PRELOADED)
    kinds = with_load(arguments.panoramas, arguments.rows)
    with tempfile.TemporaryDirectory(prefix="crashlab") as own:
        scratch = arguments.scratch or Path(own)
        record = arguments.out or (RECORD if arguments.page else Path(own) / RECORD.name)
        if arguments.digests:
            print(digests.table(scratch))  # noqa: T201 - what the command is for
            return 0
        if arguments.case:
            name, seed = arguments.case
            ending = run_case(_named(name, kinds), int(seed), scratch)
            tell(ending)
            return FAULTS if ending.fault else 0
        if arguments.every:
            part = slice(arguments.part[0] - 1, None, arguments.part[1])
            endings = run_every(_named(arguments.every, kinds), scratch, record, part)
        else:
            chosen = [
                kind for kind in kinds
                if (kind.quick or not arguments.quick)
                and (not arguments.kinds or kind.name.startswith(tuple(arguments.kinds)))
            ]  # fmt: skip
            endings = run(chosen, arguments.seed, arguments.minutes, scratch, record)
    if arguments.page:
        page.write(arguments.page, record)
    return FAULTS if any(ending.fault for ending in endings) else 0


def _named(name: str, kinds: list[Kind]) -> Kind:
    (kind,) = [k for k in kinds if k.name == name]
    return kind


def run_every(kind: Kind, scratch: Path, out: Path, part: slice) -> list[Ending]:
    """Run every case of a kind that says how many there are; each ending is kept at once.

    Args:
        kind: The kind.
        scratch: Folder for the cases.
        out: Record.
        part: Which of the cases, in their order.
    """
    if kind.different is None:
        raise SystemExit(f"{kind.name} is drawn without end")
    endings = []
    for seed in every_seed(kind.different())[part]:
        endings.append(run_case(kind, seed, scratch))
        page.keep(out, "every", endings[-1])
        if endings[-1].fault:
            tell(endings[-1])
    return endings


def run(kinds: list[Kind], seed: int, minutes: float, scratch: Path, out: Path) -> list[Ending]:
    """Draw cases for some minutes; each ending is kept at once."""
    begun, endings = time.monotonic(), []
    spent = dict.fromkeys(kinds, 0.0)
    seeds = case_seeds(seed)
    while time.monotonic() - begun < 60 * minutes:
        kind = min(kinds, key=lambda k: spent[k] / k.share)  # each kind gets its share of the time
        ending = run_case(kind, next(seeds), scratch)
        spent[kind] += ending.seconds + 1e-3
        endings.append(ending)
        page.keep(out, str(seed), ending)
        if ending.fault:
            tell(ending)
    print(f"{len(endings)} cases, {sum(e.fault is not None for e in endings)} faults")  # noqa: T201
    return endings


def tell(ending: Ending) -> None:
    """Print a case, and how it is run again."""
    verdict = ending.fault or "as promised"
    print(f"{ending.kind}, {ending.seconds:.0f} s: {ending.what}: {verdict}", flush=True)  # noqa: T201
    if ending.fault:
        again = f"python -m tests.crash --case {ending.kind} {ending.seed}"
        print(f"  again: {again}", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
