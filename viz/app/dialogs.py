"""The dialogs that commands ask for, one at a time, drawn over the rest of the window."""

from __future__ import annotations

from gui_utils import controls
from gui_utils.files.file_dialogs import DialogError, FileDialog
from viz.app import shortcuts
from viz.app.commands import Commands
from viz.app.palette import CommandPalette


class Dialogs:
    """Draws the commands' questions and returns the answers. If `builtin`, the file browser
    drawn in the window is always used."""

    def __init__(self, commands: Commands, builtin: bool | None = None) -> None:
        self._commands = commands
        self._files = FileDialog(builtin)
        self.palette = CommandPalette(commands)

    @property
    def is_open(self) -> bool:
        """Whether a dialog has the keyboard focus."""
        commands = self._commands
        asks = commands.question or commands.file_question
        return bool(asks or commands.help_open or commands.palette_open)

    def draw(self) -> None:
        """Draws the open dialog, if any; one that fails is closed with a sentence."""
        error = controls.guarded("a dialog", self._draw)
        if error is not None:
            commands = self._commands
            commands.question = commands.file_question = None
            commands.help_open = commands.palette_open = False
            self._files.cancel()
            self.palette.close()
            commands.report("The dialog failed and was closed.", error)

    def _draw(self) -> None:
        # One at a time: two at once would close each other.
        commands = self._commands
        if commands.question is not None:
            self._draw_question()
        elif commands.file_question is not None:
            self._draw_files()
        elif commands.help_open:
            commands.help_open = controls.key_help(shortcuts.help_rows())
        elif commands.palette_open:
            commands.palette_open = self.palette.draw()

    def _draw_question(self) -> None:
        question = self._commands.question
        if question is None:
            return
        answer = controls.confirm(
            question.title, question.sentence, question.choices, default=question.default or None
        )
        if answer is not None:
            self._commands.question = None
            self._commands.guarded(lambda: question.answered(answer))

    def _draw_files(self) -> None:
        commands, question = self._commands, self._commands.file_question
        assert question is not None
        try:
            if not self._files.is_open:
                self._files.open(question.kind, question.title, question.filters, question.path)
            answer = self._files.poll()
        except DialogError as error:
            commands.notify("error", str(error))
            answer = []
        if answer is None:
            return
        commands.file_question = None
        if answer:
            commands.guarded(lambda: question.chosen(answer[0]))
