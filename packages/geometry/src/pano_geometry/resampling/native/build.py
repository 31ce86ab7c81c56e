"""Compile the CPU kernel, on request only: nothing here runs on import."""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("resample.c")
# No -ffast-math: NaN and inf must stay what they are.
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp")
COMPILERS = ("cc", "gcc", "clang")


class BuildError(RuntimeError):
    """The kernel could not be compiled."""


def build(directory: Path | None = None) -> Path:
    """Compile the kernel for this machine, once.

    Args:
        directory: where to keep the library; the user's cache directory by default.

    Returns:
        The library. Its name carries a hash of source, compiler and processor, so that a home
        directory shared by several machines holds one for each.

    Raises:
        BuildError: there is no C compiler, it fails, or the directory takes no files.
    """
    compiler = next((found for name in COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        raise BuildError(f"got no C compiler, expected one of {COMPILERS} on the path; install one")
    folder = directory or _cache_directory()
    library = folder / f"pano_resample_{_fingerprint(compiler)}.so"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not library.exists():
            _compile(compiler, library)
    except OSError as error:
        raise BuildError(
            f"got {error}, expected a folder to write to; set XDG_CACHE_HOME to one"
        ) from error
    return library


def _cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pano_geometry"


def _fingerprint(compiler: str) -> str:
    version = subprocess.run([compiler, "--version"], capture_output=True, check=False).stdout
    info = Path("/proc/cpuinfo")
    flags = [line for line in _lines(info) if line.startswith(("flags", "Features"))][:1]
    parts = (SOURCE.read_bytes(), version, repr(FLAGS), platform.machine(), repr(flags))
    joined = b"|".join(part if isinstance(part, bytes) else part.encode() for part in parts)
    return hashlib.sha256(joined).hexdigest()[:16]


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else [platform.processor()]


def _compile(compiler: str, library: Path) -> None:
    # Built under another name and moved, so that nobody loads half a library.
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        made = Path(folder) / library.name
        command = [compiler, *FLAGS, "-shared", "-fPIC", str(SOURCE), "-o", str(made), "-lm"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise BuildError(f"got exit code {run.returncode} from {command[0]}:\n{run.stderr}")
        made.replace(library)


def load(library: Path) -> ctypes.CDLL:
    """Load a built library."""
    loaded = ctypes.CDLL(str(library))
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    for dtype in ("f32", "u8"):
        resample, pack = (getattr(loaded, f"pano_{name}_{dtype}") for name in ("resample", "pack"))
        resample.argtypes, resample.restype = [pointer, pointer, pointer], None
        pack.argtypes = [pointer, pointer, integer, integer, ctypes.c_int64, integer]
        pack.restype = None
    return loaded
