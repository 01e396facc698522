"""What some file formats need and the program does without."""

from __future__ import annotations


def not_installed(package: str, extra: str) -> str:
    """That a package is missing, and how to install it with the extra that brings it."""
    return f'{package} is not installed: pip install "mnist-tui[{extra}]"'
