"""Where a training on own data may write: a folder that is new and that DVC does not make."""

from pathlib import Path

from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.repo import Repo

from panodepth.errors import CommandError


def check_target(out: Path) -> None:
    """Refuse a folder that holds something, or belongs to the pipeline.

    Args:
        out: The folder.

    Raises:
        CommandError: In a line.
    """
    if out.exists():
        held = "a finished model" if (out / "model.safetensors").is_file() else "something"
        raise CommandError(f"{out} holds {held} already; name another --out")
    made = _made_by_dvc(out.resolve())
    if made is not None:
        raise CommandError(
            f"{out}: the pipeline makes {made} (dvc.yaml), and would replace it; name another --out"
        )


def _made_by_dvc(out: Path) -> Path | None:
    """Return the output of the pipeline that `out` is, holds, or lies in."""
    try:
        with Repo(str(_existing(out))) as repo:
            places = [Path(o.fs_path).resolve() for o in repo.index.outs if o.protocol == "local"]
    except (NotDvcRepoError, DvcException):
        return None
    overlaps = (p for p in places if p == out or p in out.parents or out in p.parents)
    return next(overlaps, None)


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.is_dir())
