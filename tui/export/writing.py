"""Writes an experiment in any format; the module of each is loaded when it is asked for."""

from __future__ import annotations

import os
from itertools import chain, count
from pathlib import Path

from engine.files import write_atomically
from engine.records import ExperimentRecord
from engine.results import ResultsError
from tui.export.formats import ENDINGS, FOLDER
from tui.export.target import target_file, target_folder


def usual_path(record: ExperimentRecord, format: str) -> Path:
    """In the current folder, named after the experiment."""
    return Path(record.folder.name + ENDINGS[format])


def free_path(record: ExperimentRecord, format: str) -> Path:
    """As ``usual_path``, with a number in the name if something of that name is there already."""
    first = usual_path(record, format)
    ending = ENDINGS[format]
    numbered = (Path(f"{record.folder.name}-{number}{ending}") for number in count(2))
    return next(path for path in chain([first], numbered) if not os.path.lexists(path))


def export(record: ExperimentRecord, format: str, path: Path, *, replace: bool = False) -> Path:
    """Write an experiment in one of the formats of ``ENDINGS``, whole or not at all; return where.

    Args:
        record: the experiment.
        format: "tensorboard" writes a folder of event files, the others a file.
        path: the file or folder.
        replace: whether it may take the place of one that is there already.

    Raises:
        ResultsError: something is there, it cannot be written, or a library is missing.
    """
    try:
        if format == FOLDER:
            from tui.export.event_files import write_event_files

            write_event_files(record, target_folder(path, replace=replace))
        else:
            write_atomically(target_file(path, replace=replace), content(record, format))
    except OSError as error:
        raise ResultsError(f"{path}: cannot be written: {error.strerror or error}") from error
    return path


def content(record: ExperimentRecord, format: str) -> bytes:
    """The file of a format other than "tensorboard"; text is UTF-8.

    Raises:
        ResultsError: a library is missing.
    """
    if format == "csv":
        from tui.export.epoch_rows import epoch_rows

        return epoch_rows(record).encode()
    if format == "json":
        from tui.export.summary_json import summary_json

        return f"{summary_json(record)}\n".encode()
    if format == "markdown":
        from tui.export.markdown import markdown

        return markdown(record).encode(errors="backslashreplace")
    from tui.export.charts import charts

    return charts(record, format)
