"""What can be set, its defaults and limits, and where values come from."""

from __future__ import annotations

import tomllib
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest
from engine_support import one_line

from engine.recipes import PRESETS, RECIPE_RULES, Recipe
from engine.rules import SettingsError
from engine.settings import FIELDS, MODEL_NAMES, Settings, checked, from_text, rule
from engine.settings_file import from_tables, load_settings, to_tables

SHIPPED = Path(__file__).parents[2] / "settings.toml"
ANOTHER = Settings(
    models=("cnn", "mlp"),
    preset="best",
    epochs=3,
    repeats=2,
    repeats_at_once=1,
    seed=0,
    batch_size=32,
    optimizer="sgd",
    learning_rate=0.01,
    schedule="cosine",
    weight_decay=0.1,
    shift=2,
    clean_epochs=1,
    label_smoothing=0.05,
    precision="bf16",
    validation_split=0.25,
    patience=4,
    data="elsewhere",
    train_limit=100,
    test_limit=50,
    mobilenetv2_weights="IMAGENET1K_V2",
    device="cuda:1",
    devices="cuda:0,cuda:2",
    workers=2,
    ray="ray://head:10001",
    threads=3,
    deterministic=True,
    cuda_graphs="off",
    cache=False,
    cache_folder="elsewhere",
    cache_limit_mb=500,
    results="there",
    save_weights=False,
    theme="light",
    characters="ascii",
    refresh_rate=0.5,
    on_hangup="stop",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A settings file that is not there yet."""
    return tmp_path / "mine.toml"


def refused(file: Path, content: str | bytes, *parts: str) -> None:
    """Assert that a file is refused in one line that names it and has all ``parts``."""
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(SettingsError) as caught:
        load_settings(file, {})
    one_line(caught.value, str(file), *parts)


def test_shipped_file_has_every_default_and_every_preset_and_nothing_else() -> None:
    shipped = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    assert shipped.pop("presets") == PRESETS
    defaults = to_tables(Settings())
    del defaults["presets"]
    assert shipped["experiment"].pop("epochs") == "preset"
    assert defaults["experiment"].pop("epochs") == PRESETS["default"]["epochs"] == 10
    assert shipped == defaults


def test_shipped_file_explains_every_setting_in_its_own_words() -> None:
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    for name in [name for name in FIELDS if name not in RECIPE_RULES]:
        at = next(i for i, line in enumerate(lines) if line.startswith(f"{name} = "))
        assert lines[at - 1].startswith(f"# {rule(name).help}")


def test_shipped_file_loads_as_the_defaults() -> None:
    assert load_settings(SHIPPED, {}) == Settings()


def test_without_a_file_the_defaults_are_in_force(tmp_path: Path) -> None:
    assert load_settings(folder=tmp_path, environment={}) == Settings()


def test_another_value_of_every_setting_is_tried_here() -> None:
    assert not [name for name in FIELDS if getattr(ANOTHER, name) == getattr(Settings(), name)]


def test_every_default_is_allowed() -> None:
    for name in [name for name in FIELDS if name not in RECIPE_RULES]:
        assert checked(name, getattr(Settings(), name), "x") == getattr(Settings(), name)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize("settings", [Settings(), ANOTHER])
def test_tables_read_back_to_equal_settings(settings: Settings) -> None:
    assert Settings(**from_tables(to_tables(settings), "x")) == settings


def test_file_in_the_folder_is_read_without_asking(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[experiment]\nepochs = 7\n")
    assert load_settings(folder=tmp_path, environment={}) == replace(Settings(), epochs=7)


def test_file_in_the_current_folder_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings.toml").write_text("[experiment]\nepochs = 7\n")
    monkeypatch.chdir(tmp_path)
    assert load_settings(environment={}).epochs == 7


def test_named_file_wins_over_the_one_in_the_folder(tmp_path: Path, file: Path) -> None:
    (tmp_path / "settings.toml").write_text("[experiment]\nepochs = 7\nseed = 7\n")
    file.write_text("[experiment]\nepochs = 8\n")
    assert load_settings(file, {}, tmp_path) == replace(Settings(), epochs=8)


def test_environment_wins_over_the_file(file: Path) -> None:
    file.write_text("[experiment]\nepochs = 8\nrepeats = 9\n")
    found = load_settings(file, {"MNIST_TUI_EPOCHS": "2", "EPOCHS": "77", "PATH": "/bin"})
    assert found == replace(Settings(), epochs=2, repeats=9)


def test_process_environment_is_read_unless_another_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_TUI_BATCH_SIZE", "17")
    assert load_settings(folder=tmp_path).batch_size == 17


def test_every_setting_can_come_from_the_environment(tmp_path: Path) -> None:
    variables = {}
    for name in FIELDS:
        value = getattr(ANOTHER, name)
        text = ",".join(value) if isinstance(value, tuple) else str(value)
        variables[f"MNIST_TUI_{name.upper()}"] = text
    assert load_settings(folder=tmp_path, environment=variables) == ANOTHER


def test_unknown_variable_is_refused_with_the_known_settings(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(folder=tmp_path, environment={"MNIST_TUI_EPOCH": "3"})
    one_line(caught.value, "MNIST_TUI_EPOCH:", *FIELDS)


def test_wrong_variable_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(folder=tmp_path, environment={"MNIST_TUI_EPOCHS": "many"})
    one_line(caught.value, "MNIST_TUI_EPOCHS:", "'many'", "from 1 to 10000")


def test_unknown_section_is_refused_with_the_known_ones(file: Path) -> None:
    refused(file, "[trainings]\n", "'trainings'", "[training]", "[files]")


def test_unknown_key_is_refused_with_the_known_ones(file: Path) -> None:
    refused(file, "[experiment]\nepoch = 3\n", "'epoch'", "[experiment]", "epochs", "repeats")


def test_key_in_the_wrong_section_is_refused(file: Path) -> None:
    refused(file, "[training]\nepochs = 3\n", "'epochs'", "[training]", "batch_size")


def test_key_outside_every_section_is_refused(file: Path) -> None:
    refused(file, "epochs = 3\n", "'epochs'", "[experiment]")


@pytest.mark.parametrize("value", ["3", "[]"])
def test_section_that_is_no_table_is_refused(file: Path, value: str) -> None:
    refused(file, f"training = {value}\n", "training", "table", "[training]")


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("experiment", "epochs", "'3'"),
        ("experiment", "epochs", "3.0"),
        ("experiment", "epochs", "true"),
        ("experiment", "epochs", "[3]"),
        ("experiment", "epochs", "2026-01-01"),
        ("training", "learning_rate", "'0.1'"),
        ("training", "learning_rate", "true"),
        ("training", "schedule", "1"),
        ("training", "schedule", "['cosine']"),
        ("experiment", "models", "'mlp'"),
        ("experiment", "models", "[1]"),
        ("experiment", "models", "[['mlp']]"),
        ("experiment", "models", "{mlp = 1}"),
        ("data", "data", "3"),
        ("files", "save_weights", "1"),
        ("files", "save_weights", "'true'"),
    ],
)
def test_wrong_type_is_refused_by_key(file: Path, section: str, name: str, value: str) -> None:
    refused(file, f"[{section}]\n{name} = {value}\n", f"{section}.{name}:", rule(name).allowed)


@pytest.mark.parametrize(
    ("section", "name", "value", "allowed"),
    [
        ("experiment", "epochs", "0", "1 to 10000"),
        ("experiment", "epochs", "10001", "1 to 10000"),
        ("experiment", "repeats", "1001", "1 to 1000"),
        ("experiment", "seed", "-1", "0 to 2147483647"),
        ("experiment", "seed", "2147483648", "0 to 2147483647"),
        ("training", "batch_size", "60001", "1 to 60000"),
        ("training", "learning_rate", "0", "0.0000001 to 10"),
        ("training", "learning_rate", "10.5", "0.0000001 to 10"),
        ("training", "learning_rate", "nan", "0.0000001 to 10"),
        ("training", "learning_rate", "inf", "0.0000001 to 10"),
        ("training", "learning_rate", "-inf", "0.0000001 to 10"),
        ("training", "validation_split", "0.51", "0 to 0.5"),
        ("training", "validation_split", "nan", "0 to 0.5"),
        ("training", "schedule", "'linear'", "constant, cosine, one-cycle"),
        ("data", "train_limit", "60001", "0 (all) to 60000"),
        ("data", "test_limit", "10001", "0 (all) to 10000"),
        ("data", "mobilenetv2_weights", "'V3'", "bundled, IMAGENET1K_V1, IMAGENET1K_V2"),
        ("device", "device", "'gpu'", "auto, cpu, cuda"),
        ("device", "device", "'cuda:'", "auto, cpu, cuda"),
        ("device", "device", "'cpu '", "auto, cpu, cuda"),
        ("device", "threads", "1025", "0 (auto) to 1024"),
        ("files", "results", '"a\\u0000b"', "a folder"),
        ("experiment", "models", "[]", "mlp, cnn, mobilenetv2"),
        ("experiment", "models", "['mlp', 'mlp']", "each once"),
        ("experiment", "models", "['mlp', 'vgg']", "mlp, cnn, mobilenetv2"),
    ],
)
def test_value_out_of_range_is_refused_with_what_is_allowed(
    file: Path, section: str, name: str, value: str, allowed: str
) -> None:
    shown = str(tomllib.loads(f"x = {value}")["x"])
    found = () if "\0" in shown else (shown,)
    refused(file, f"[{section}]\n{name} = {value}\n", f"{section}.{name}:", allowed, *found)


@pytest.mark.parametrize(
    ("section", "name", "value", "expected"),
    [
        ("experiment", "epochs", "1", 1),
        ("experiment", "epochs", "10000", 10_000),
        ("experiment", "seed", "2147483647", 2**31 - 1),
        ("training", "learning_rate", "1", 1.0),
        ("training", "learning_rate", "1e-7", 1e-7),
        ("training", "validation_split", "0.5", 0.5),
        ("device", "device", "'cuda:12'", "cuda:12"),
        ("experiment", "models", "['mobilenetv2', 'mlp']", ("mobilenetv2", "mlp")),
    ],
)
def test_values_at_the_limits_are_taken(
    file: Path, section: str, name: str, value: str, expected: object
) -> None:
    file.write_text(f"[{section}]\n{name} = {value}\n")
    found = getattr(load_settings(file, {}), name)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("name", ["epochs", "learning_rate"])
@pytest.mark.parametrize("digits", [400, 5000])
def test_number_of_hundreds_of_digits_is_refused_in_one_line(
    file: Path, name: str, digits: int
) -> None:
    file.write_text(f"[{rule(name).section}]\n{name} = {'9' * digits}\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(file, {})
    one_line(caught.value, str(file))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "content", ["epochs: 3", "[experiment]\nepochs = 3\nepochs = 4", "[experiment", "x = {" * 5000]
)
def test_file_that_is_not_toml_is_refused(file: Path, content: str) -> None:
    refused(file, content, "not valid TOML")


def test_file_that_is_not_utf8_is_refused(file: Path) -> None:
    refused(file, "[data]\ndata = 'daß'\n".encode("latin-1"), "UTF-8")


def test_folder_instead_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, {})
    one_line(caught.value, str(tmp_path), "cannot be read")


def test_folder_called_settings_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").mkdir()
    with pytest.raises(SettingsError) as caught:
        load_settings(folder=tmp_path, environment={})
    one_line(caught.value, "settings.toml", "cannot be read")


def test_named_file_that_is_missing_is_refused(file: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(file, {})
    one_line(caught.value, str(file), "cannot be read")


def test_long_wrong_value_is_cut_in_the_message(file: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        checked("schedule", "x" * 10_000, "here")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("epochs", " 12 ", 12),
        ("learning_rate", "1e-3", 0.001),
        ("learning_rate", "1", 1.0),
        ("save_weights", "False", False),
        ("save_weights", "true", True),
        ("models", "cnn, mlp", ("cnn", "mlp")),
        ("models", "cnn,", ("cnn",)),
        ("schedule", "cosine", "cosine"),
        ("device", "cuda:0", "cuda:0"),
        ("results", " a b ", "a b"),
        ("data", "", ""),
    ],
)
def test_typed_text_is_read_in_the_type_of_the_setting(
    name: str, text: str, expected: object
) -> None:
    found = from_text(name, text, "--flag")
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("epochs", ""),
        ("epochs", "1.5"),
        ("epochs", "true"),
        ("epochs", "9" * 5000),
        ("learning_rate", "nan"),
        ("learning_rate", "fast"),
        ("learning_rate", "1e400"),
        ("save_weights", "1"),
        ("save_weights", "yes"),
        ("models", ""),
        ("models", ","),
        ("models", "mlp,vgg"),
        ("models", "mlp,mlp"),
        ("schedule", "Cosine"),
        ("device", "tpu"),
        ("results", "a\0b"),
        ("results", ""),
    ],
)
def test_wrong_text_is_refused_in_the_words_of_the_setting(name: str, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        from_text(name, text, "--flag")
    one_line(caught.value, "--flag:", rule(name).allowed)


def test_text_with_line_breaks_is_refused_in_one_line() -> None:
    with pytest.raises(SettingsError) as caught:
        from_text("schedule", "co\nsine", "--schedule")
    one_line(caught.value, "--schedule:")


def sample(name: str) -> Any:
    return getattr(ANOTHER, name)


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_says_what_it_is_for_and_what_is_allowed(name: str) -> None:
    found = rule(name)
    assert found.section
    assert found.help
    assert found.allowed
    assert checked(name, sample(name), "x") == sample(name)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("train_limit", "all"),
        ("threads", "auto"),
        ("repeats_at_once", "auto"),
        ("patience", "never"),
    ],
)
def test_a_word_may_stand_for_zero(file: Path, name: str, word: str) -> None:
    file.write_text(f"[{rule(name).section}]\n{name} = {word!r}\n")
    assert getattr(load_settings(file, {}), name) == 0
    assert from_text(name, word, "--flag") == 0
    assert to_tables(Settings())[rule(name).section][name] == word


def test_a_presets_weight_decay_goes_with_its_optimizer() -> None:
    settings = Settings(preset="default")
    assert settings.recipe("cnn").weight_decay == 0.1
    for optimizer in ("adam", "sgd"):
        other = replace(settings, optimizer=optimizer).recipe("cnn")
        assert (other.optimizer, other.weight_decay) == (optimizer, 0.0)
    same = replace(settings, optimizer="adamw").recipe("cnn")
    assert same.weight_decay == 0.1
    both = replace(settings, optimizer="sgd", weight_decay=0.01).recipe("cnn")
    assert (both.optimizer, both.weight_decay) == ("sgd", 0.01)
    apart = replace(settings, weight_decay=0.01, per_model={"cnn": {"optimizer": "sgd"}})
    assert apart.recipe("cnn").weight_decay == 0.01


def test_preset_decides_how_a_model_is_trained() -> None:
    assert Settings(preset="notebook").recipe("cnn") == Recipe(learning_rate=0.001)
    assert Settings(preset="best").recipe("mlp").shift == 1
    assert Settings(preset="best").recipe("mobilenetv2").shift == 0


def test_preset_decides_how_many_epochs_unless_they_are_given(file: Path) -> None:
    best = PRESETS["best"]["epochs"]
    assert Settings(preset="best").epochs == best != Settings().epochs
    file.write_text("[experiment]\nepochs = 'preset'\n")
    assert load_settings(file, {}, given={"preset": "best"}).epochs == best
    assert load_settings(file, {"MNIST_TUI_EPOCHS": "3"}, given={"preset": "best"}).epochs == 3
    assert load_settings(file, {}, given={"preset": "best", "epochs": 4}).epochs == 4
    file.write_text("[presets.mine]\nepochs = 7\n")
    assert load_settings(file, {}, given={"preset": "mine"}).epochs == 7


def test_training_wins_over_the_preset_and_a_model_over_both(file: Path) -> None:
    file.write_text(
        "[experiment]\npreset = 'notebook'\n"
        "[training]\nlearning_rate = 0.5\nschedule = 'cosine'\n"
        "[models.cnn]\nlearning_rate = 0.25\nweight_decay = 0.125\n"
    )
    settings = load_settings(file, {})
    assert settings.recipe("mlp") == Recipe(learning_rate=0.5, schedule="cosine")
    assert settings.recipe("cnn") == Recipe(
        learning_rate=0.25, schedule="cosine", weight_decay=0.125
    )


def test_file_may_have_presets_of_its_own_and_change_the_others(file: Path) -> None:
    file.write_text(
        "[experiment]\npreset = 'mine'\n"
        "[presets.mine]\nshift = 3\n[presets.mine.mobilenetv2]\nshift = 0\n"
        "[presets.notebook]\nlearning_rate = 0.5\n"
    )
    settings = load_settings(file, {})
    assert settings.recipe("mlp") == Recipe(shift=3)
    assert replace(settings, preset="notebook").recipe("mlp") == Recipe(learning_rate=0.5)
    assert settings.presets["best"] == PRESETS["best"]
    # What is saved with the results is enough to train the same way again.
    again = Settings(**from_tables(to_tables(settings), "x"))
    assert [again.recipe(name) for name in MODEL_NAMES] == [
        settings.recipe(name) for name in MODEL_NAMES
    ]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_can_train_every_model_with_validation_and_patience(preset: str) -> None:
    settings = Settings(preset=preset, validation_split=0.1, patience=2)
    for name in MODEL_NAMES:
        for field, found in RECIPE_RULES.items():
            value = getattr(settings.recipe(name), field)
            assert checked(field, value, "x") == value, found


def test_unknown_preset_is_refused_with_the_known_ones(file: Path) -> None:
    refused_settings(file, "[experiment]\npreset = 'fast'\n", "preset:", "'fast'", *PRESETS)


def test_shift_is_refused_for_mobilenetv2_whose_features_are_computed_once(file: Path) -> None:
    content = "[training]\nshift = 1\n"
    refused_settings(file, content, "shift: 1", "mobilenetv2", "[models.mobilenetv2]")
    file.write_text(content + "[models.mobilenetv2]\nshift = 0\n")
    assert load_settings(file, {}).recipe("cnn").shift == 1
    file.write_text(content + "[experiment]\nmodels = ['mlp']\n")
    assert load_settings(file, {}).recipe("mlp").shift == 1


def test_patience_without_validation_images_is_refused(file: Path) -> None:
    refused_settings(file, "[training]\npatience = 2\n", "patience: 2", "validation_split")


def refused_settings(file: Path, content: str, *parts: str) -> None:
    """Assert that what a file says is refused in one line, though each of its values is allowed."""
    file.write_text(content)
    with pytest.raises(SettingsError) as caught:
        load_settings(file, {})
    one_line(caught.value, *parts)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("[models]\nvgg = 1", ("'vgg'", "mlp, cnn, mobilenetv2")),
        ("[models]\ncnn = 1", ("models.cnn", "table")),
        ("[models.cnn]\nepochs = 1", ("'epochs'", "[models.cnn]", "learning_rate")),
        ("[models.cnn]\nshift = 5", ("models.cnn.shift:", "5", "0 to 4")),
        ("[presets]\nmine = 1", ("presets.mine", "table")),
        ("[presets.mine]\nrate = 1", ("'rate'", "[presets.mine]", "learning_rate")),
        ("[presets.mine]\nschedule = 'x'", ("presets.mine.schedule:", "one-cycle")),
        ("[presets.mine.cnn]\nshift = -1", ("presets.mine.cnn.shift:", "-1", "0 to 4")),
    ],
)
def test_wrong_models_and_presets_are_refused(
    file: Path, content: str, parts: tuple[str, ...]
) -> None:
    refused(file, content, *parts)


@pytest.mark.parametrize("source", ["environment", "flag"])
def test_later_source_wins_over_what_the_file_says_for_one_model(file: Path, source: str) -> None:
    file.write_text("[models.cnn]\nlearning_rate = 0.25\nshift = 1\n")
    if source == "environment":
        settings = load_settings(file, {"MNIST_TUI_LEARNING_RATE": "0.5"})
    else:
        settings = load_settings(file, {}, given={"learning_rate": 0.5})
    assert [settings.recipe(name).learning_rate for name in MODEL_NAMES] == [0.5] * 3
    assert settings.recipe("cnn").shift == 1


def test_preset_of_the_file_changes_the_built_in_one_of_its_name(file: Path) -> None:
    file.write_text(
        "[experiment]\npreset = 'best'\n[presets.best]\nepochs = 3\n"
        "[presets.best.cnn]\nweight_decay = 0.5\n"
    )
    settings = load_settings(file, {})
    built_in = Settings(preset="best")
    assert settings.epochs == 3
    assert settings.recipe("mlp") == built_in.recipe("mlp")
    assert settings.recipe("cnn") == replace(built_in.recipe("cnn"), weight_decay=0.5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"preset": ["best"]},
        {"per_model": {"vgg": {"shift": 1}}},
        {"per_model": {"cnn": {"rate": 1}}},
        {"per_model": {"cnn": {"precision": "fp8"}}},
        {"presets": {"default": {"epochs": 0}}},
        {"presets": {"x": {"learning_rat": 1}}, "preset": "x"},
        {"presets": {"x": {"optimizer": "foo"}}, "preset": "x"},
        {"presets": {"x": {"cnn": {"shift": 9}}}, "preset": "x"},
        {"presets": {"x": 3}, "preset": "x"},
    ],
)
def test_python_is_refused_what_the_file_would_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        Settings(**wrong)


def test_python_s_values_are_taken_in_the_type_of_the_setting() -> None:
    settings = Settings(per_model={"mlp": {"learning_rate": 1}})
    assert isinstance(settings.recipe("mlp").learning_rate, float)


def test_word_for_the_presets_epochs_is_taken_from_python_too() -> None:
    assert Settings(epochs="preset").epochs == 10  # type: ignore[arg-type]
