"""`python -m experiments.ablations list|run|table [--only GLOB] [--full]`."""

import argparse
import sys
from pathlib import Path

from experiments.ablations import QueueError, by_row, launch, read_queue, read_scores, runs, table
from pano_data import write_json

SCORES = Path("reports/ablations.json")
"""All last validations by group and row; the report shows them beside the papers' tables."""


def main(argv: list[str] | None = None) -> int:
    """List, run or tabulate the ablations.

    Exit codes: 0 done, 1 a run failed, 2 wrong arguments.
    """
    parser = argparse.ArgumentParser("python -m experiments.ablations", description=__doc__)
    parser.add_argument("what", choices=("list", "run", "table"))
    parser.add_argument("--only", default="*", help="glob over names, e.g. 'da2-*-s1'")
    parser.add_argument(
        "--full", action="store_true", help="without the overrides that make it small"
    )
    arguments = parser.parse_args(argv)
    groups = read_queue()
    try:
        chosen = runs(groups, not arguments.full, arguments.only)
    except QueueError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    if arguments.what == "list":
        sys.stdout.write("\n".join(f"{r.name}: {r.target}" for r in chosen) + "\n")
    elif arguments.what == "run":
        failed = launch(chosen)
        if failed:
            sys.stderr.write(f"error: {len(failed)} of {len(chosen)} failed: {', '.join(failed)}\n")
            return 1
    else:
        from experiments.tracking.tracker import tracking_uri  # MLflow is slow

        numbers = read_scores(tracking_uri(), [r.name for r in chosen])
        write_json(SCORES, by_row(chosen, numbers))
        for name, group in groups.items():
            mine = [r for r in chosen if r.group == name]
            if mine:
                sys.stdout.write(
                    f"## {name}: {group['paper']}\n\n{table(group, mine, numbers)}\n\n"
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
