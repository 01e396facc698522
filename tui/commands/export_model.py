"""`mnist-tui export-model`: a trained network as a file for other programs."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.files import write_atomically
from engine.results import ResultsError
from engine.settings import Settings, expanded
from engine.trained import find_trained
from tui.export.target import target_file
from tui.output_lines import inert
from tui.plain_lines import print_line
from tui.wording import trained_network


def export_to_file(
    settings: Settings, run: str, format: str, output: Path | None, *, force: bool
) -> int:
    """Write a network; the file's name is stdout's only line, what it is goes to stderr.

    Args:
        settings: where results are.
        run: which network, as for ``find_trained``.
        format: a key of ``engine.export_model.FORMATS``.
        output: the file; None for one with the run's name in the current folder.
        force: write over it if it is there.

    Raises:
        ResultsError: there is no such network, it cannot be loaded, or the file is there already or
            cannot be written.
        ExportError: a package that writes the format is not installed.
    """
    trained = find_trained(expanded(settings.results), run)
    if str(output) == "-":
        raise ResultsError(f"--output: {format} is not text; give a path")
    path = output or Path(f"{trained.path.stem}.{format}")
    target = target_file(path, replace=force)
    # Late, since it loads torch: what is wrong above is said at once.
    from engine.export_model import INPUT, INPUT_IS, OUTPUT, OUTPUT_IS, export_model

    model, content = export_model(trained, format)
    try:
        write_atomically(target, content)
    except OSError as error:
        raise ResultsError(f"{path}: cannot be written: {error.strerror or error}") from error
    print_line(inert(trained_network(trained, model)), sys.stderr)
    if format == "onnx":
        print_line(f"{INPUT}: {INPUT_IS}", sys.stderr)
        print_line(f"{OUTPUT}: {OUTPUT_IS}", sys.stderr)
    print_line(inert(str(path)), sys.stdout)
    return 0
