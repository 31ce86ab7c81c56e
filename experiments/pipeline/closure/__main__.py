"""`python -m experiments.pipeline.closure write|check|edits`: the code dependencies in dvc.yaml.

`write` writes them, `check` names what is missing and what is too much (exit code 1), `edits`
prints which stages run after ten typical edits; docs/adr/0003 shows that table. A values or source
file that cannot be read is a line (exit code 2).
"""

import argparse
import sys

from experiments.pipeline.closure.dvc_yaml import PAGE, check, table, with_table, write
from experiments.pipeline.params import ParamsError
from experiments.pipeline.revision import REPO
from pano_data import write_text


def main(argv: list[str] | None = None) -> int:
    """Run a command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m experiments.pipeline.closure")
    parser.add_argument("command", choices=["write", "check", "edits"])
    command = parser.parse_args(argv).command
    if command == "edits":
        sys.stdout.write(table(REPO))
        return 0
    try:
        lines = write(REPO) if command == "write" else check(REPO)
    except (ParamsError, SyntaxError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    shown = (REPO / PAGE).read_text()
    if (made := with_table(shown, REPO)) != shown:
        lines.append(f"{PAGE}: its table of edits is out of date")
        if command == "write":
            write_text(REPO / PAGE, made)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return int(command == "check" and bool(lines))


if __name__ == "__main__":
    sys.exit(main())
