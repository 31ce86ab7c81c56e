"""Keep NumPy and torch to the instructions that x86-64 machines share: the same data on all.

Both choose their kernels for the processor when they are loaded. Those for AVX-512 round sines,
cosines and interpolations otherwise than those for AVX2, so a world that is rendered, or a panorama
that is curated, would be other files on another machine, under another digest. To be imported
before either. Networks are not limited: they would be slower, and their digits follow the processor
anyway.

Not covered: processors without AVX2, other architectures, systems without `/proc/cpuinfo`.
"""

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
LIMITS = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}
"""Environment variables of torch and of NumPy, whose `X86_V4` is AVX-512."""
LIBRARIES = {"numpy", "torch"}
"""Nothing is limited where one of them is loaded already: such a process is no stage (a test, say),
and torch limited to AVX2 refuses attention in bfloat16 on a processor that has AVX-512."""


def limit(flags: str, environment: MutableMapping[str, str]) -> None:
    """Leave AVX-512 out where a processor has it; what is set already stays.

    Args:
        flags: The text of `/proc/cpuinfo`.
        environment: To be changed.
    """
    if "avx512f" in flags.split():
        for name, value in LIMITS.items():
            environment.setdefault(name, value)


if CPU_INFO.is_file() and not LIBRARIES & sys.modules.keys():
    limit(CPU_INFO.read_text(), os.environ)
