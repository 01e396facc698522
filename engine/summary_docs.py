"""`docs/summary.md` from the schema: ``python -m engine.summary_docs > docs/summary.md``."""

from __future__ import annotations

from collections.abc import Iterator

from engine.settings import FIELDS, rule
from engine.summary_format import Part, number, resolved, summary_schema

KINDS = {"string": "text", "integer": "whole number", "number": "number", "object": "table"}
STATISTICS = "#/$defs/statistics"
EXAMPLE = """\
schema = 2
id = "20261123-141501-mlp"
status = "finished"
started = 2026-11-23T14:15:01Z
finished = 2026-11-23T14:15:02Z

[environment]
python = "3.11.7"
torch = "2.14.1+cu130"
torchvision = "0.29.1"
mnist_tui = "0.1.0"
device = "cpu"
device_name = "Intel(R) Xeon(R) Processor"
driver = ""
host = "lab"
threads = 1

[settings.experiment]
models = ["mlp"]
preset = "quick"
epochs = 1
repeats = 1
repeats_at_once = "auto"
seed = 1234

[settings.data]
data = ""
train_limit = "all"
test_limit = 100
mobilenetv2_weights = "bundled"

[[models]]
name = "mlp"
parameters = 79510
trainable_parameters = 79510
runs = 1
peak_memory_bytes = 624578560
flops_per_image = 158800
latency_seconds = 4.003349749837071e-05
inference_images_per_second = 471095.4662351202
seconds_to_97 = 0.6951277179905446

[models.recipe]
optimizer = "adam"
learning_rate = 0.002
schedule = "one-cycle"
weight_decay = 0.0
shift = 0
clean_epochs = 0
label_smoothing = 0.0
precision = "auto"

[models.test_accuracy]
mean = 0.99
min = 0.99
max = 0.99
best_epoch = 1

[[runs]]
model = "mlp"
repeat = 1
seed = 1234
threads = 1
precision = "fp32"
planned_epochs = 1
status = "finished"
test_accuracy = 0.99
test_loss = 0.07465164661407471
macro_f1 = 0.9875457875457876
calibration_error = 0.024944335222244263
seconds = 0.6951277179905446
peak_memory_bytes = 624578560
weights = "mlp-r1.pt"
confusion = [
    [8, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 14, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 8, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 11, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 14, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 6, 1, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 10, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 15, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 2, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 11],
]
most_confused = [[5, 6, 1]]
misclassified = [8]

[runs.per_digit]
precision = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.9090909090909091, 1.0, 1.0, 1.0]
recall = [1.0, 1.0, 1.0, 1.0, 1.0, 0.8571428571428571, 1.0, 1.0, 1.0, 1.0]
f1 = [1.0, 1.0, 1.0, 1.0, 1.0, 0.9230769230769231, 0.9523809523809523, 1.0, 1.0, 1.0]
support = [8, 14, 8, 11, 14, 7, 10, 15, 2, 11]

[[runs.epochs]]
epoch = 1
train_loss = 0.3280672526041667
train_accuracy = 0.9062833333333333
test_loss = 0.07465164661407471
test_accuracy = 0.99
learning_rate = 1.6763583469058818e-08
seconds = 0.6951277179905446
images_per_second = 86315.0733989522
evaluation_seconds = 0.0008525080047547817
"""
"""Of a real experiment; some of its tables are left out."""


def as_markdown() -> str:
    """The whole document."""
    schema = summary_schema()
    parts = [
        "# summary.toml",
        f"{schema['description']} This page is made from its JSON Schema, "
        "[engine/summary.schema.json](../engine/summary.schema.json), in which a date of TOML is a "
        "string of the format `date-time`.",
        "## Versions",
        "\n".join(f"- **schema {number}**: {text}" for number, text in schema["versions"].items()),
        *_section("The file", schema),
        *_tables(schema, ""),
        *_section("Statistics", schema["$defs"]["statistics"]),
        "## Example",
        f"```toml\n{EXAMPLE}```",
    ]
    return "\n\n".join(parts) + "\n"


def _tables(table: Part, path: str) -> Iterator[str]:
    """The sections of all tables in a table."""
    for name, part in table["properties"].items():
        key = resolved(part)
        items = resolved(key.get("items", {}))
        if part.get("$ref") == STATISTICS:
            continue  # they have one section
        if "properties" in key:
            yield from _section(f"`[{path}{name}]`", key)
            if name == "settings":
                yield _settings()
            yield from _tables(key, f"{path}{name}.")
        elif "properties" in items:
            yield from _section(f"`[[{path}{name}]]`", {**items, **_described(key)})
            yield from _tables(items, f"{path}{name}.")


def _settings() -> str:
    """The keys of the tables in it, of which the schema knows no more than the settings do."""
    rules = {name: rule(name) for name in FIELDS}
    rows = [f"| `{r.section}.{name}` | {r.allowed} | {r.help} |" for name, r in rules.items()]
    return "\n".join(["| setting | allowed | meaning |", "|---|---|---|", *rows])


def _described(key: Part) -> Part:
    return {name: key[name] for name in ("description", "since") if name in key}


def _section(heading: str, table: Part) -> Iterator[str]:
    yield f"## {heading}"
    if heading.startswith("`"):
        yield _meaning(table)
    rows = [
        f"| `{name}` | {_kind(part)} | {_unit(part)} | {_meaning(resolved(part))} |"
        for name, part in table["properties"].items()
    ]
    yield "\n".join(["| key | type | unit | meaning |", "|---|---|---|---|", *rows])
    if "required" in table:
        yield f"Always there: {', '.join(f'`{name}`' for name in table['required'])}."


def _meaning(key: Part) -> str:
    since = f" Since schema {key['since']}." if "since" in key else ""
    return f"{key['description']}{since}"


def _unit(part: Part) -> str:
    unit = resolved(part).get("unit", "")
    return "" if unit == "none" else str(unit)


def _kind(part: Part) -> str:
    """The type, and what is allowed."""
    key = resolved(part)
    if "enum" in key:
        return "one of " + ", ".join(f"`{value}`" for value in key["enum"])
    if part.get("$ref") == STATISTICS:
        return "table, see [statistics](#statistics)"
    if key.get("format") == "date-time":
        return "date and time"
    if key.get("type") == "array":
        return _array(key)
    kind = KINDS[key.get("type", "number")]
    allowed = f"{kind}, {_limits(number(key))}" if number(key) else kind
    return f"{allowed}, or nan or inf" if "anyOf" in key else allowed


def _array(key: Part) -> str:
    items = resolved(key["items"])
    least, most = key.get("minItems"), key.get("maxItems")
    size = f" of {most}" if least == most and most else f" of at most {most:,}" if most else ""
    what = "tables" if "properties" in items else f"({_kind(items)})"
    return f"array{size} {what}" if size else f"array of {what}"


def _limits(key: Part) -> str:
    low, high = key["minimum"], key["maximum"]
    unlimited = summary_schema()["$defs"]["count"]["maximum"]
    if high == unlimited:
        return f"{_shown(low)} or more"
    return f"{_shown(low)} to {_shown(high)}"


def _shown(limit: float) -> str:
    return f"{limit:,}" if isinstance(limit, int) else f"{limit:g}"


if __name__ == "__main__":
    print(as_markdown(), end="")
