"""`mnist-tui results list`: every experiment of the results folder, the newest first."""

from __future__ import annotations

import json
import sys
from typing import Any

from engine.glance import Glance, ModelGlance, glances
from engine.results_folder import Unreadable
from engine.settings import Settings, expanded
from tui.output_lines import inert
from tui.page import Page
from tui.plain_lines import print_line
from tui.text_table import Column
from tui.wording import mean_and_std

ID, DATE, STATUS, MODELS = "experiment", "started (UTC)", "status", "models"
BEST, OF = "best accuracy", "of"
# The id tells the date and the models, too; cut, it still tells the date, and may be given so.
COLUMNS = (
    Column(ID, leaves=3, least=len("20261122-073012…")),
    Column(DATE, leaves=4),
    Column(STATUS, leaves=1),
    Column(MODELS, leaves=5),
    Column(BEST),
    Column(OF, leaves=2),
)


def list_experiments(settings: Settings, *, as_json: bool) -> int:
    """Print a line per experiment; return the exit code.

    Raises:
        ResultsError: the results folder cannot be looked into.
    """
    results = expanded(settings.results)
    if as_json:
        complete = True
        for found in glances(results):
            complete = print_line(json.dumps(_plain(found)), sys.stdout) and complete
        return int(not complete)
    experiments = list(glances(results))
    page = Page(settings.characters)
    if experiments:
        page.table(COLUMNS, [_row(found) for found in experiments])
    else:
        print_line(f"{results}: no experiment there yet", sys.stderr)
    for found in experiments:
        if isinstance(found, Unreadable):
            print_line(f"mnist-tui: {inert(found.reason)}", sys.stderr)
    return int(not page.complete)


def _row(found: Glance | Unreadable) -> dict[str, str]:
    if isinstance(found, Unreadable):
        return {ID: inert(found.folder.name), STATUS: "unreadable", BEST: "–"}
    return {
        ID: inert(found.id),
        DATE: f"{found.started:%Y-%m-%d %H:%M}",
        STATUS: found.status,
        MODELS: ", ".join(model.name for model in found.models),
        **_best(found.best),
    }


def _best(model: ModelGlance | None) -> dict[str, str]:
    if model is None or model.mean is None:
        return {BEST: "–"}
    return {BEST: mean_and_std(model.mean, model.std), OF: model.name}


def _plain(found: Glance | Unreadable) -> dict[str, Any]:
    if isinstance(found, Unreadable):
        return {"id": found.folder.name, "status": "unreadable", "reason": found.reason}
    return {
        "id": found.folder.name,
        "status": found.status,
        "started": found.started.isoformat(),
        "finished": found.finished and found.finished.isoformat(),
        "models": [
            {
                "name": model.name,
                "runs": model.runs,
                "test_accuracy": model.mean,
                "test_accuracy_std": model.std,
            }
            for model in found.models
        ],
        "best_model": found.best and found.best.name,
        "best_accuracy": found.best and found.best.mean,
        "folder": str(found.folder),
    }
