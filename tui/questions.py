"""What is asked while it trains, and the keys that answer it."""

from __future__ import annotations

from engine.settings import MODEL_NAMES

QUESTIONS = {
    "stop": "Stop now?",
    "halt": "Stop that process?",
    "quit": "Quit?",
    "add": "Add a run of",
}
LATER = {"epoch": ("e", "After this epoch"), "stay": ("escape", "Back")}
ANSWERS = {
    "stop": {"stop": ("y", "Yes, now"), **LATER},
    "halt": {"stop": ("y", "Yes, it saves all"), "stay": LATER["stay"]},
    "quit": {"stop": ("y", "Stop now"), "epoch": LATER["epoch"], "stay": ("escape", "Train on")},
    "add": {
        **{model: (str(number), model) for number, model in enumerate(MODEL_NAMES, start=1)},
        "stay": ("escape", "None"),
    },
}
