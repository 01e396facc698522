"""A question in the place of the status line, so that nothing moves and the charts stay."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Button, Label


class QuestionStrip(Horizontal):
    """Answered with a button or its key. Whether it is on the screen is the screen's business."""

    class Answered(Message):
        """The user chose."""

        def __init__(self, question: str, answer: str) -> None:
            super().__init__()
            self.question = question
            self.answer = answer

    def __init__(self) -> None:
        super().__init__(id="question")
        self.question = ""
        self._keys: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        """The question; its answers are mounted when it is asked."""
        yield Label("", id="question-text")

    async def ask(self, name: str, text: str, answers: dict[str, tuple[str, str]]) -> None:
        """Ask ``text``; ``answers`` maps an answer's name to its key and its words."""
        self.question = name
        self._keys = {key: answer for answer, (key, _) in answers.items()}
        self.query_one("#question-text", Label).update(text)
        await self.query(Button).remove()
        buttons = [
            Button(f"{'Esc' if key == 'escape' else key} {words}", name=answer, compact=True)
            for answer, (key, words) in answers.items()
        ]
        await self.mount(*buttons)
        buttons[-1].focus()

    def take_key(self, key: str) -> bool:
        """Take a key as an answer; return whether it is one."""
        if key not in self._keys:
            return False
        self.post_message(self.Answered(self.question, self._keys[key]))
        return True

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.post_message(self.Answered(self.question, event.button.name or ""))
