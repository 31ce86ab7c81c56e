"""`python -m experiments.pipeline.overlay FILE [--with NAME ...] [--print] [--force]`.

Put an overlay into params.yaml.

DVC and the stages read params.yaml alone. So an overlay (params.paper.yaml, or one of your own: it
begins with `extends: params.yaml`) is written into it, and `git restore params.yaml` takes it out
again. A file that was edited is never written over without `--force`.

`pipeline.alternatives` of a values file names what it does not run by itself: a name, and what it
adds to the loops of `pipeline`. `--with NAME` adds it.
"""

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from experiments.pipeline.params import PARAMS_FILE, ParamsError, read_params
from pano_data import write_text

COMPOSED = "# Composed of params.yaml and "
ALTERNATIVES = "alternatives"
EXIT_USAGE = 2


class _Dumper(yaml.SafeDumper):
    """Writes what is shared out in full: an alias is hard to read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def with_alternatives(sections: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return sections whose loops hold what some alternatives add to them.

    Args:
        sections: As `params.read_params` gives them.
        names: Of `pipeline.alternatives`.

    Raises:
        ParamsError: There is no such alternative, or no such loop.
    """
    loops = dict(sections.get("pipeline") or {})
    known = loops.get(ALTERNATIVES) or {}
    for name in names:
        if name not in known:
            raise ParamsError(
                f"got alternative {name!r}, expected one of {sorted(known)}, those of "
                f"pipeline.{ALTERNATIVES}"
            )
        for loop, items in known[name].items():
            if not isinstance(loops.get(loop), list):
                raise ParamsError(
                    f"pipeline.{ALTERNATIVES}.{name}: got {loop!r}, expected a list of `pipeline`"
                )
            loops[loop] = loops[loop] + [item for item in items if item not in loops[loop]]
    return {**sections, "pipeline": loops} if names else dict(sections)


def alternatives(sections: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of all alternatives of a values file."""
    return tuple((sections.get("pipeline") or {}).get(ALTERNATIVES) or ())


def compose(overlay: Path, names: Sequence[str] = ()) -> str:
    """Return the text of a whole values file: the sections of an overlay over those it extends.

    Args:
        overlay: A values file.
        names: Alternatives that it shall run too.

    Raises:
        ParamsError: A file cannot be read, the overlay does not fit the file it extends, or it has
            no such alternative.
    """
    text = yaml.dump(
        with_alternatives(read_params(overlay), names),
        Dumper=_Dumper, sort_keys=False, default_flow_style=None,
        width=110, allow_unicode=True,
    )  # fmt: skip
    return f"{COMPOSED}{overlay.name}; `git restore {PARAMS_FILE}` takes it out again.\n{text}"


def apply(overlay: Path, force: bool = False, names: Sequence[str] = ()) -> None:
    """Write an overlay into params.yaml of the same folder.

    Args:
        overlay: File that extends params.yaml.
        force: Go over edits of params.yaml that are not committed.
        names: Alternatives that it shall run too.

    Raises:
        ParamsError: See `compose`; or params.yaml holds edits, or an overlay already.
    """
    target = overlay.with_name(PARAMS_FILE.name)
    if overlay.resolve() == target.resolve():
        raise ParamsError(f"got {overlay} itself, expected a file that extends it")
    if target.is_file() and target.read_text().startswith(COMPOSED):
        raise ParamsError(
            f"{target} holds an overlay already; take it out first: git restore {target}"
        )
    text = compose(overlay, names)
    if not force and _edited(target):
        raise ParamsError(
            f"{target} has edits that git does not hold, and they would be lost; commit them, or "
            "say --force to compose with them (comments are lost)"
        )
    write_text(target, text)


def _edited(path: Path) -> bool:
    """Tell whether git could not bring the file back as it is; also where there is no git."""
    command = ["git", "-C", str(path.parent), "status", "--porcelain", "--ignored", "--", path.name]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return True
    return told.returncode != 0 or bool(told.stdout.strip())


def main(argv: Sequence[str] | None = None) -> int:
    """Apply or print an overlay; exit codes: 0 done, 2 refused."""
    parser = argparse.ArgumentParser("python -m experiments.pipeline.overlay", description=__doc__)
    parser.add_argument("file", type=Path, help="overlay, e.g. params.paper.yaml")
    parser.add_argument(
        "--with", nargs="+", default=[], dest="names", metavar="NAME",
        help="alternatives that shall run too, of pipeline.alternatives",
    )  # fmt: skip
    parser.add_argument("--print", action="store_true", help="write to standard output instead")
    parser.add_argument("--force", action="store_true", help="also over edits of params.yaml")
    given = parser.parse_args(argv)
    try:
        if given.print:
            sys.stdout.write(compose(given.file, given.names))
        else:
            apply(given.file, given.force, given.names)
            sys.stdout.write(
                f"{PARAMS_FILE} holds {given.file} now; git restore {PARAMS_FILE} takes it out\n"
            )
    except ParamsError as error:
        sys.stderr.write(f"error: {error}\n")
        return EXIT_USAGE
    return 0


if __name__ == "__main__":
    sys.exit(main())
