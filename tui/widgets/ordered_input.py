"""A line of text whose keys are obeyed in the order in which they come."""

from __future__ import annotations

from textual.events import Key
from textual.widgets import Input


class OrderedInput(Input):
    """Textual inserts a letter at once, but obeys Backspace or an arrow only when that key has gone
    up to the app and back: of a burst, as a slow line delivers it, the letters would come first.
    """

    async def on_key(self, event: Key) -> None:
        """Obey a key that edits here and now."""
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            if await self.app.run_action(binding.action, self):
                event.stop()
                event.prevent_default()
                return
