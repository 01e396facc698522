"""The bundled files and their checksums; see README.md beside this file for their sources."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from engine.one_line import OneLineError

FOLDER = Path(__file__).parent


class AssetError(OneLineError):
    """A bundled file is missing or damaged. Its text is one line that names the file."""


def read_asset(name: str) -> bytes:
    """Return a bundled file, checked against SHA256SUMS.

    Raises:
        AssetError: the file is missing, unreadable or not as it was bundled.
    """
    path = FOLDER / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AssetError(
            f"{path}: cannot be read: {error.strerror}; install mnist-tui again"
        ) from error
    found, expected = hashlib.sha256(content).hexdigest(), _checksums().get(name)
    if found != expected:
        raise AssetError(
            f"{path}: is damaged (SHA-256 {found[:12]}…, not {str(expected)[:12]}…); "
            "install mnist-tui again"
        )
    return content


@cache
def _checksums() -> dict[str, str]:
    path = FOLDER / "SHA256SUMS"
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AssetError(f"{path}: cannot be read: {error}; install mnist-tui again") from error
    pairs = (line.partition(" ") for line in lines)
    return {name.strip().lstrip("*"): digest for digest, _, name in pairs}
