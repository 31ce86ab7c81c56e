"""The kinds of accidents, and what is promised of each."""

import dataclasses
import functools

from tests.crash.away import server_away_for_an_hour
from tests.crash.case import Kind
from tests.crash.damaged_trainings import damaged_training
from tests.crash.damages import damaged_data, flipped_artefacts
from tests.crash.divergence import not_finite
from tests.crash.full_disks import full_disk_while_training, full_disks_while_writing
from tests.crash.hostile import hostile_files
from tests.crash.killed_stages import killed_stage
from tests.crash.kills import killed_trainings, other_processes
from tests.crash.loads import many_predictions, many_rows
from tests.crash.mistakes import blocks, mistaken_keys
from tests.crash.stops import stopped_trainings
from tests.crash.uploads import hostile_upload, many_clients

SAME = (
    "the SHA-256 of weights, optimiser, log and sample order of a training that nobody stopped; "
    "no process and no temporary file is left"
)
KINDS = [
    Kind("T1-training", SAME, killed_trainings, 5.0, apart=False),
    Kind("T1-stage", "the bytes of a stage that was not killed, nothing beside", killed_stage,
         2.0, apart=False),
    Kind("T2-processes", "identical with other workers; refused, or afresh, with other ranks",
         other_processes, 1.5, apart=False),
    Kind("T3-reader", "each damaged row quarantined with its reason, the same list every time, "
         "the others read as before in the same order", damaged_data, 0.5),
    Kind("T3-training", "the loss of a training without the damaged rows, the same list with and "
         "without workers", damaged_training, 1.0, apart=False),
    Kind("T4-not-finite", "what is published is finite, or a line and nothing is published",
         not_finite, 1.5, apart=False),
    Kind("T5-writer", "the old product whole, no part left, an error that says full",
         full_disks_while_writing, 0.5),
    Kind("T5-training", "a line, no part left, and identical when there is space again",
         full_disk_while_training, 1.0, apart=False),
    Kind("T6-mistake", "at most 6 lines that name the key, before any work", mistaken_keys, 1.0,
         different=blocks),
    Kind("T7-file", "refused in a line or harmless: no canary, bounded memory", hostile_files, 0.7),
    Kind("T7-upload", "refused with a status, nothing outside the folder, the viewer lives",
         hostile_upload, 0.5),
    Kind("T8-flip", "one flipped bit ends in a line or is read, never a traceback",
         flipped_artefacts, 0.5),
    Kind("T10-stop", SAME, stopped_trainings, 2.0, apart=False),
    Kind("load-predict", "flat memory over panoramas; what is done again is what changed",
         many_predictions, 0.3, quick=False),
    Kind("load-rows", "flat memory over scored and curated rows", many_rows, 0.3, quick=False),
    Kind("load-tracking", "an hour without the MLflow server: no record lost, tries apart, no step "
         "waits", server_away_for_an_hour, 0.1, apart=False, quick=False),
    Kind("load-viewer", "200 clients and 20 uploads at once are answered", many_clients, 0.2),
]  # fmt: skip


LOADS = {"load-predict": (many_predictions, "panoramas"), "load-rows": (many_rows, "rows")}
SECONDS_A_PIECE = 0.5
"""On a busy machine."""


def with_load(panoramas: int, rows: int) -> list[Kind]:
    """Return all kinds, those of load with so many pieces."""
    counts = {"panoramas": panoramas, "rows": rows}
    found = []
    for kind in KINDS:
        if kind.name in LOADS:
            draw, counted = LOADS[kind.name]
            count = counts[counted]
            limit_s = max(kind.limit_s, SECONDS_A_PIECE * count)
            load = functools.partial(draw, many=count)
            kind = dataclasses.replace(kind, draw=load, limit_s=limit_s)
        found.append(kind)
    return found
