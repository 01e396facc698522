"""What may import what: the engine stands alone, and torch is imported late."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import SPIN_COUNT

ROOT = Path(__file__).parents[2]
WITHOUT_TORCH = (
    "engine",
    "engine.assets",
    "engine.compare",
    "engine.control",
    "engine.delete",
    "engine.device",
    "engine.events",
    "engine.glance",
    "engine.past_experiment",
    "engine.records",
    "engine.results",
    "engine.settings",
    "engine.statistics",
    "engine.trained",
)


def imported(nodes: list[ast.AST]) -> set[str]:
    """The top-level packages that import statements among ``nodes`` name."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports would escape this test"
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


def run_at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when a module is imported: not functions, not TYPE_CHECKING."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from run_at_import(node)


def files(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found
    return found


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@pytest.mark.parametrize("path", files("engine"), ids=lambda path: str(path.relative_to(ROOT)))
def test_engine_knows_nothing_of_the_screen(path: Path) -> None:
    assert not imported(list(ast.walk(parse(path)))) & {"textual", "plotext", "rich", "tui"}


@pytest.mark.parametrize("path", files("tui"), ids=lambda path: str(path.relative_to(ROOT)))
def test_screen_imports_torch_nowhere_at_module_level(path: Path) -> None:
    found = imported(list(run_at_import(parse(path))))
    assert not found & {"torch", "torchvision"}


def loaded_after(statement: str) -> set[str]:
    """The top-level modules loaded in a new Python after a statement."""
    script = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_settings_and_results_can_be_read_without_torch() -> None:
    loaded = loaded_after(f"import {', '.join(WITHOUT_TORCH)}")
    assert "engine" in loaded
    assert not loaded & {"torch", "torchvision", "textual", "plotext", "tui"}


def test_training_does_not_load_what_it_does_not_need(tmp_path: Path) -> None:
    loaded = loaded_after(
        "from engine import Settings, run_experiment\n"
        "settings = Settings(models=('mlp', 'cnn'), epochs=1, repeats=1, train_limit=128,"
        f" test_limit=100, device='cpu', results={str(tmp_path)!r})\n"
        "record = run_experiment(settings)\n"
        "assert record.models[1].test_accuracy"
    )
    assert "torch" in loaded
    # sympy: the sign of torch's compiler, which takes longer to load than torch itself.
    assert not loaded & {"torchvision", "textual", "sympy"}


def test_command_line_loads_neither_torch_nor_textual() -> None:
    assert not loaded_after("import tui.cli") & {"torch", "textual", "plotext", "scipy", "rich"}


def test_dashboard_does_not_load_torch() -> None:
    assert not loaded_after("import tui.app") & {"torch", "torchvision"}


def test_form_waits_for_nothing_of_the_training() -> None:
    script = "import tui.launch, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    loaded = set(done.stdout.split())
    assert "tui.screens.setup" in loaded
    assert not loaded & {"engine.events", "engine.records", "engine.results", "tui.bridge"}


def spin_count(**environment: str) -> str:
    """What OpenMP will read after the engine was imported in such an environment."""
    script = "import engine, os; print(os.environ.get('GOMP_SPINCOUNT', 'its own'))"
    kept = {name: value for name, value in os.environ.items() if "OMP_" not in name}
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**kept, **environment},
    )
    return done.stdout.strip()


def test_threads_spin_shortly_unless_the_user_says_otherwise() -> None:
    assert spin_count() == SPIN_COUNT
    assert spin_count(GOMP_SPINCOUNT="7") == "7"
    assert spin_count(OMP_WAIT_POLICY="ACTIVE") == "its own"


def test_engine_exports_what_it_promises() -> None:
    import engine

    for name in engine.__all__:
        assert getattr(engine, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = engine.nothing_such
