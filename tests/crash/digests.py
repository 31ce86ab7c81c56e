"""T9: what two machines compare: the digests of an unbroken training of each family.

`python -m tests.crash --digests` prints them, with the machine, in words that can be compared by
`diff`; lines that differ name what is not the same on both.
"""

import hashlib
import platform
from pathlib import Path

import torch

from tests.crash.families import FAMILIES
from tests.crash.trainings import reference


def table(scratch: Path) -> str:
    """Train each family once; return a line of digests for each."""
    lines = [f"# {machine()}"]
    for name in FAMILIES:
        found = reference(scratch, name, 1).outcome
        samples = hashlib.sha256("".join(found.samples).encode()).hexdigest()
        losses = hashlib.sha256(found.losses.encode()).hexdigest()
        short = " ".join(d[:16] for d in (found.weights, found.state, losses, samples))
        lines.append(f"{name} {short}")
    return "\n".join(lines)


def machine() -> str:
    """Return the kind of machine in words that name no host."""
    capability = torch.backends.cpu.get_cpu_capability()
    return (
        f"{platform.machine()}, {capability}, Python {platform.python_version()}, "
        f"torch {torch.__version__}"
    )
