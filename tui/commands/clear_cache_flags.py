"""`mnist-tui clear-cache`: removes the cached features of MobileNetV2."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from engine.one_line import one_line, printable
from engine.settings import Settings
from tui.wording import counted

EXAMPLES = """examples:
  mnist-tui clear-cache                     the user's cache folder
  mnist-tui clear-cache --cache-folder /scratch/me
"""
FAILED = 1


def add_clear_cache(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the subcommand to ``commands``, with the flags that all have in ``common``."""
    clear = commands.add_parser(
        "clear-cache",
        parents=[common],
        help="remove the cached features of MobileNetV2",
        epilog=EXAMPLES,
    )
    clear.set_defaults(call=_clear_cache)


def _clear_cache(settings: Settings, parsed: argparse.Namespace) -> int:
    from engine.cache import cache_folder, clear_cache

    folder = cache_folder(settings)
    try:
        count, freed = clear_cache(folder)
    except OSError as error:
        text = f"cache_folder: {folder}: {error.strerror or error}"
        print(f"mnist-tui: {one_line(text)}", file=sys.stderr)
        return FAILED
    removed = f"{counted(count, 'file')} removed, {freed / 1e6:.0f} MB"
    print(f"{printable(str(folder))}: {removed}")
    return 0
