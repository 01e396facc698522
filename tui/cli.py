"""The `mnist-tui` command."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from engine.one_line import OneLineError, one_line
from engine.rules import SettingsError
from engine.settings import FIELDS, Settings, from_text, rule
from engine.settings_file import load_settings
from tui.commands.clear_cache_flags import add_clear_cache
from tui.commands.completion_flags import add_completion
from tui.commands.doctor_flags import add_doctor
from tui.commands.export_model_flags import add_export_model
from tui.commands.predict_flags import add_predict
from tui.commands.results_flags import add_results
from tui.commands.train_flags import add_resume, add_run
from tui.memory import REMEMBERED

BAD_USAGE = 2
SLOW_LINK_RATE = 1.0
ASCII_HELP = "as --characters ascii"
FLAGS = {"models": "--model", "learning_rate": "--lr"}
DOCTOR = (
    "data",
    "mobilenetv2_weights",
    "cache_folder",
    "device",
    "threads",
    "deterministic",
    "results",
    "characters",
)
"""Settings whose consequences the doctor looks at."""
EXAMPLES = """examples:
  mnist-tui                                     open the dashboard
  mnist-tui run --epochs 1                      all three models, one epoch
  mnist-tui run --model mlp --model cnn --repeats 10 --device cuda
  mnist-tui resume                              go on with what was broken off last
  mnist-tui predict latest photo.jpg            what a trained network reads in an image
  mnist-tui results                             past experiments; also show, compare, export, delete
  mnist-tui export-model latest --format onnx   that network for other programs
  mnist-tui doctor                              what works here, and what does not
"""


class _OneLineParser(argparse.ArgumentParser):
    """Refuses in one line, where argparse would print the whole usage as well.

    Flags are written out, and examples keep their lines.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("allow_abbrev", False)
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*arguments, **options)

    def error(self, message: str) -> NoReturn:
        _refuse(message)


class _Version(argparse.Action):
    """Looks the version up only when asked: that takes a tenth of the start."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        print(f"mnist-tui {_version()}")
        parser.exit()


def _refuse(message: object) -> NoReturn:
    print(f"mnist-tui: {one_line(str(message))}", file=sys.stderr)
    raise SystemExit(BAD_USAGE)


def flag(name: str) -> str:
    """The command-line flag of a setting."""
    return FLAGS.get(name, "--" + name.replace("_", "-"))


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    common = _settings_flags(FIELDS)
    parser = _OneLineParser(
        prog="mnist-tui",
        parents=[common],
        description="Train and compare an MLP, a CNN and a frozen MobileNetV2 on MNIST.",
        epilog=EXAMPLES,
    )
    parser.add_argument(
        "--slow-link",
        action="store_true",
        help=f"change the screen less often: as --refresh-rate {SLOW_LINK_RATE:g}",
    )
    parser.add_argument("--ascii", action="store_true", help=ASCII_HELP)
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    parser.set_defaults(call=_dashboard)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    add_run(commands, common)
    add_resume(commands, _settings_flags(["results", "on_hangup"]))
    add_predict(commands, _settings_flags(["results", "characters"], ascii=True))
    add_results(commands, _settings_flags(["results", "characters"], ascii=True))
    add_export_model(commands, _settings_flags(["results"]))
    add_doctor(commands, _settings_flags(DOCTOR, ascii=True))
    add_clear_cache(commands, _settings_flags(["cache_folder"]))
    add_completion(commands, _settings_flags([]))
    return parser


def _settings_flags(names: Iterable[str], *, ascii: bool = False) -> argparse.ArgumentParser:
    """The flags of settings, which may stand before and behind a subcommand: suppressed defaults
    keep the latter from wiping out the former.
    """
    flags = _OneLineParser(add_help=False, argument_default=argparse.SUPPRESS)
    flags.add_argument(
        "--settings", metavar="FILE", help="settings file (default: ./settings.toml, if there)"
    )
    for name in names:
        flags.add_argument(
            flag(name),
            dest=name,
            metavar=_metavar(name),
            action="append" if rule(name).kind is tuple else "store",
            help=f"{rule(name).help} (default: {_default(name)})",
        )
    if ascii:
        flags.add_argument("--ascii", action="store_true", help=ASCII_HELP)
    return flags


def _metavar(name: str) -> str:
    if name == "models":
        return "NAME"
    kind = rule(name).kind
    if kind is bool:
        return "true|false"
    if kind in (int, float):
        return "N" if kind is int else "X"
    return "DIR" if name in ("results", "data", "cache_folder") else "NAME"


def _default(name: str) -> str:
    default = FIELDS[name].default
    if default is None:
        return "the preset's"
    if isinstance(default, bool):
        return str(default).lower()
    if default == 0 and rule(name).zero:
        return rule(name).zero
    if default == "":
        return {"data": "bundled", "cache_folder": "the user's"}.get(name, "none")
    return ", ".join(default) if isinstance(default, tuple) else str(default)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("mnist-tui")
    except PackageNotFoundError:
        return "(not installed)"


def read_settings(arguments: argparse.Namespace) -> Settings:
    """Settings from file, environment and command line.

    Raises:
        SettingsError: one line that names the file, variable or flag.
    """
    path = getattr(arguments, "settings", None)
    given: dict[str, Any] = {}
    for name in FIELDS:
        text = getattr(arguments, name, None)
        if text is not None:
            text = ",".join(text) if isinstance(text, list) else text
            given[name] = from_text(name, text, flag(name))
    if arguments.slow_link:
        given.setdefault("refresh_rate", SLOW_LINK_RATE)
    if arguments.ascii:
        given["characters"] = "ascii"
    try:
        return load_settings(Path(path) if path is not None else None, given=given)
    except SettingsError as error:
        name, colon, found = str(error).partition(":")  # of settings that do not fit each other
        raise SettingsError(f"{flag(name)}{colon}{found}" if name in given else error) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parsed = build_parser().parse_args(arguments)
    try:
        return int(parsed.call(read_settings(parsed), parsed))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except OneLineError as error:
        _refuse(error)


def is_dumb() -> bool:
    """Whether the terminal says that it cannot move its cursor."""
    return os.environ.get("TERM") == "dumb"


def _dashboard(settings: Settings, parsed: argparse.Namespace) -> int:
    # What is given on the command line is wanted, even where it is the default.
    chosen = any(hasattr(parsed, name) for name in REMEMBERED)
    return _open_dashboard(settings, as_last_time=not chosen)


def _open_dashboard(settings: Settings, *, as_last_time: bool) -> int:
    # A stream is None where the program was started with it closed.
    streams = (sys.stdin, sys.stdout, sys.stderr)
    if None in streams or not (sys.stdin.isatty() and sys.stdout.isatty()) or is_dumb():
        _refuse("the dashboard needs a terminal; without one use: mnist-tui run")
    from tui.first_frame import first_frame

    gc.disable()  # until all is loaded: it looked in vain for a fifth of the start
    with first_frame():
        from tui.launch import launch

        return launch(settings, as_last_time=as_last_time)
