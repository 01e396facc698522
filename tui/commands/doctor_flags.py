"""What `mnist-tui doctor` takes; apart from what it does, which costs time to load."""

from __future__ import annotations

import argparse
from typing import Any

from engine.settings import Settings

EXAMPLES = """On a terminal lines are folded, in a pipe they are as long as they are.

examples:
  mnist-tui doctor                          a line per check; exit code 1 on a problem
  mnist-tui doctor --results /scratch/me    whether that folder can be written to, too
  mnist-tui doctor --json                   a line of JSON per check
"""


def add_doctor(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the subcommand to ``commands``, with the flags that all have in ``common``."""
    doctor = commands.add_parser(
        "doctor",
        parents=[common],
        help="check what works here: devices, terminal, data, folders",
        epilog=EXAMPLES,
    )
    doctor.add_argument("--json", action="store_true", help="print a line of JSON per check")
    doctor.set_defaults(call=_doctor)


def _doctor(settings: Settings, parsed: argparse.Namespace) -> int:
    from tui.commands.doctor import doctor

    return doctor(settings, as_json=parsed.json)
