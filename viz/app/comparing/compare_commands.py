"""Commands that compare a second model with the one shown, without any drawing."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gui_utils.files.file_dialogs import Filters
from training.train.run_generators import run_folder_of, saved_generators
from training.user_folders import expanded
from viz.app.file_watcher import FileWatch
from viz.app.program_commands import Question
from viz.app.stage.show_commands import ShowCommands
from viz.exports import embedding
from viz.exports.export_jobs import FiguresJob
from viz.render.messages import Failed, LoadedSecond, LoadSecond
from viz.scheduling.loops import LoopFinder
from viz.state import files, layouts, named_files
from viz.state.comparing.comparison import Comparison, Figures
from viz.state.comparing.sharing import not_shared
from viz.state.types import ModelInfo, RenderResult, SessionState

MODEL_FILES = ("*.safetensors", "*.ckpt", "*.pt", "*.pth", "*.pkl", "*.state")
_LOOK_SECONDS = 2.0
"""Seconds between checks for generators that a run has saved."""
_MOST_RETRIES = 2
"""How often loading a model is retried because the renderer was restarted."""
_LONGEST_REASON = 100
"""Letters."""


class CompareCommands(ShowCommands):
    """Commands for the second model."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.second: ModelInfo | None = None
        """The second model, once it is loaded."""
        self.second_problem = ""
        """Why there is none although the session names one, as a short sentence."""
        self.second_details = ""
        """All that is wrong with its file; empty where the sentence says it."""
        self.figures: Figures | None = None
        """How much the two pictures shown differ; None while unknown."""
        self._figures_of: RenderResult | None = None
        """The pictures that these figures were, or are being, measured on."""
        self._measuring = False
        self._asked_second = ""
        """The file that the worker was last asked to load for it."""
        self.loading_second = False
        self._second_job = 0
        """Number of the job that loads it."""
        self._retries = 0
        self._expected_weights = ""
        """Fingerprint of the weights that an opened export was made with."""
        self._second_watch = FileWatch()
        self._run: tuple[str, float, list[Path]] = ("", 0.0, [])
        """The file whose run was searched, when, and the generators found."""

    def compare_with(self, path: str) -> None:
        """Shows a model beside the one shown, or the newest one of a training run's folder."""
        file = str(expanded(files.compared_file(path)).absolute())
        if named_files.problem_of(file) == named_files.IS_FOLDER:
            self.notify("error", f"{Path(file).name} contains no generator.")
            return
        self._set_compared(file)
        self.state.display = replace(self.state.display, layout="models")
        if self.interface.panels_visible:
            self.open_panel("Compare")

    def begin_comparing(self, path: str) -> None:
        """Begins with a second model beside the one shown: there is nothing to undo yet."""
        self.compare_with(path)
        self.history.amend(self.state)
        if not self.session_path:
            self.mark_saved()

    def _set_compared(self, file: str) -> None:
        self._retries = 0
        if self.second_problem:
            self._asked_second = ""  # choosing it again retries
        self.state.compare = replace(self.state.compare or Comparison(), path=file)

    def compare_dialog(self) -> None:
        """Opens a second model beside the one shown, with the same codes, time and camera; dropping
        its file with Shift held does the same."""
        filters: Filters = (("Models", MODEL_FILES), ("All files", ("*",)))
        self._ask_for_file("open", "Compare with", filters, self.compare_with)

    def compare_run_dialog(self) -> None:
        """Opens the folder of a training run, whose saved generators can be looked through."""
        title = "Compare with a training run"
        self._ask_for_file("folder", title, (), self.compare_with)

    def stop_comparing(self) -> None:
        """Closes the second model."""
        self.state.compare = None
        if self.state.display.layout == "models":
            self.state.display = replace(self.state.display, layout="single")

    def swap_compared(self) -> None:
        """Shows the second model as the first one, and the first as the second."""
        first, second = self.model, self.second
        if first is None or second is None or not first.path:
            return
        self.open_model(second.path)
        self._set_compared(first.path)

    def _restore(self, state: SessionState | None) -> None:
        """As in `SessionCommands`; also swaps the second model when a swap is undone or redone:
        otherwise a model would be compared with itself."""
        if state is not None and state.compare is not None and state.checkpoint:
            first = self.worker.loading or self.state.checkpoint
            if state.compare.path == first != state.checkpoint:
                self.open_model(state.checkpoint)
        super()._restore(state)

    def retry_second(self) -> None:
        """Loads the second model again after a failure."""
        self._asked_second, self._retries, self.second_problem = "", 0, ""

    def show_generator(self, index: int) -> None:
        """Compares with one of the run's generators; see `run_generators`."""
        found = self.run_generators
        if found:
            self._set_compared(str(found[min(max(index, 0), len(found) - 1)]))

    def step_generator(self, step: int) -> None:
        """Moves to the next generator that the run has saved, or back."""
        index = self.run_index
        if index is not None:
            self.show_generator(index + step)

    def ask_which_side(self, path: str, others: Sequence[str] = ()) -> bool:
        """Asks what to do with a dropped model if that is unclear: while two are compared, or when
        two models were dropped. Returns whether it asks."""
        name = Path(path).name
        if len(others) == 1:
            sentence = f"{Path(others[0]).name} and {name} can be shown side by side."
            choices = ("Compare both", f"Open {name}")
        elif not others and self.state.compare is not None:
            sentence = f"Two models are being compared. {name} can take the place of either."
            choices = ("Compare with it", f"Open {name}")
        else:
            return False

        def answered(choice: str) -> None:
            if choice == "Compare both":
                self.open_model(others[0])
            if choice.startswith("Compare"):
                self.compare_with(path)
            else:
                self.open_model(path)

        self.question = Question("Compare the models?", sentence, choices, answered, choices[1])
        return True

    @property
    def not_shared(self) -> str:
        """What the second model cannot take over, as one sentence; empty if it can take over
        everything."""
        if self.model is None or self.second is None:
            return ""
        return not_shared(self.state, self.model, self.second)

    @property
    def compared_names(self) -> tuple[str, str]:
        """Names of the two models, with their folders if the names are equal."""
        first, second = (Path(m.path) if m else Path() for m in (self.model, self.second))
        if self.model is not None and not self.model.path:
            first = Path(self.model.name)
        if first.name == second.name and first.parent != second.parent:
            return f"{first.parent.name}/{first.name}", f"{second.parent.name}/{second.name}"
        return first.name, second.name

    @property
    def run_generators(self) -> list[Path]:
        """The generators in the second model's folder, in the order of training."""
        path = self.state.compare.path if self.state.compare else ""
        known, looked, found = self._run
        now = time.perf_counter()
        if not Path(path).is_absolute():
            return []
        if run_folder_of(known) != run_folder_of(path) or now - looked > _LOOK_SECONDS:
            found = saved_generators(run_folder_of(path))
            self._run = path, now, found
        return found

    @property
    def run_index(self) -> int | None:
        """Index of the one that is compared with; None if it is not among them."""
        path = Path(self.state.compare.path) if self.state.compare else Path()
        found = self.run_generators
        return found.index(path) if path in found else None

    def ask(self, moving: bool, now: float) -> None:
        """Requests the picture of the state; see `SessionCommands.ask`."""
        if self.state.compare is not None or self._asked_second:
            self._follow_second(now)
        if self.awaits_whole and self._waits_for_second:
            return  # one of the two pictures alone will not be shown
        super().ask(moving, now)
        if self.state.compare is not None:
            self._measure(moving)

    def _follow_second(self, now: float) -> None:
        """Loads the model that the state compares with, and records in the state what is loaded."""
        compare = self.state.compare
        path = compare.path if compare else ""
        # One at a time, and not before the first model's picture, which would have to wait; the
        # audience of a show waits for both.
        first_is_here = self.result is not None or self.current_show is not None
        may_load = not self.loading_second and (first_is_here or not path)
        if path != self._asked_second and may_load:
            self._ask_for_second(path)
        if compare is None:
            return
        # The last one stays until the next is there, but not before an audience.
        stays = not self.second_problem and self.current_show is None
        here = self.second is not None and (stays or self.second.path == path)
        weights = self.second.weights if self.second is not None and here else ""
        if weights != compare.weights:
            self.state.compare = replace(compare, weights=weights)
            self._loops = LoopFinder()  # their pictures were made with other weights
        self._watch_second(now)

    def _ask_for_second(self, path: str) -> None:
        if not path and self.current_show is not None:
            return  # another cue may need it
        self._asked_second, self.second_problem, self.second_details = path, "", ""
        if path and not Path(path).is_absolute():
            self.second_problem = f"{path}, which the session compares with, was not found."
            return
        if not path:
            self.second, self.figures = None, None
            self._second_watch.begin("")
        self.loading_second = True
        self._second_job = self.worker.start(
            LoadSecond(path), lambda _: self._second_ended(), self._second_failed
        )

    def _second_ended(self) -> None:
        self.loading_second = False

    def _second_failed(self) -> None:
        self.loading_second = False
        name = Path(self._asked_second).name
        self.second_problem = f"{name} could not be loaded for comparison."

    def second_refused(self, event: Failed) -> bool:
        """Tells why the second model could not be loaded, if that is what failed. The notice goes
        by itself: the panel and the picture tell of it for as long as it lasts."""
        if event.number is None or event.number != self._second_job:
            return False
        name = Path(self._asked_second).name
        self.second_problem = f"{name} cannot be compared with: {_short_reason(event, name)}."
        self.second_details = "\n".join(filter(None, (event.sentence, event.details)))
        self.notify("warning", self.second_problem, self.second_details)
        return True

    def second_loaded(self, event: LoadedSecond) -> None:
        """Takes over the second model from the worker."""
        before, self.second = self.second, event.info
        self._retries, path = 0, event.info.path
        self._second_watch.begin(path, event.stamp)
        if before is not None and run_folder_of(before.path) == run_folder_of(path):
            self.preferences.loaded_ws(path)  # browsing a run needs no notice
        else:
            self.preferences.opened(path)
        self.remember()
        expected, self._expected_weights = self._expected_weights, ""
        if expected and expected != event.info.weights:
            name = event.info.name
            self.notify("warning", f"{name} is not the model that the export compared with.")

    def _is_shown_fully(self) -> bool:
        """Whether the newest picture is the state's at full quality, both models' where two are
        compared: the audience of a show does not see one of them come later."""
        return super()._is_shown_fully() and not self._waits_for_second

    @property
    def _waits_for_second(self) -> bool:
        """Whether two models are to be shown, and the second one is not there."""
        compare = self.state.compare
        return layouts.compares(self.state) and compare is not None and not compare.weights

    def _arrival_problem(self) -> str:
        problem = self.second_problem if layouts.compares(self.state) else ""
        return problem or super()._arrival_problem()

    def second_lost(self) -> None:
        """The worker was restarted and no longer has a second model."""
        self.second, self.figures, self._figures_of = None, None, None
        self.loading_second = False
        if self._retries < _MOST_RETRIES:
            self._retries += 1
            self._asked_second, self.second_problem = "", ""

    def _take_opened(self, opened: embedding.Opened) -> None:
        super()._take_opened(opened)
        compare = opened.state.compare
        self._expected_weights = compare.weights if compare and opened.weights else ""

    def _watch_second(self, now: float) -> None:
        """Loads the second model again when its file changes, and reports when the file is gone."""
        if self.second is None or self.loading_second or self.current_show is not None:
            return
        found = self._second_watch.look(now)
        if found == "gone":
            self.tell_removed(self.second)
        elif found == "changed" and self.interface.reload_on_change:
            self._asked_second = ""

    def _measure(self, moving: bool) -> None:
        """Has the two full pictures compared once both are at rest."""
        result = self.result
        if result is None or result is self._figures_of or self._measuring:
            return
        if moving or not self.shows_all:
            return
        pictures = [picture for picture in result.pictures if picture is not None]
        self._figures_of, self.figures = result, None
        if len(pictures) != 2 or not layouts.compares(self.state):
            return
        self._measuring = True
        first, second = (np.ascontiguousarray(picture).tobytes() for picture in pictures)

        def take(text: str) -> None:
            self._measuring = False
            if self._figures_of is result:
                self.figures = Figures(**json.loads(text))

        def ended() -> None:
            self._measuring = False

        self.worker.start(FiguresJob(first, second), take, ended)


def _short_reason(event: Failed, name: str) -> str:
    """The first of the reasons why a file could not be loaded, without a full stop."""
    first, *more = event.sentence.splitlines()
    for start in (f"{name}: ", " failed: ", " stopped: "):
        first = first.partition(start)[2] or first
    if more:
        first = more[0].removeprefix("- ")
    reason = first.partition(". ")[0].rstrip(".")
    if len(reason) > _LONGEST_REASON:
        reason = reason[:_LONGEST_REASON].rpartition(" ")[0] + "\u2026"
    return f"{reason}, and more" if len(more) > 1 else reason
