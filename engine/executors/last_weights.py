"""The weights of a run whose worker is gone, from what it had sent after its last epoch."""

from __future__ import annotations

from engine.checkpoint import parsed
from engine.events import RunId
from engine.executors.job import Job
from engine.models import MODELS, MobileNetV2, load_imagenet_weights, trained_part
from engine.tensor_file import tensor_bytes


def save_last_weights(run: RunId, checkpoint: bytes | None, job: Job) -> str:
    """Save them; return the file's name, empty if there are none.

    Args:
        run: that has failed.
        checkpoint: the file of it and those beside it; None if no epoch was finished.
        job: whose folder they go to.
    """
    settings = job.record.settings
    kept = None if checkpoint is None else parsed(checkpoint)
    if kept is None or run not in kept.ids or not settings.save_weights:
        return ""
    model = MODELS[run.model].build()
    if isinstance(model, MobileNetV2):
        load_imagenet_weights(model, settings.mobilenetv2_weights)
    place = kept.ids.index(run)
    weights = {name: value[place] for name, value in kept.parameters.items()}
    trained_part(model).load_state_dict(weights)
    path = job.record.folder / f"{run}.pt"
    job.files.save(path, tensor_bytes(model.state_dict()))
    return path.name
