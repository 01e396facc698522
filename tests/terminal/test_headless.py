"""`mnist-tui run` as a process: its output, its exit codes, signals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

COMMAND = str(Path(sys.executable).parent / "mnist-tui")
SMALL = ("--train-limit", "300", "--test-limit", "100", "--device", "cpu", "--threads", "1")
TWO_BY_TWO = (
    *("--model", "mlp", "--model", "cnn", "--epochs", "2", "--repeats", "2"),
    *("--repeats-at-once", "1", *SMALL),
)
ENDLESS = ("--model", "mlp", "--epochs", "10000", "--repeats", "1", *SMALL)
EPOCH = re.compile(r"^(\w+)-r(\d)  epoch (\d+)/2  .*\d\.\d\d %", re.MULTILINE)
PATIENCE = 60.0


def environment() -> dict[str, str]:
    """The process's variables without any that set something."""
    return {key: text for key, text in os.environ.items() if not key.startswith("MNIST_TUI_")}


def command(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, without a terminal."""
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=cwd,
        env=environment() | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Done:
    """A command that has ended, and the folder it ran in."""

    folder: Path
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Two models, two repeats, two epochs, in plain lines."""
    folder = tmp_path_factory.mktemp("plain")
    done = command("run", *TWO_BY_TWO, cwd=folder)
    return Done(folder, done.returncode, done.stdout, done.stderr)


def test_run_ends_with_0_and_the_path_of_the_summary_alone_on_stdouts_last_line(
    plain: Done,
) -> None:
    assert plain.code == 0, plain.err
    path = plain.folder / plain.out.splitlines()[-1]
    assert path.is_file()
    assert path.name == "summary.toml"
    assert path.parent.parent == plain.folder / "results"
    found = read(path)
    assert found["status"] == "finished"
    assert found["id"] == path.parent.name


def test_stderr_has_one_line_per_epoch_that_says_what_the_summary_says(plain: Done) -> None:
    found = EPOCH.findall(plain.err)
    runs = [(model, repeat) for model in ("mlp", "cnn") for repeat in "12"]
    assert found == [(*run, epoch) for run in runs for epoch in "12"]
    summary = read(plain.folder / plain.out.splitlines()[-1])
    epochs = [epoch for run in summary["runs"] for epoch in run["epochs"]]
    lines = [line for line in plain.err.splitlines() if EPOCH.match(line)]
    assert len(lines) == len(epochs) == 8
    for line, epoch in zip(lines, epochs, strict=True):
        assert f"test loss {epoch['test_loss']:.4f}" in line
        assert f"accuracy {epoch['test_accuracy'] * 100:.2f} %" in line


def test_plain_output_has_no_escape_codes_or_carriage_returns(plain: Done) -> None:
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", plain.out + plain.err)


def test_json_prints_every_event_as_a_line_of_json(tmp_path: Path) -> None:
    done = command("run", *TWO_BY_TWO, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    names = [event["event"] for event in events if event["event"] != "progress"]
    run = ["run_started", "epoch_finished", "epoch_finished", "run_finished"]
    model = [*run, "cost_measured", *run]
    assert names == ["experiment_started", *model * 2, "experiment_finished"]
    assert (tmp_path / events[-1]["summary"]).is_file()
    assert not done.stderr


def test_settings_come_from_file_then_environment_then_flags(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(
        "[experiment]\nmodels = ['mlp']\nepochs = 3\nrepeats = 3\nseed = 3\n"
        "[data]\ntrain_limit = 100\ntest_limit = 50\n[device]\ndevice = 'cpu'\n"
    )
    done = command(
        "run", "--epochs", "1", cwd=tmp_path, MNIST_TUI_EPOCHS="2", MNIST_TUI_REPEATS="2"
    )
    assert done.returncode == 0, done.stderr
    found = read(tmp_path / done.stdout.splitlines()[-1])["settings"]["experiment"]
    assert (found["models"], found["seed"]) == (["mlp"], 3)
    assert (found["epochs"], found["repeats"]) == (1, 2)


def refused(folder: Path, *arguments: str, parts: tuple[str, ...], **variables: str) -> None:
    """Assert exit code 2, one line on stderr with all ``parts``, and nothing created."""
    before = sorted(folder.rglob("*"))
    done = command(*arguments, cwd=folder, **variables)
    lines = done.stderr.splitlines()
    assert (done.returncode, len(lines), done.stdout) == (2, 1, ""), done.stderr
    missing = [part for part in parts if part not in lines[0]]
    assert not missing, f"{missing} not in {lines[0]!r}"
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("[experiment]\nepoch = 3\n", ("settings.toml", "epoch", "epochs")),
        ("[experiment]\nepochs = 'three'\n", ("settings.toml", "epochs", "'three'", "1 to 10000")),
        ("[experiment]\nepochs = 0\n", ("settings.toml", "epochs", "0", "1 to 10000")),
        ("[experiment]\nmodels = ['vgg']\n", ("settings.toml", "models", "vgg", "mlp")),
        ("[experiment]\nmodels = []\n", ("settings.toml", "models", "mlp")),
        ("[experiments]\nepochs = 3\n", ("settings.toml", "experiments", "[experiment]")),
        ("epochs: 3\n", ("settings.toml", "TOML")),
    ],
)
def test_wrong_settings_file_is_refused(
    tmp_path: Path, content: str, parts: tuple[str, ...]
) -> None:
    (tmp_path / "settings.toml").write_text(content)
    refused(tmp_path, "run", *SMALL, parts=parts)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--settings", "nowhere.toml"), ("nowhere.toml", "cannot be read")),
        (("--settings", "."), (".", "cannot be read")),
        (("--epoch", "3"), ("--epoch",)),
        (("--epochs", "many"), ("--epochs", "'many'", "1 to 10000")),
        (("--epochs", "0"), ("--epochs", "0", "1 to 10000")),
        (("--lr", "nan"), ("--lr", "nan", "0.0000001 to 10")),
        (("--model", "vgg"), ("--model", "vgg", "mlp, cnn, mobilenetv2")),
        (("--model", "mlp", "--model", "mlp"), ("--model", "each once")),
        (("--device", "gpu"), ("--device", "gpu", "auto, cpu")),
        (("--preset", "nope"), ("--preset: 'nope'", "notebook, quick, default, best")),
        (("--patience", "3"), ("--patience: 3", "validation")),
        (("--epochs",), ("--epochs",)),
        (("walk",), ("walk",)),
    ],
)
def test_wrong_flags_are_refused(
    tmp_path: Path, arguments: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    refused(tmp_path, "run", *arguments, parts=parts)


def test_wrong_variable_is_refused(tmp_path: Path) -> None:
    parts = ("MNIST_TUI_SEED", "'x'", "0 to 2147483647")
    refused(tmp_path, "run", parts=parts, MNIST_TUI_SEED="x")


def test_results_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    parts = ("file/results", "writable")
    refused(tmp_path, "run", *SMALL, "--results", "file/results", parts=parts)


def test_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "run", "--device", "cuda:99", parts=("cuda:99", "cpu"))


def test_damaged_data_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03 too short")
    (tmp_path / "raw" / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x01\x05")
    refused(tmp_path, "run", *SMALL, "--data", "raw", parts=("raw/train-images-idx3-ubyte",))


def test_dashboard_without_a_terminal_is_refused_with_the_way_out(tmp_path: Path) -> None:
    refused(tmp_path, parts=("terminal", "mnist-tui run"))


def test_failed_run_ends_with_1_and_the_others_are_trained(tmp_path: Path) -> None:
    # A weights server that nobody answers for: every proxy is a closed port.
    closed = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTPS_PROXY")}
    done = command(
        "run",
        *("--model", "mobilenetv2", "--model", "mlp", "--epochs", "1", "--repeats", "1", *SMALL),
        *("--mobilenetv2-weights", "IMAGENET1K_V2"),
        cwd=tmp_path,
        TORCH_HOME=str(tmp_path / "torch"),
        no_proxy="",
        NO_PROXY="",
        **closed,
    )
    assert done.returncode == 1, done.stderr
    found = read(tmp_path / done.stdout.splitlines()[-1])
    assert [(run["model"], run["status"]) for run in found["runs"]] == [
        ("mobilenetv2", "failed"),
        ("mlp", "finished"),
    ]
    assert "mobilenetv2-r1 failed: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a training that does not end by itself; waits for its first epoch."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str, ignored: int | None = None) -> subprocess.Popen[str]:
        def handlers() -> None:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN if number == ignored else signal.SIG_DFL)

        process = subprocess.Popen(
            [COMMAND, "run", *(arguments or ENDLESS)],
            cwd=tmp_path,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=handlers,
        )
        processes.append(process)
        assert process.stderr is not None
        for line in process.stderr:
            if "  epoch 1/" in line:
                return process
        raise AssertionError(f"ended with {process.wait()} before its first epoch")

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signal_stops_the_training_and_leaves_a_summary(
    endless: Callable[..., subprocess.Popen[str]], tmp_path: Path, number: int, code: int
) -> None:
    process = endless(*ENDLESS, "--on-hangup", "stop")
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert "Traceback" not in err
    found = read(tmp_path / out.splitlines()[-1])
    assert found["status"] == "stopped"
    (run,) = found["runs"]
    assert run["status"] == "stopped"
    assert [epoch["epoch"] for epoch in run["epochs"]] == list(range(1, len(run["epochs"]) + 1))
    assert run["epochs"]
    assert not [path for path in (tmp_path / "results").rglob(".*")]


def test_a_killed_training_is_refused_while_it_lives_and_resumed_when_dead(
    endless: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    arguments = ("--model", "mlp", "--epochs", "60", "--repeats", "1", *SMALL)
    process = endless(*arguments)
    process.send_signal(signal.SIGSTOP)  # or it would end before the other has begun
    (folder,) = (tmp_path / "results").iterdir()
    refused(tmp_path, "resume", folder.name, parts=(folder.name, f"process {process.pid}"))
    process.kill()
    process.wait(timeout=PATIENCE)
    assert read(folder / "summary.toml")["status"] == "running"
    done = command("resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(folder.relative_to(tmp_path) / "summary.toml")
    assert "goes on; 0 of 1 runs have ended" in done.stderr
    found = read(folder / "summary.toml")
    assert found["status"] == "finished"
    (run,) = found["runs"]
    assert [epoch["epoch"] for epoch in run["epochs"]] == list(range(1, 61))
    assert [each["was"] for each in found["interruptions"]] == ["running"]
    refused(tmp_path, "resume", folder.name, parts=(folder.name, "nothing left to train"))
    refused(tmp_path, "resume", parts=("results", "no experiment that could go on"))


def test_hangup_that_nohup_has_switched_off_does_not_stop_the_training(
    endless: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    arguments = ("--model", "mlp", "--epochs", "40", "--repeats", "1", *SMALL)
    process = endless(*arguments, "--on-hangup", "stop", ignored=signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate(timeout=PATIENCE)
    found = read(tmp_path / out.splitlines()[-1])
    assert (process.returncode, found["status"]) == (0, "finished")


def test_hangup_ends_nothing_unless_it_is_told_to(
    endless: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = endless("--model", "mlp", "--epochs", "40", "--repeats", "1", *SMALL)
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate(timeout=PATIENCE)
    found = read(tmp_path / out.splitlines()[-1])
    assert (process.returncode, found["status"]) == (0, "finished")


def test_reader_of_the_lines_that_goes_away_does_not_end_the_training(
    endless: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    arguments = ("--model", "mlp", "--epochs", "20", "--repeats", "1", *SMALL)
    process = endless(*arguments)
    assert process.stderr is not None
    process.stderr.close()
    process.stderr = None
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert read(tmp_path / out.splitlines()[-1])["status"] == "finished"


def test_summary_that_cannot_be_saved_is_told_and_is_no_success(
    endless: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    arguments = ("--model", "mlp", "--epochs", "100", "--repeats", "1", *SMALL)
    process = endless(*arguments, "--save-weights", "false")
    (tmp_path / "results").rename(tmp_path / "moved")
    (tmp_path / "results").write_text("in the way")
    _, err = process.communicate(timeout=PATIENCE)
    assert "not saved" in err
    assert "epoch 100/100" in err, "the training goes on"
    assert process.returncode == 1


def test_clear_cache_says_what_it_removed(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "x.features").write_bytes(bytes(2_000_000))
    done = command("clear-cache", "--cache-folder", str(cache), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{cache}: 1 file removed, 2 MB\n"
    assert not list(cache.iterdir())
