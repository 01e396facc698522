"""Foreign output as clean lines: inert text, cut out of a stream of bytes."""

from __future__ import annotations

import re
from typing import Final

MAX_LINE: Final = 2_000
"""Bytes kept of one line."""

_ESCAPE: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*(?:[@-~]|$)"  # control sequences: colours, cursor, modes
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f]).*?(?:\x1b\\|\x07|\x9c|$)"  # title, clipboard, links
    r"|\x1b[ -/]*[0-~]",  # the short ones
    re.DOTALL,
)


def inert(text: str) -> str:
    """``text`` on one line, without anything a terminal would act upon."""
    if text.isprintable():
        return text
    text = _ESCAPE.sub("", text).expandtabs(4)
    return "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text)


class LineSplitter:
    """Cuts a stream of bytes into clean lines; of a progress bar only the last state remains."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that ``data`` completes; blank ones are left out."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE:  # an endless line or bar must not fill the memory
            bar = self._rest.endswith(b"\r")
            self._rest = self._last_state(self._rest)[: MAX_LINE + 1] + b"\r" * bar
        return [text for line in lines if (text := self._clean(line))]

    def close(self) -> list[str]:
        """The last line, if the stream ended without a line feed."""
        return self.feed(b"\n")

    @classmethod
    def _clean(cls, line: bytes) -> str:
        return cls._text(cls._last_state(line))

    @classmethod
    def _last_state(cls, line: bytes) -> bytes:
        return next((part for part in reversed(line.split(b"\r")) if cls._text(part)), b"")

    @staticmethod
    def _text(part: bytes) -> str:
        text = inert(part[:MAX_LINE].decode("utf-8", "replace")).rstrip()
        return text + "…" if len(part) > MAX_LINE else text
