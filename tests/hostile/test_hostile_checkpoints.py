"""A checkpoint is what it should be, or one line; nothing in it is executed."""

from __future__ import annotations

import ast
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hostile_support import INPUTS, changed, clear_line, edited, edits, examples, values
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from engine.checkpoint import (
    FILE_NAME,
    Checkpoint,
    Progressed,
    checkpoint_bytes,
    checkpoint_of,
    load_checkpoint,
)
from engine.data import RunSeed
from engine.device import capabilities
from engine.events import EpochResult, RunId
from engine.optimizers import Optimizer, make_optimizer
from engine.recipes import Recipe
from engine.results import ResultsError
from engine.stack import Stack
from engine.tensor_file import LONGEST

CPU = torch.device("cpu")
LAST = EpochResult(1, 0.3, 0.9, 0.2, 0.95, 0.003, 2.5, 24_000.0, 0.5)


def small(inputs: int = 2) -> Stack:
    """A network that makes a checkpoint of few bytes."""
    return Stack([nn.Linear(inputs, 2)])


def trained(networks: Stack, optimizer: str = "adam") -> Optimizer:
    """After one step."""
    made = make_optimizer(Recipe(optimizer), networks.parameters.values(), capabilities(CPU))
    step(networks, made)
    return made


def step(networks: Stack, optimizer: Optimizer) -> None:
    """Train it a little."""
    for parameter in networks.parameters.values():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()


def saved(folder: Path, networks: Stack, optimizer: str = "adam") -> bytes:
    """The file of a checkpoint."""
    runs = [Progressed(RunId("mlp", 1), LAST, 2.5, float("inf"), 0, (8, 247), 0.02, 250.5)]
    confusion = torch.ones(1, 10, 10, dtype=torch.int64)
    seeds = [RunSeed(1, CPU)]
    made = trained(networks, optimizer)
    checkpoint = checkpoint_of(runs, networks, made, seeds, confusion, [0])
    (folder / FILE_NAME).write_bytes(checkpoint_bytes(checkpoint))
    return (folder / FILE_NAME).read_bytes()


@pytest.fixture(scope="module")
def valid(place: Path) -> bytes:
    """The content of a valid file."""
    return saved(place, small())


def load(folder: Path, content: bytes) -> Checkpoint | None:
    """The checkpoint, restored; None if it was refused as it should be."""
    (folder / FILE_NAME).write_bytes(content)
    networks = small()
    try:
        checkpoint = load_checkpoint(folder / FILE_NAME)
        assert checkpoint is not None
        fresh = make_optimizer(Recipe(), networks.parameters.values(), capabilities(CPU))
        checkpoint.restore(networks, fresh, [RunSeed(2, CPU)])
    except ResultsError as error:
        clear_line(error, FILE_NAME)
        return None
    assert checkpoint.epoch >= 1
    step(networks, fresh)
    return checkpoint


def file_of(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def test_the_valid_one_is_read(place: Path, valid: bytes) -> None:
    assert load(place, valid) is not None


@pytest.mark.slow
def test_cut_anywhere(place: Path, valid: bytes) -> None:
    lengths = range(0, len(valid), max(1, len(valid) // INPUTS["resume.pt, cut"]))
    assert len(lengths) >= INPUTS["resume.pt, cut"]
    assert all(load(place, valid[:length]) is None for length in lengths)


@pytest.mark.slow
@examples("resume.pt, bytes")
@given(st.one_of(st.binary(max_size=60), edits))
def test_any_bytes(place: Path, valid: bytes, wanted: Any) -> None:
    load(place, wanted if isinstance(wanted, bytes) else edited(valid, wanted))


ODD_TENSORS: tuple[Callable[[], Tensor], ...] = (
    lambda: torch.zeros(1).expand(10**12),
    lambda: torch.zeros(3, device="meta"),
    lambda: torch.zeros(1, 2, 2, device="meta"),
    lambda: torch.eye(2).to_sparse(),
    lambda: torch.eye(2).unsqueeze(0).to_sparse(),
    lambda: torch.zeros(1, 2, 2, dtype=torch.complex64),
    lambda: torch.zeros(1, 2, 2, dtype=torch.int64),
    lambda: torch.zeros(1, 2, 2, dtype=torch.bool),
    lambda: torch.full((1, 2, 2), float("nan")),
    lambda: torch.full((1, 10, 10), -1),
    lambda: torch.full((1, 10, 10), 2**63 - 1),
    lambda: torch.zeros(0),
    lambda: torch.zeros(()),
    lambda: torch.zeros(5056, dtype=torch.uint8),
    lambda: torch.full((5056,), 255, dtype=torch.uint8),
    lambda: nn.Parameter(torch.zeros(1, 2, 2)),
)


@pytest.mark.slow
@examples("resume.pt, values")
@given(
    st.lists(
        st.tuples(
            st.integers(0, 10_000),
            st.sampled_from(("set", "drop", "add", "double")),
            st.one_of(values, st.sampled_from(ODD_TENSORS).map(lambda make: make())),
        ),
        min_size=1,
        max_size=2,
    )
)
def test_any_values_anywhere(place: Path, valid: bytes, wanted: list[tuple[int, str, Any]]) -> None:
    content: dict[str, Any] = torch.load(io.BytesIO(valid), weights_only=True)
    content["random"] = [list(states) for states in content["random"]]
    load(place, file_of(changed(content, wanted)))


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("other", ["adam", "adamw", "sgd"])
def test_of_another_optimizer(tmp_path: Path, optimizer: str, other: str) -> None:
    networks = small()
    saved(tmp_path, networks, other)
    checkpoint = load_checkpoint(tmp_path / FILE_NAME)
    assert checkpoint is not None
    able = capabilities(CPU)
    fresh = make_optimizer(Recipe(optimizer), networks.parameters.values(), able)
    if "sgd" in {optimizer, other} and optimizer != other:
        with pytest.raises(ResultsError, match="of another optimizer"):
            checkpoint.restore(networks, fresh, [RunSeed(2, CPU)])
    else:
        checkpoint.restore(networks, fresh, [RunSeed(2, CPU)])


def test_of_another_network(place: Path, tmp_path: Path) -> None:
    assert load(place, saved(tmp_path, small(inputs=3))) is None


class Runs:
    """A pickle of this runs code when it is read."""

    def __init__(self, call: Callable[..., Any], *arguments: Any) -> None:
        self._call, self._arguments = call, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._call, self._arguments


@pytest.mark.slow
@examples("resume.pt, pickles")
@given(st.integers(0, 4), st.integers(0, 3), st.sampled_from([2, 3, 4, 5]), edits)
def test_a_pickle_that_would_run_code(
    place: Path, valid: bytes, kind: int, wrapping: int, protocol: int, wanted: Any
) -> None:
    marker = place / "executed"
    calls: tuple[Runs, ...] = (
        Runs(os.system, f"touch {marker}"),
        Runs(eval, f"open({str(marker)!r}, 'w')"),
        Runs(exec, f"open({str(marker)!r}, 'w')"),
        Runs(open, str(marker), "w"),
        Runs(Path.touch, marker),
    )
    call: Any = calls[kind]
    pickled = pickle.dumps({"runs": [call], "parameters": call}, protocol=protocol)
    archive = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(valid)) as old, zipfile.ZipFile(archive, "w") as new:
        for entry in old.infolist():
            hostile = entry.filename.endswith("data.pkl")
            new.writestr(entry.filename, pickled if hostile else old.read(entry))
    packed = archive.getvalue()
    contents = (pickled, packed, edited(pickled, wanted), edited(packed, wanted))
    assert load(place, contents[wrapping]) is None
    assert not marker.exists()


def test_a_small_file_that_would_take_gigabytes(tmp_path: Path) -> None:
    plain = io.BytesIO(file_of({"parameters": {"a": torch.zeros(25_000_000)}}))
    path = tmp_path / FILE_NAME
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    assert path.stat().st_size < 200_000
    with pytest.raises(ResultsError, match="is damaged or not a checkpoint"):
        load_checkpoint(tmp_path / FILE_NAME)
    os.truncate(path, LONGEST + 1)  # sparse: it takes no room
    with pytest.raises(ResultsError, match="is damaged or not a checkpoint"):
        load_checkpoint(tmp_path / FILE_NAME)


def test_what_is_no_file(tmp_path: Path, pipe: Path) -> None:
    path = tmp_path / FILE_NAME
    for target in (pipe, Path("/dev/zero"), tmp_path):
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        with pytest.raises(ResultsError) as caught:
            load_checkpoint(tmp_path / FILE_NAME)
        clear_line(caught.value, "cannot be read: is not a file")


def test_nothing_is_unpickled_anywhere() -> None:
    """Every ``torch.load`` says that it loads weights alone, and nothing else reads pickles, but
    for what a process and the workers that it has started itself, on a cluster or here, say to
    each other.
    """
    root = Path(__file__).parents[2]
    executors = root / "engine" / "executors"
    own_workers = [executors / f"{name}.py" for name in ("processes", "cluster", "correspondence")]
    loads = 0
    for path in [*(root / "engine").rglob("*.py"), *(root / "tui").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            first = called.partition(".")[0]
            assert first not in {"marshal", "shelve", "eval", "exec", "joblib"}, path
            assert first != "pickle" or path in own_workers, path
            assert called not in {"numpy.load", "np.load", "torch.jit.load"}, path
            if called.endswith(("torch.load", "get_state_dict", "load_state_dict_from_url")):
                loads += 1
                said = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert said.get("weights_only") == "True", f"{path}:{node.lineno}"
    assert loads >= 2
