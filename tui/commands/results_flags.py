"""What `mnist-tui results` takes; apart from what it does, which costs time to load."""

from __future__ import annotations

import argparse
from typing import Any

from engine.settings import Settings
from tui.export.formats import ENDINGS, TEXT

ID_HELP = "an experiment's id, its beginning while that is unique, or latest"

RESULTS = """examples:
  mnist-tui results                            all experiments, the newest first
  mnist-tui results show latest
  mnist-tui results compare 20261122 20261123  two experiments, model by model
  mnist-tui results export latest --format svg
  mnist-tui results delete 20261122-0730
"""
LIST = """On a terminal, columns that do not fit are left out: the models, then the
date; the id tells both. Where that is not enough ids are cut, and then the best
model and the status left out. In a pipe all is there.

examples:
  mnist-tui results list
  mnist-tui results list --results /data/results
  mnist-tui results list --json | jq -r 'select(.best_accuracy > 0.99) | .id'
"""
SHOW = """examples:
  mnist-tui results show latest
  mnist-tui results show 20261122 --all        every setting
  mnist-tui results show latest --json | jq .models
"""
COMPARE = """With one ID, its models are compared with each other. With several, the first is
the baseline of each other: the models that both have are compared or, where
there is none, every model with every model. ID/cnn is one model, ID/cnn-r2 one
run.

Compared are the mean test accuracies of the finished runs: their difference, its
95 % interval and Welch's t-test over the repeats. McNemar's exact test compares
two networks image by image: of each side the run of median accuracy. With several
comparisons the p-values are adjusted (Holm).

examples:
  mnist-tui results compare latest             its models
  mnist-tui results compare 20261122 latest    the newest against an older one
  mnist-tui results compare 20261122/mlp latest/cnn
"""
EXPORT = """csv          a row per epoch of each run
json         the whole summary
markdown     the settings and the result as tables
svg, png     loss and accuracy over the epochs, the mean and the span of the repeats
tensorboard  a folder of event files, a run in each of its folders, for
             tensorboard --logdir

svg and png need matplotlib, tensorboard the package of that name; pip installs both

examples:
  mnist-tui results export latest --format csv
  mnist-tui results export latest --format svg --output curves.svg
  mnist-tui results export 20261122 --format markdown --output - | less
  mnist-tui results export latest --format tensorboard --output logs
"""
DELETE = """Exit codes: 0 deleted; 1 not, since you said no or the disk did; 2 refused.

examples:
  mnist-tui results delete 20261122-0730
  mnist-tui results delete 20261122-0730 20261123-1015 --yes
"""


def add_results(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the subcommand and its own to ``commands``, with the flags of ``common``."""
    results = _command(commands, common, "results", "list, show, compare, export, delete", RESULTS)
    results.add_argument("--json", action="store_true", help="as list --json")
    results.set_defaults(call=_list)
    own = results.add_subparsers(dest="results_command", metavar="COMMAND")

    listed = _command(own, common, "list", "all experiments, the newest first", LIST)
    _add_json(listed, "print a line of JSON per experiment")
    listed.set_defaults(call=_list)

    show = _command(own, common, "show", "one experiment: settings, result, epochs", SHOW)
    show.add_argument("id", metavar="ID", help=ID_HELP)
    show.add_argument("--all", action="store_true", help="all settings, also the usual ones")
    _add_json(show, "print the summary as JSON")
    show.set_defaults(call=_show)

    compare = _command(own, common, "compare", "whether experiments or models differ", COMPARE)
    compare.add_argument("ids", nargs="+", metavar="ID", help=f"{ID_HELP}; or ID/cnn, ID/cnn-r2")
    _add_json(compare, "print the comparisons as JSON")
    compare.set_defaults(call=_compare)

    export = _command(own, common, "export", "an experiment for other programs", EXPORT)
    export.add_argument("id", metavar="ID", help=ID_HELP)
    export.add_argument(
        "--format", required=True, choices=list(ENDINGS), metavar="FORMAT", help="kind of file"
    )
    export.add_argument(
        "--output",
        metavar="PATH",
        help="default: in the current folder, named after the experiment; - for stdout, of "
        + ", ".join(TEXT),
    )
    export.add_argument("--force", action="store_true", help="replace what is there already")
    export.set_defaults(call=_export)

    delete = _command(own, common, "delete", "remove experiments; asks first", DELETE)
    delete.add_argument("ids", nargs="+", metavar="ID", help=ID_HELP)
    delete.add_argument("--yes", action="store_true", help="do not ask")
    delete.set_defaults(call=_delete)


def _command(
    commands: Any, shared: argparse.ArgumentParser, name: str, help: str, more: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        parents=[shared],
        help=help,
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    return parser


def _add_json(parser: argparse.ArgumentParser, help: str) -> None:
    # Suppressed, since it may also stand in front of the command.
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=help)


def _list(settings: Settings, parsed: argparse.Namespace) -> int:
    from tui.commands.results.list import list_experiments

    return list_experiments(settings, as_json=parsed.json)


def _show(settings: Settings, parsed: argparse.Namespace) -> int:
    from tui.commands.results.show import show_experiment

    return show_experiment(settings, parsed.id, everything=parsed.all, as_json=parsed.json)


def _compare(settings: Settings, parsed: argparse.Namespace) -> int:
    from tui.commands.results.compare import compare_experiments

    return compare_experiments(settings, parsed.ids, as_json=parsed.json)


def _export(settings: Settings, parsed: argparse.Namespace) -> int:
    from tui.commands.results.export import export_experiment

    return export_experiment(
        settings, parsed.id, parsed.format, parsed.output, replace=parsed.force
    )


def _delete(settings: Settings, parsed: argparse.Namespace) -> int:
    from tui.commands.results.delete import delete_experiments

    return delete_experiments(settings, parsed.ids, yes=parsed.yes)
