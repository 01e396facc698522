"""The networks that read a drawing: each model's newest, or what was saved of it before."""

from __future__ import annotations

from collections.abc import Sequence

from engine.events import Snapshot
from engine.reading import Reader, load_reader, make_reader
from engine.results import ResultsError
from engine.trained import Trained, saved_networks
from tui.bridge import Bridge
from tui.experiment_view import ExperimentView
from tui.misread import newest_of_each_model

Network = Snapshot | Trained


class DrawingReaders:
    """Of the experiment that ``view`` shows; each is built once."""

    def __init__(self, bridge: Bridge, view: ExperimentView, imagenet: str) -> None:
        """``imagenet`` is as in ``make_reader``."""
        self._bridge, self._view, self._imagenet = bridge, view, imagenet
        self._statuses: Sequence[str] = ()
        """Of the runs, when files were looked for."""
        self._saved: dict[str, Trained] = {}
        self._built: dict[str, tuple[Network, Reader]] = {}
        """By model."""

    def networks(self) -> dict[str, Network]:
        """By model, as they are now; the same object as long as nothing is new."""
        record = self._view.record
        if record is not None:
            statuses = tuple(run.status for run in record.runs.values())
            if statuses != self._statuses:
                self._statuses, self._saved = statuses, saved_networks(record)
        return {**self._saved, **newest_of_each_model(self._bridge.snapshots())}

    def read(self, model: str, network: Network, image: bytes) -> tuple[float, ...]:
        """The probabilities of the ten digits, for 28×28 grey bytes.

        Raises:
            AssetError, WeightsError: as ``make_reader``.
            ResultsError: as ``load_reader``; or the file holds a network of another model.
        """
        built_of, reader = self._built.get(model, (None, None))
        if reader is None or built_of is not network:
            reader = self._build(model, network)
            self._built[model] = network, reader
        return reader(image)

    def _build(self, model: str, network: Network) -> Reader:
        if isinstance(network, Snapshot):
            return make_reader(model, network.weights, self._imagenet)
        found, reader = load_reader(network.path)
        if found != model:
            raise ResultsError(f"{network.path}: holds a network of {found}, not of {model}")
        return reader


def saved_names(networks: dict[str, Network]) -> list[str]:
    """Of those that were saved before, the runs."""
    return [one.path.stem for one in networks.values() if isinstance(one, Trained)]
