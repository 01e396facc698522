"""What `mnist-tui completion` takes; apart from what it does, which costs time to load."""

from __future__ import annotations

import argparse
from typing import Any

from engine.settings import Settings

SHELLS = ("bash", "zsh", "fish")
EXAMPLES = """examples:
  mnist-tui completion bash > ~/.local/share/bash-completion/completions/mnist-tui
  mnist-tui completion zsh > ~/.zfunc/_mnist-tui      with ~/.zfunc in fpath
  mnist-tui completion fish > ~/.config/fish/completions/mnist-tui.fish
"""


def add_completion(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the subcommand to ``commands``, with the flags that all have in ``common``."""
    completion = commands.add_parser(
        "completion",
        parents=[common],
        help="print what lets a shell complete commands, flags and their values",
        epilog=EXAMPLES,
    )
    completion.add_argument("shell", choices=SHELLS, help="which shell")
    completion.set_defaults(call=_completion)


def _completion(settings: Settings, parsed: argparse.Namespace) -> int:
    from tui.commands.completion import completion

    return completion(parsed.shell)
