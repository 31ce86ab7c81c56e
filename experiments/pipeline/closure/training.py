"""The code behind a training, as it counts for the key of its run."""

from collections.abc import Mapping
from typing import Any

from experiments.pipeline.closure.digest import code, code_digest
from experiments.pipeline.closure.values import Named

PAPERS = "experiments"


def training_code(paper: str, resolved: Mapping[str, Any]) -> str:
    """Return the digest of all code that a training runs.

    Args:
        paper: Folder of the experiment; its `__main__` is what runs.
        resolved: The configuration. The classes it names count, and the networks of the models it
            starts from: teacher, labeler, first weights.
    """
    named = Named(code())
    names = named.names(resolved) | named.networks(resolved)
    return code_digest(f"{PAPERS}.{paper}.__main__", *names)
