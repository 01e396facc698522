"""What some file formats need and the program does without."""

from __future__ import annotations


def not_installed(package: str) -> str:
    """That a package is missing, and how to install it."""
    return f"{package} is not installed: pip install {package}"
