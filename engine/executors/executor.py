"""What trains the runs of an experiment, and which of them the settings ask for."""

from __future__ import annotations

from typing import Protocol

from engine.device import DeviceError
from engine.events import ExperimentStatus
from engine.executors.job import Job
from engine.executors.local import LocalExecutor
from engine.extras import not_installed
from engine.settings import Settings


class Executor(Protocol):
    """Trains the runs of one experiment, somewhere."""

    def prepare(self, settings: Settings) -> dict[str, str | int]:
        """Make ready what the runs need; return the environment they will train in.

        Raises:
            DeviceError: a device, or a cluster, is not there.
            DataError, AssetError: the data cannot be read.
        """

    def train_all(self, job: Job) -> ExperimentStatus:
        """Train what is planned until nothing is left ("finished"), or until ``job.control`` says
        otherwise ("stopped"). What goes wrong in a run ends that run alone.
        """


def executor_for(settings: Settings) -> Executor:
    """The executor that the settings ask for; the simplest that does.

    Raises:
        DeviceError: they ask for more than one, or for a package that is not installed.
    """
    asked = {"devices": settings.devices, "workers": settings.workers, "ray": settings.ray}
    given = [f"{name} {value}" for name, value in asked.items() if value]
    if len(given) > 1:
        raise DeviceError(f"{' and '.join(given)}: give only one of {', '.join(asked)}")
    if settings.ray:
        try:
            from engine.executors.cluster import RayExecutor
        except ModuleNotFoundError as error:
            raise DeviceError(f"ray: {settings.ray}: {not_installed('ray')}") from error
        return RayExecutor()
    if settings.workers or len(settings.device_names) > 1 or settings.devices == "all":
        from engine.executors.processes import ProcessExecutor

        return ProcessExecutor()
    return LocalExecutor()
