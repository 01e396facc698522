"""What the training needs is imported behind the form, where it holds nobody up."""

from __future__ import annotations


def load() -> list[str]:
    """Import it; the devices there are, best first."""
    import tui.screens.training  # noqa: F401, I001  # first, as the user may press Start now
    import engine.experiment  # noqa: F401
    from engine.device import available_devices
    from tui.plotting import library

    devices = available_devices()
    library()
    return devices
