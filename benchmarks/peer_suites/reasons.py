"""Why a test of a peer fails with this package, and who is right; every failure needs an entry."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """One cause of failures.

    Attributes:
        who: "ours", "theirs" (the peer is right), "definition" (both, of different things), or
            "inside" (the test looks into the peer, not at a result).
        why: one or two sentences.
    """

    who: str
    why: str


CORNERS = Reason(
    "definition",
    "The expected numbers put the outermost samples of a face on the edges of the cube "
    "(`linspace(-.5, .5, f)`): neighbouring faces repeat a row, and the field of view of a pixel "
    "depends on the size of the face. Here samples lie at pixel centres.",
)
BORDERS = Reason(
    "definition",
    "The expected numbers put the outermost samples of a view on the borders of its field of view. "
    "Here samples lie at pixel centres, and `fov` is that between the outer borders.",
)
TWICE = Reason(
    "ours",
    "Their `e2e` is documented as roll, pitch and yaw about one axis each, but turns about "
    "(1, 0, 1) for the pitch and applies roll and pitch twice: `v_deg=45` alone turns by 90°. The "
    "expected numbers are a record of that.",
)
SCRIPTED = Reason(
    "inside",
    "`torch.jit.script` of the function, which torch has deprecated; here `torch.compile` and "
    "`torch.export` take its place (tests/geometry/test_transforms.py).",
)
HALF_PIXEL = Reason(
    "ours",
    "Compared with their NumPy code, which adds half a pixel where it must be subtracted "
    "(`ui += 0.5`): a turn by nothing moves the picture by a pixel (docs/benchmarks/geometry.md).",
)
POLES = Reason(
    "ours",
    "Compared with their NumPy code, which repeats the outermost row beyond a pole and mixes the "
    "outermost columns across the seam in part; here the true neighbours are taken.",
)
CACHE = Reason("inside", "The test counts the entries of the peer's own cache.")

REASONS: dict[str, dict[str, Reason]] = {
    "py360convert": {},
    "pytorch360convert": {
        "test_c2e_*_exact": CORNERS,
        "test_e2c_*_exact": CORNERS,
        "test_e2p_exact*": BORDERS,
        "test_e2e_exact*": TWICE,
        "test_*_jit": SCRIPTED,
    },
    "equilib": {
        "test_cache_consistency.py*": CACHE,
        "test_equi2pers/test_torch.py*": HALF_PIXEL,
        "test_equi2equi/test_torch.py*": HALF_PIXEL,
        "test_equi2cube/test_torch.py*": POLES,
    },
}
"""Peer -> end of a test's id, as a pattern of `fnmatch` -> reason."""
