"""`mnist-tui results`: what each command prints, writes, deletes and refuses."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import tomli_w
from PIL import Image
from rich.cells import cell_len

from engine.compare import compared
from engine.contenders import Contender
from engine.events import EpochFinished, EpochResult
from engine.experiment import run_experiment
from engine.lock import working_on
from engine.past_experiment import read_record
from engine.records import ExperimentRecord
from engine.settings import Settings
from tui import page
from tui.cli import main
from tui.difference_words import difference_words
from tui.export.formats import ENDINGS

OLD, NEW, BAD = "20260101-120000-mlp-cnn", "20260102-120000-mlp-cnn", "20260103-120000-[red]bad"
REPEATS = 3
HEADINGS = ["status", "models", "best accuracy", "of"]


@dataclass(frozen=True)
class Done:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Command = Callable[..., Done]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> ExperimentRecord:
    """Two models of three repeats."""
    folder = tmp_path_factory.mktemp("trained")
    return run_experiment(
        Settings(
            models=("mlp", "cnn"),
            epochs=3,
            repeats=REPEATS,
            learning_rate=0.002,
            train_limit=500,
            test_limit=200,
            device="cpu",
            threads=1,
            results=str(folder),
        )
    )


@pytest.fixture
def results(trained: ExperimentRecord, tmp_path: Path) -> Path:
    """Two alike but for a setting, and one that cannot be read."""
    folder = tmp_path / "results"
    for id_ in (OLD, NEW):
        shutil.copytree(trained.folder, folder / id_)
    summary = folder / NEW / "summary.toml"
    text = summary.read_text(encoding="utf-8")
    summary.write_text(text.replace("\nseed = 1234\n", "\nseed = 7\n", 1))
    (folder / BAD).mkdir()
    (folder / BAD / "summary.toml").write_text('schema = "one"\n')
    return folder


@pytest.fixture
def results_command(
    results: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """Runs `mnist-tui results` in a folder of its own, in this process."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        try:
            code = main(["--results", str(results), "results", *arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        return Done(code, *capsys.readouterr())

    return run


def test_list_has_every_experiment_the_newest_first(results_command: Command) -> None:
    done = results_command("list")
    assert done.code == 0
    heading, bad, new, old = done.lines
    assert re.split("  +", heading) == ["experiment", "started (UTC)", *HEADINGS]
    assert bad.split()[:2] == [BAD, "unreadable"]
    assert re.fullmatch(
        rf"{NEW} +20\d\d-\d\d-\d\d \d\d:\d\d  finished +mlp, cnn +.* (mlp|cnn)", new
    )
    assert old.startswith(OLD)
    assert done.err.startswith("mnist-tui: ")
    assert "schema is 'one'" in done.err
    assert results_command().out == done.out


def test_list_as_json_says_what_the_summary_says(results_command: Command, results: Path) -> None:
    bad, new, old = map(json.loads, results_command("list", "--json").lines)
    assert (bad["id"], bad["status"]) == (BAD, "unreadable")
    assert "schema" in bad["reason"]
    assert (new["id"], old["id"]) == (NEW, OLD)
    models = read_record(results / NEW).models
    best = max(model.test_accuracy.mean for model in models if model.test_accuracy)
    assert new["best_accuracy"] == pytest.approx(best)
    assert [model["runs"] for model in new["models"]] == [REPEATS, REPEATS]
    assert results_command("--json").out == results_command("list", "--json").out


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("show", "2026010"), "has 3 experiments '2026010'…"),
        (("show", "2027"), "has no experiment '2027'"),
        (("show", "latest"), "schema is 'one'"),
        (("show",), "ID"),
        (("compare", OLD, OLD), "is given twice"),
        (("compare", f"{OLD}/cnn"), "has cnn alone"),
        (("export", OLD), "--format"),
        (("export", OLD, "--format", "png", "--output", "-"), "png is not text"),
        (("export", OLD, "--format", "csv", "--output", "no/where"), "no/where: cannot be written"),
        (("delete", OLD, "2027", "--yes"), "has no experiment '2027'"),
        (("delete", OLD), "give --yes"),
        (("change", OLD), "invalid choice: 'change'"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    results_command: Command, results: Path, arguments: tuple[str, ...], part: str
) -> None:
    done = results_command(*arguments)
    assert (done.code, done.out) == (2, "")
    assert part in done.err.splitlines()[-1]
    assert done.err.count("mnist-tui: ") == 1
    assert (results / OLD / "summary.toml").exists()


def test_show_tells_what_came_of_it(results_command: Command, results: Path) -> None:
    record = read_record(results / OLD)
    done = results_command("show", "20260101")
    assert (done.code, done.err) == (0, "")
    assert done.lines[0] == OLD
    facts = {line[:14].strip(): line[14:].split() for line in done.lines}
    for model in record.models:
        assert model.test_accuracy is not None
        assert f"{model.test_accuracy.mean * 100:.2f}" in facts["test accuracy"]
    assert facts["energy"] == ["unknown", "unknown"]
    trends = re.findall(r"^(\w+-r\d) .* finished +3/3 .* ([▁▂▃▄▅▆▇█]{3})$", done.out, re.M)
    assert [run for run, _ in trends] == [str(run) for run in record.runs]
    assert re.search(r"^cnn: \d as \d \d+×", done.out, re.M)


def test_show_says_where_a_run_trained_if_there_were_several_workers(
    results_command: Command, results: Path
) -> None:
    assert "place" not in results_command("show", OLD).out
    summary = results / OLD / "summary.toml"
    text = summary.read_text(encoding="utf-8")
    summary.write_text(text.replace("[[runs]]\n", '[[runs]]\nplace = "worker 2"\n', 1))
    places = re.findall(
        r"^\w+-r\d .* finished .* (worker \d|–) ", results_command("show", OLD).out, re.M
    )
    assert places == ["worker 2"] + ["–"] * (2 * REPEATS - 1)


def test_show_names_the_settings_that_were_changed(results_command: Command) -> None:
    changed, every = (results_command("show", OLD, *flags).out for flags in ((), ("--all",)))
    for words in ("epochs 3", "learning_rate 0.002", "train_limit 500"):
        assert words in changed
        assert words in every
    assert "preset default" in every
    assert "preset default" not in changed


def test_json_is_the_whole_summary(results_command: Command, results: Path) -> None:
    shown = results_command("show", OLD, "--json").out
    saved = tomllib.loads((results / OLD / "summary.toml").read_text(encoding="utf-8"))
    found = json.loads(shown)
    assert found["runs"] == saved["runs"]
    assert found["models"] == saved["models"]
    assert found["settings"] == saved["settings"]
    assert found["started"] == saved["started"].isoformat()
    assert results_command("export", OLD, "--format", "json", "--output", "-").out == shown


def test_ascii_is_all_there_is_where_it_is_asked_for(results_command: Command) -> None:
    for command in (("list",), ("show", OLD), ("compare", OLD)):
        done = results_command(*command, "--ascii")
        assert done.code == 0
        assert done.out.isascii()


def test_compare_puts_experiments_side_by_side(results_command: Command) -> None:
    done = results_command("compare", OLD, NEW)
    assert (done.code, done.err) == (0, "")
    assert done.lines[:2] == [f"A  {OLD}", f"B  {NEW}"]
    assert re.search(r"^seed +1234 +7$", done.out, re.M)
    sides = re.findall(r"^([AB]) +(mlp|cnn) +\d\d\.\d\d ± \d+\.\d\d %", done.out, re.M)
    assert sides == [("A", "mlp"), ("B", "mlp"), ("A", "cnn"), ("B", "cnn")]
    for model in ("mlp", "cnn"):  # the one is a copy of the other
        assert f"B {model} against A {model}: run by run the same" in done.out
    models = results_command("compare", OLD).out
    assert re.search(r"cnn against mlp: test accuracy [+−]\d+\.\d\d points, 95 % interval", models)
    assert "significant at 5 %" in models


def test_compare_as_json_has_the_figures(results_command: Command, results: Path) -> None:
    (found,) = json.loads(results_command("compare", OLD, "--json").out)["comparisons"]
    means = {m.name: m.test_accuracy.mean for m in read_record(results / OLD).models}  # type: ignore[union-attr]
    assert found["baseline"]["mean"] == pytest.approx(means["mlp"])
    assert found["difference"] == pytest.approx(means["cnn"] - means["mlp"])
    low, high = found["interval_95"]
    assert low < found["difference"] < high
    assert found["welch_p"] == found["welch_p_holm"]


def test_one_repeat_is_told_to_be_too_few(results_command: Command) -> None:
    done = results_command("compare", f"{OLD}/mlp-r1", f"{OLD}/cnn")
    assert done.code == 0
    assert "1 repeat: no interval and no t-test; run more repeats" in done.out
    assert re.search(r"exact test of the runs cnn-r\d and mlp-r1 on 200 test images", done.out)


def test_what_was_not_tested_is_not_adjusted(results_command: Command) -> None:
    """One run against two others: McNemar's test twice, and no t-test."""
    runs = (f"{OLD}/mlp-r1", f"{OLD}/mlp-r2", f"{OLD}/cnn-r1")
    done = results_command("compare", *runs)
    assert "adjusted for 2 McNemar tests (Holm)." in done.out
    assert "interval stands alone" not in done.out
    assert "adjusted" not in results_command("compare", *runs[:2]).out


def test_words_on_two_networks(trained: ExperimentRecord) -> None:
    first, second = (that_misreads(trained, range(*images)) for images in ((30,), (25, 32)))
    (one,) = compared([(first, second)])
    _, words = difference_words(one, "A", "B")
    assert "on 200 test images: 2 are misread by B alone, 25 by A alone; p < 0.0001: sig" in words
    (alike,) = compared([(first, first)])
    assert list(difference_words(alike, "A", "B")) == [
        "B against A: run by run the same; it may be the same training twice"
    ]


def that_misreads(trained: ExperimentRecord, images: Iterable[int]) -> Contender:
    record = read_record(trained.folder)
    runs = tuple(record.finished_runs("mlp"))
    for run in runs:
        assert run.finished is not None
        run.finished = replace(run.finished, misclassified=tuple(images))
    return Contender(record, "mlp", "mlp", runs)


@pytest.mark.parametrize("width", [80, 100])
def test_nothing_is_wider_than_the_terminal(
    results_command: Command, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr(page, "_terminal_width", lambda: width)
    monkeypatch.setenv("NO_COLOR", "1")
    for command in (("list",), ("show", OLD), ("show", OLD, "--all"), ("compare", OLD, NEW)):
        done = results_command(*command)
        widest = max(done.lines, key=cell_len)
        assert cell_len(widest) <= width, widest
        assert "\x1b" not in done.out
    assert ("models" in results_command("list").lines[0]) == (width == 100)


WIDE = "20260104-120000-mlp-cnn-mobilenetv2"


@pytest.fixture
def wide(results: Path) -> Path:
    """An experiment of the longest names, in which a setting has a long value."""
    folder = shutil.copytree(results / OLD, results / WIDE)
    tables = tomllib.loads((folder / "summary.toml").read_text(encoding="utf-8"))
    tables["status"] = "interrupted"
    tables["settings"]["experiment"]["models"].append("mobilenetv2")
    tables["settings"]["data"]["data"] = "/" + "folder/" * 20
    tables["models"] += [each | {"name": "mobilenetv2"} for each in tables["models"][1:]]
    of_cnn = [run for run in tables["runs"] if run["model"] == "cnn"]
    tables["runs"] += [run | {"model": "mobilenetv2"} for run in of_cnn]
    (folder / "summary.toml").write_text(tomli_w.dumps(tables), encoding="utf-8")
    return folder


@pytest.mark.parametrize("width", [40, 60])
def test_the_longest_names_fit_a_narrow_terminal(
    results_command: Command, wide: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    whole = results_command("show", WIDE).out
    monkeypatch.setattr(page, "_terminal_width", lambda: width)
    monkeypatch.setenv("NO_COLOR", "1")
    listed, shown, compared = (
        results_command(*words)
        for words in (("list",), ("show", WIDE, "--all"), ("compare", WIDE, OLD))
    )
    for done in (listed, shown, compared):
        assert done.code == 0
        widest = max(done.lines, key=cell_len)
        assert cell_len(widest) <= width, widest
    starts = [line.split("…")[0].split()[0] for line in listed.lines[1:]]
    assert len(set(starts)) == 4
    assert WIDE.startswith(starts[0])
    assert "folder/" * 20 in re.sub(r"\s", "", compared.out)
    (facts,) = re.findall(r"^test accuracy .*", whole, re.M)
    figures = re.findall(r"\d\d\.\d\d ± \d+\.\d\d %", facts)
    assert len(figures) == 3
    assert all(figure in shown.out for figure in figures)
    for model in ("mlp", "cnn", "mobilenetv2"):
        assert re.search(rf"^{model}-r3 .*finished", shown.out, re.M)


def exported(results_command: Command, format: str, *more: str) -> Path:
    done = results_command("export", OLD, "--format", format, *more)
    assert (done.code, done.err) == (0, "")
    path = Path(done.out.rstrip("\n"))
    assert path.exists()
    return path


def test_csv_has_a_row_per_epoch(results_command: Command, results: Path) -> None:
    path = exported(results_command, "csv")
    assert path == Path(f"{OLD}.csv")
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    record = read_record(results / OLD)
    epochs = [(run, epoch) for run in record.runs.values() for epoch in run.epochs]
    assert len(rows) == len(epochs)
    for row, (run, epoch) in zip(rows, epochs, strict=True):
        assert (row["experiment"], row["model"], int(row["repeat"])) == (
            OLD,
            *vars(run.id).values(),
        )
        assert (int(row["epoch"]), float(row["test_loss"])) == (epoch.epoch, epoch.test_loss)
        assert row["validation_loss"] == ""


def test_markdown_has_a_table_of_models_and_one_of_runs(
    results_command: Command, results: Path
) -> None:
    text = exported(results_command, "markdown", "--output", "page.md").read_text()
    assert text.startswith(f"# {OLD}\n")
    tables = re.findall(r"(?:^\|.*\|\n)+", text, re.M)
    assert [table.count("\n") for table in tables][1] == 2 + 2 * REPEATS
    for model in read_record(results / OLD).models:
        assert model.test_accuracy is not None
        assert f"{model.test_accuracy.mean * 100:.2f} ± " in tables[0]
        assert f"| {model.name} " in tables[0].splitlines()[0]


def test_charts_are_pictures_that_name_the_models(results_command: Command) -> None:
    svg = exported(results_command, "svg")
    ElementTree.parse(svg)
    text = svg.read_text(encoding="utf-8")
    for word in (OLD, "mlp ", "cnn ", "epoch", "loss", "accuracy"):
        assert f"<!-- {word}" in text
    first = svg.read_bytes()
    assert exported(results_command, "svg", "--force").read_bytes() == first
    with Image.open(exported(results_command, "png")) as image:
        assert image.format == "PNG"
        assert image.width > image.height > 400
        assert len(image.convert("RGB").getcolors(maxcolors=2**24) or ()) > 100


def test_charts_of_what_went_astray(trained: ExperimentRecord) -> None:
    from tui.export.charts import charts

    record = read_record(trained.folder)
    run = next(iter(record.runs.values()))
    nan = EpochResult(4, float("nan"), 0.1, float("inf"), 0.1, 0.001, 1.0, 1.0, 0.1)
    record.record(EpochFinished(run.id, nan))
    ElementTree.fromstring(charts(record, "svg"))


def test_tensorboard_reads_its_files(results_command: Command, results: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = exported(results_command, "tensorboard")
    exported(results_command, "tensorboard", "--force")
    record = read_record(results / OLD)
    assert sorted(path.name for path in folder.iterdir()) == sorted(map(str, record.runs))
    for run in record.runs.values():
        events = EventAccumulator(str(folder / str(run.id)))
        events.Reload()
        for tag, name in (
            ("loss/train", "train_loss"),
            ("loss/test", "test_loss"),
            ("accuracy/train", "train_accuracy"),
            ("accuracy/test", "test_accuracy"),
            ("learning_rate", "learning_rate"),
        ):
            found = events.Scalars(tag)
            assert [each.step for each in found] == [epoch.epoch for epoch in run.epochs]
            values = [getattr(epoch, name) for epoch in run.epochs]
            assert [each.value for each in found] == pytest.approx(values)
            times = [each.wall_time for each in found]
            assert times == sorted(times)
            assert times[0] > record.started.timestamp()
        assert (
            "hparams"
            in events.SummaryMetadata("_hparams_/session_start_info").plugin_data.plugin_name
        )


@pytest.mark.parametrize("format", ["csv", "tensorboard"])
def test_nothing_is_overwritten_unasked(results_command: Command, format: str) -> None:
    path = exported(results_command, format)
    again = results_command("export", OLD, "--format", format)
    assert (again.code, again.out) == (2, "")
    assert again.err == f"mnist-tui: {path}: is there already; --force replaces it\n"


def test_a_device_is_not_replaced_by_a_file(results_command: Command) -> None:
    done = results_command("export", OLD, "--format", "csv", "--output", "/dev/null", "--force")
    assert done.code == 2
    assert "/dev/null: is not a file" in done.err
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize(
    ("format", "library"), [("svg", "matplotlib"), ("png", "matplotlib"), ("tensorboard",) * 2]
)
def test_a_library_that_is_missing_is_named(
    results_command: Command, monkeypatch: pytest.MonkeyPatch, format: str, library: str
) -> None:
    for name in [library, *(each for each in sys.modules if each.startswith(f"{library}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    done = results_command("export", OLD, "--format", format)
    assert done.code == 2
    advice = f"pip install {library}"
    assert done.err == f"mnist-tui: export: {library} is not installed: {advice}\n"
    assert not Path(OLD + ENDINGS[format]).exists()


def test_delete_removes_what_it_names_alone(results_command: Command, results: Path) -> None:
    done = results_command("delete", "20260101", BAD, "--yes")
    assert (done.code, done.lines) == (0, [f"{OLD}: deleted", f"{BAD}: deleted"])
    old, bad = done.err.splitlines()
    assert re.fullmatch(rf"{OLD}: finished, 6 finished runs, best accuracy .*, [\d.]+ MB", old)
    assert bad.startswith(f"{BAD}: unreadable")
    assert [path.name for path in results.iterdir()] == [NEW]


def test_delete_keeps_all_if_one_is_under_way(results_command: Command, results: Path) -> None:
    with working_on(results / NEW):
        done = results_command("delete", OLD, NEW, "--yes")
    assert done.code == 2
    assert f"{NEW}: is being trained by process {os.getpid()}" in done.err
    assert (results / OLD).is_dir()


def test_a_terminal_is_asked_and_gets_what_fits(results: Path) -> None:
    command = f"{Path(sys.executable).parent / 'mnist-tui'} results --results {results}"
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    process = subprocess.Popen(
        ["sh", "-c", f"{command}; {command} delete {OLD}; echo code $?; {command} delete {OLD}"],
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    os.write(controller, b"what?\ny\n")
    output = b""
    while chunk := _read(controller):
        output += chunk
    os.close(controller)
    assert process.wait(timeout=60) == 0
    plain = re.sub(r"\x1b\[[\d;]*m", "", output.decode())
    table = plain[plain.index("experiment ") : plain.index("mnist-tui: ")]
    assert NEW in table
    assert all(len(line) <= 80 for line in table.splitlines())
    assert plain.count("Delete this experiment for good? [y/N]") == 2
    assert plain.index("nothing is deleted") < plain.index("code 1")
    assert f"{OLD}: deleted" in plain
    assert sorted(path.name for path in results.iterdir()) == sorted([NEW, BAD])


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux's way to say that the other side has closed
        return b""


def test_every_command_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ((), ("list",), ("show",), ("compare",), ("export",), ("delete",)):
        with pytest.raises(SystemExit) as end:
            main(["results", *command, "--help"])
        assert end.value.code == 0
        shown = capsys.readouterr().out
        assert " ".join(["examples:\n  mnist-tui results", *command]) in shown
        assert max(map(len, shown.splitlines())) <= 88
