"""What `mnist-tui export-model` takes; apart from what it does, which costs time to load."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from engine.settings import Settings

FORMATS = ("safetensors", "onnx", "pt")
EXAMPLES = """examples:
  mnist-tui export-model latest --format onnx           cnn-r2.onnx, say: the most accurate run
  mnist-tui export-model latest/mlp --format safetensors --output mlp.safetensors
"""


def add_export_model(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the subcommand to ``commands``, with the flags that all have in ``common``."""
    export = commands.add_parser(
        "export-model",
        parents=[common],
        help="write a trained network for other programs: safetensors, ONNX, PyTorch",
        epilog=EXAMPLES,
    )
    export.add_argument("run", metavar="RUN", help="as for predict")
    export.add_argument(
        "--format",
        required=True,
        choices=FORMATS,
        help="onnx: from grey images to probabilities, all in one; safetensors and pt: the weights",
    )
    export.add_argument(
        "--output", metavar="FILE", type=Path, help="(default: the run's name, in this folder)"
    )
    export.add_argument("--force", action="store_true", help="write over a file that is there")
    export.set_defaults(call=_export_model)


def _export_model(settings: Settings, parsed: argparse.Namespace) -> int:
    from tui.commands.export_model import export_to_file

    return export_to_file(settings, parsed.run, parsed.format, parsed.output, force=parsed.force)
