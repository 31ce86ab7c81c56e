"""Find the CPU kernel that came with the package, or compile it on request.

Nothing here runs on import, and nothing needs torch: the wheel's build hook calls it too.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("resample.c")
# No -ffast-math: NaN and inf must stay what they are.
FLAGS = ("-O3", "-fno-math-errno", "-fno-trapping-math", "-std=gnu11", "-shared", "-fPIC")
VARIANTS = {
    "avx512": ("-march=x86-64-v4",),
    "avx2": ("-march=x86-64-v3",),
    "baseline": (),  # SSE2 on x86-64, NEON on 64-bit Arm
}
"""What is compiled for which processors, by the words of `torch.backends.cpu`."""
COMPILERS = ("cc", "gcc", "clang")
X86 = ("x86_64", "amd64")


class BuildError(RuntimeError):
    """The kernel could not be compiled."""


def variant_of(capability: str) -> str:
    """Return the variant for what `torch.backends.cpu.get_cpu_capability` says."""
    name = capability.lower()
    return name if platform.machine().lower() in X86 and name in VARIANTS else "baseline"


def variants() -> tuple[str, ...]:
    """Return the variants for processors of this kind: what a wheel holds."""
    return tuple(VARIANTS) if platform.machine().lower() in X86 else ("baseline",)


def find(variant: str) -> Path | None:
    """Return the library that came with the package or was built before; None if there is none."""
    for library in (packaged(variant), _in_cache(variant, _cache_directory())):
        if library.exists():
            return library
    return None


def packaged(variant: str) -> Path:
    """Return where a wheel has its library."""
    return SOURCE.with_name(f"resample_{variant}.so")


def build(variant: str, directory: Path | None = None) -> Path:
    """Compile the kernel, once.

    Args:
        variant: of `VARIANTS`.
        directory: where to keep the library; the user's cache directory by default.

    Returns:
        The library. Its name carries a hash of source, flags and processor, so that a home
        directory shared by several machines holds one for each.

    Raises:
        BuildError: there is no C compiler, it fails, or the directory takes no files.
    """
    library = _in_cache(variant, directory or _cache_directory())
    try:
        library.parent.mkdir(parents=True, exist_ok=True)
        if not library.exists():
            compile_to(library, variant)
    except OSError as error:
        raise BuildError(
            f"got {error}, expected a folder to write to; set XDG_CACHE_HOME to one"
        ) from error
    return library


def compile_to(library: Path, variant: str) -> None:
    """Compile one variant into a file.

    Raises:
        BuildError: there is no C compiler, or it fails.
    """
    compiler = next((found for name in COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        raise BuildError(f"got no C compiler, expected one of {COMPILERS} on the path; install one")
    # Built under another name, flushed and moved, so that nobody loads half a library.
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        made = Path(folder) / library.name
        flags = (*FLAGS, *VARIANTS[variant])
        command = [compiler, *flags, str(SOURCE), "-o", str(made), "-lm"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise BuildError(f"got exit code {run.returncode} from {command[0]}:\n{run.stderr}")
        with made.open("rb") as file:
            os.fsync(file.fileno())
        made.replace(library)


def _cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pano_geometry"


def _in_cache(variant: str, folder: Path) -> Path:
    kind = f"{FLAGS} {VARIANTS[variant]} {sys.platform} {platform.machine()}"
    digest = hashlib.sha256(SOURCE.read_bytes() + kind.encode()).hexdigest()
    return folder / f"pano_resample_{variant}_{digest[:16]}.so"


def load(library: Path) -> ctypes.CDLL:
    """Load a built library."""
    loaded = ctypes.CDLL(str(library))
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    for dtype in ("f32", "u8"):
        resample, pack = (getattr(loaded, f"pano_{name}_{dtype}") for name in ("resample", "pack"))
        resample.argtypes, resample.restype = [pointer] * 4, None
        pack.argtypes = [pointer, pointer, *[integer] * 5, pointer]
        pack.restype = None
    return loaded
