"""A digest of code that a comment does not change: what names a training, and what resumes."""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from experiments.pipeline.closure.imports import Code
from experiments.pipeline.revision import REPO

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@cache
def code() -> Code:
    """Return the modules of this clone; they are read once in a process."""
    return Code(REPO)


def code_digest(*names: str) -> str:
    """Return the SHA-256 of all code of ours that modules or classes run.

    Comments, docstrings and layout do not count, the bytes of data files beside the code do.

    Args:
        names: Dotted names, e.g. `experiments.da2.__main__` or `pano_models.DA2`.

    Raises:
        KeyError: A name leads to no module of ours.
    """
    return files_digest(REPO, code().files(code().closure(names)))


def own_code(names: Iterable[str]) -> list[str]:
    """Return those of dotted names, e.g. the modules of a network's layers, that are ours."""
    return sorted({name for name in names if code().is_ours(name) and code().resolve(name)})


def whole_digest() -> str:
    """Return the SHA-256 of all code of ours, whoever runs it."""
    return files_digest(REPO, code().files(code().modules))


def files_digest(root: Path, files: Iterable[Path]) -> str:
    """Return the SHA-256 of files below `root`: Python by what it does, others by their bytes."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.as_posix()} {_file_digest(root / file)}\n".encode())
    return digest.hexdigest()


@cache
def _file_digest(path: Path) -> str:
    content = path.read_bytes()
    if path.suffix == ".py":
        tree = ast.parse(content, str(path))
        for node in ast.walk(tree):
            if isinstance(node, Documented):
                _drop_docstring(node)
        content = ast.dump(tree).encode()
    return hashlib.sha256(content).hexdigest()


def _drop_docstring(node: Documented) -> None:
    """Take the docstrings out of a definition, those below an assignment too."""
    node.body = [
        part
        for part in node.body
        if not (
            isinstance(part, ast.Expr)
            and isinstance(part.value, ast.Constant)
            and isinstance(part.value.value, str)
        )
    ]
