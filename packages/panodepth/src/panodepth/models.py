"""`panodepth models`: every model that has a name, and which of them are on this machine."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

import pano_models
from pano_models import ModelEntry
from pano_models.loading import meant_name
from pano_models.weights.cache import FOLDER_VARIABLE, weights_folder
from panodepth.errors import CommandError

OFFICIAL = "official:"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `panodepth models`."""
    parser.add_argument(
        "names", nargs="*", metavar="MODEL", help="show only these, with all that is known"
    )
    parser.add_argument(
        "--download", action="store_true", help="download the named official models"
    )
    parser.add_argument(
        "--verify", action="store_true", help="hash the files that are here once more"
    )
    parser.add_argument("--json", action="store_true", help="as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    """Run `panodepth models`.

    Returns:
        0; 1 when a file that is here cannot be used.

    Raises:
        CommandError: Unknown model, or it cannot be downloaded.
    """
    if args.download:
        _download(args.names)
    entries = pano_models.list_models(verify=args.verify)
    if args.names:
        entries = [_named(entries, name) for name in args.names]
    if args.json:
        sys.stdout.write(json.dumps([_as_dict(entry) for entry in entries], indent=2) + "\n")
    elif args.names:
        _print_details(entries)
    else:
        _print_table(entries)
    return 1 if any(entry.problem for entry in entries) else 0


def _named(entries: Sequence[ModelEntry], name: str) -> ModelEntry:
    for entry in entries:
        if name in (entry.model, entry.model.removeprefix(OFFICIAL)):
            return entry
    known = [entry.model for entry in entries]
    raise CommandError(
        f"no model {name!r}{meant_name(name, known)}, expected one of {', '.join(known)}"
    )


def _download(names: Sequence[str]) -> None:
    if not names:
        raise CommandError(f"--download needs a name, for example {OFFICIAL}da2")
    for name in names:
        model = _named(pano_models.list_models(), name)
        if model.kind != "official":
            raise CommandError(
                f"{model.model} is no published panoramic network: "
                + (
                    "it ships with this package"
                    if model.source == "this package"
                    else "the library that loads it downloads it on first use"
                )
            )
        try:
            pano_models.fetch_weights(model.model.removeprefix(OFFICIAL))
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error


COLUMNS = ("model", "here", "kind", "file", "predicts", "size", "licence", "digest")
WHOLE = ("model", "here", "kind", "file")
"""Never shortened: what people type, and whether it is there."""
NARROW, WIDE = len(WHOLE), 140
"""Columns of the table on a terminal below so many characters: `panodepth models MODEL` has all."""


def _print_table(entries: Sequence[ModelEntry]) -> None:
    console = Console()
    columns = COLUMNS if console.width >= WIDE else COLUMNS[:NARROW]
    table = Table(*(Column(name, no_wrap=name in WHOLE) for name in columns), box=None)
    for entry in entries:
        cells = _row(entry)[: len(columns)]
        table.add_row(*(escape(cell) for cell in cells), style="" if entry.file else "dim")
    console.print(table)
    console.print(
        f"official:NAME downloads where the hub has it; files: {escape(str(weights_folder()))} "
        f"({FOLDER_VARIABLE} names another). * more to know: panodepth models MODEL. "
        "fusion:... is for panodepth evaluate."
    )


def _row(entry: ModelEntry) -> tuple[str, ...]:
    licence, _, more = entry.licence.partition("; ")
    return (
        entry.model,
        "damaged" if entry.problem else "yes" if entry.file else "no",
        entry.kind,
        _show_bytes(entry.size),
        entry.predicts,
        _show_size(entry),
        licence + ("*" if more else ""),
        f"{entry.sha256[:12]} ({entry.digest_from})" if entry.sha256 else entry.digest_from,
    )


def _print_details(entries: Sequence[ModelEntry]) -> None:
    for entry in entries:
        details = {
            "model": entry.model,
            "kind": entry.kind,
            "predicts": entry.predicts or "nothing: a network starts from it",
            "native size": _show_size(entry),
            "file size": _show_bytes(entry.size),
            "licence": entry.licence,
            "SHA-256": f"{entry.sha256} ({entry.digest_from})"
            if entry.sha256
            else entry.digest_from,
            "source": entry.source,
            "file": str(entry.file) if entry.file else "not on this machine",
            "problem": entry.problem,
        }
        lines = [f"{name:12} {value}" for name, value in details.items() if value]
        sys.stdout.write("\n".join(lines) + "\n\n")


def _show_size(entry: ModelEntry) -> str:
    return "x".join(map(str, entry.native_size)) if entry.native_size else "any"


def _show_bytes(count: int | None) -> str:
    if count is None:
        return "?"
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _as_dict(entry: ModelEntry) -> dict[str, object]:
    about = dataclasses.asdict(entry)
    return about | {"file": str(entry.file) if isinstance(entry.file, Path) else None}
