"""The `mnist-tui` command."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from engine.control import Control
from engine.events import Emit
from engine.one_line import OneLineError, one_line, printable
from engine.settings import FIELDS, Settings, expanded, from_text, rule
from engine.settings_file import load_settings
from tui.commands.doctor_flags import add_doctor
from tui.commands.export_model_flags import add_export_model
from tui.commands.predict_flags import add_predict
from tui.memory import REMEMBERED

if TYPE_CHECKING:
    from engine.records import ExperimentRecord
    from tui.headless import Train

BAD_USAGE = 2
SLOW_LINK_RATE = 1.0
FLAGS = {"models": "--model", "learning_rate": "--lr"}
EXAMPLES = """examples:
  mnist-tui                                     open the dashboard
  mnist-tui run --epochs 1                      all three models, one epoch
  mnist-tui run --model mlp --model cnn --repeats 10 --device cuda
  mnist-tui resume                              go on with what was broken off last
  mnist-tui predict latest photo.jpg            what a trained network reads in an image
"""


class _OneLineParser(argparse.ArgumentParser):
    """Refuses in one line, where argparse would print the whole usage as well."""

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
    # The same flags before and behind the subcommand; suppressed defaults keep the latter from
    # wiping out the former.
    common = _OneLineParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument(
        "--settings", metavar="FILE", help="settings file (default: ./settings.toml, if there)"
    )
    for name in FIELDS:
        common.add_argument(
            flag(name),
            dest=name,
            metavar=_metavar(name),
            action="append" if rule(name).kind is tuple else "store",
            help=f"{rule(name).help} (default: {_default(name)})",
        )
    parser = _OneLineParser(
        prog="mnist-tui",
        parents=[common],
        description="Train and compare an MLP, a CNN and a frozen MobileNetV2 on MNIST.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--slow-link",
        action="store_true",
        help=f"change the screen less often: as --refresh-rate {SLOW_LINK_RATE:g}",
    )
    parser.add_argument("--ascii", action="store_true", help="as --characters ascii")
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    parser.set_defaults(call=_dashboard)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_OneLineParser)
    run = commands.add_parser(
        "run",
        parents=[common],
        help="train without a terminal: a line per epoch, the summary's path on stdout",
        allow_abbrev=False,
    )
    run.set_defaults(call=_run)
    resume = commands.add_parser(
        "resume",
        parents=[common],
        help="go on with an experiment that ended too early, as run does",
        allow_abbrev=False,
    )
    resume.add_argument("id", nargs="?", metavar="ID", help="its folder (default: the newest)")
    resume.set_defaults(call=_resume)
    for command in (run, resume):
        command.add_argument(
            "--json", action="store_true", help="print every event as a line of JSON"
        )
    add_predict(commands, common)
    add_export_model(commands, common)
    add_doctor(commands, common)
    clear = commands.add_parser(
        "clear-cache",
        parents=[common],
        help="remove the cached features of MobileNetV2",
        allow_abbrev=False,
    )
    clear.set_defaults(call=_clear_cache)
    return parser


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
        return {"data": "bundled", "cache_folder": "the user's"}[name]
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
    return load_settings(Path(path) if path is not None else None, given=given)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parsed = build_parser().parse_args(arguments)
    try:
        return int(parsed.call(read_settings(parsed), parsed))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except OneLineError as error:
        _refuse(error)


def _run(settings: Settings, parsed: argparse.Namespace) -> int:
    def train(emit: Emit, control: Control) -> ExperimentRecord:
        from engine.experiment import run_experiment

        return run_experiment(settings, emit, control)

    return _headless(train, settings, parsed)


def _resume(settings: Settings, parsed: argparse.Namespace) -> int:
    def train(emit: Emit, control: Control) -> ExperimentRecord:
        from engine.experiment import resume_experiment
        from engine.results_folder import folder_of, newest_unfinished

        results = expanded(settings.results)
        id_ = parsed.id
        folder = newest_unfinished(results).folder if id_ is None else folder_of(results, id_)
        return resume_experiment(folder, emit, control)

    return _headless(train, settings, parsed)


def _headless(train: Train, settings: Settings, parsed: argparse.Namespace) -> int:
    from tui.headless import run_headless

    return run_headless(train, json=parsed.json, on_hangup=settings.on_hangup)


def _clear_cache(settings: Settings, parsed: argparse.Namespace) -> int:
    from engine.cache import cache_folder, clear_cache

    folder = cache_folder(settings)
    try:
        count, freed = clear_cache(folder)
    except OSError as error:
        text = f"cache_folder: {folder}: {error.strerror or error}"
        print(f"mnist-tui: {one_line(text)}", file=sys.stderr)
        return 1
    removed = f"{count} file{'' if count == 1 else 's'} removed, {freed / 1e6:.0f} MB"
    print(f"{printable(str(folder))}: {removed}")
    return 0


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
