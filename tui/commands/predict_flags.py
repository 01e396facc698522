"""What `mnist-tui predict` takes; apart from what it does, which costs time to load."""

from __future__ import annotations

import argparse
from typing import Any

from engine.settings import Settings

EXAMPLES = """examples:
  mnist-tui predict latest photo.jpg        the most accurate network of the newest experiment
  mnist-tui predict latest/cnn scans/ 'more/*.png'
  mnist-tui predict 20261122-073012-mlp-cnn/mlp-r2 --json photo.jpg
"""


def add_predict(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the subcommand to ``commands``, with the flags that all have in ``common``."""
    predict = commands.add_parser(
        "predict",
        parents=[common],
        help="read handwritten digits in image files with a trained network",
        epilog=EXAMPLES,
    )
    predict.add_argument(
        "run",
        metavar="RUN",
        help="ID/cnn-r2; or ID, its beginning, ID/cnn or latest: of several runs the one with the "
        "highest test accuracy; or a .pt file",
    )
    predict.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="a photo, scan or drawing of one digit, of any size and in any colours; a folder of "
        "them; a pattern such as 'scans/*.png'",
    )
    predict.add_argument("--json", action="store_true", help="print a line of JSON per image")
    predict.set_defaults(call=_predict)


def _predict(settings: Settings, parsed: argparse.Namespace) -> int:
    from tui.commands.predict import predict

    return predict(settings, parsed.run, parsed.images, as_json=parsed.json)
