"""Whatever an image file holds, it is read or refused in one line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hostile_support import clear_line, examples
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from engine.image_file import ImageError, read_digit


def valid(kind: str) -> bytes:
    image = Image.new("L", (24, 20), 250)
    ImageDraw.Draw(image).line([(6, 4), (16, 4), (10, 16)], fill=20, width=3)
    stream = io.BytesIO()
    image.save(stream, kind, **({"exif": Image.Exif()} if kind == "JPEG" else {}))
    return stream.getvalue()


KINDS = {kind: valid(kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")}
CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "digit"


@pytest.mark.slow
@examples("images")
@given(kind=st.sampled_from(sorted(KINDS)), changes=CHANGES, kept=st.floats(0, 1) | st.just(1.0))
def test_changed_and_cut_files_are_read_or_refused(
    kind: str, changes: list[tuple[float, int]], kept: float, path: Path
) -> None:
    content = bytearray(KINDS[kind])
    for part, value in changes:
        content[int(part * len(content))] = value
    path.write_bytes(content[: round(kept * len(content))])
    try:
        assert len(read_digit(path)) == 28 * 28
    except ImageError as error:
        clear_line(error, str(path))
