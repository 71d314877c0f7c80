"""Commands for giving a show, without any drawing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from gui_utils.controls.redraw import request_frame
from viz.app.sessions.autosave import SavedSession
from viz.app.stage.cue_commands import CueCommands, second_of
from viz.app.stage.running_show import Blank, Show, TalkClock
from viz.render.messages import NEXT_SECOND, LoadAhead, Prepared
from viz.scheduling.cue_pictures import first_pictures, shrunk, small_picture
from viz.scheduling.scheduler import MOST_FILL_SECONDS
from viz.state import layouts
from viz.state.animation import clip_time
from viz.state.settings import setting
from viz.state.types import FRAME_RATE, Cue, RenderRequest, SessionState, View

Shown = TypeVar("Shown", Cue, SessionState)

_PATIENCE = 10.0
"""Seconds that a cue's first picture may take before the show continues without it."""
_ENDING = 1.5
"""Seconds within which a second Escape ends a show."""
_ESCAPED = "Press Escape again to end the show."
_LONGEST_TALK = 86_400.0
"""Seconds after which the clock of a show interrupted by a crash is no longer resumed."""
_INSTEAD_OF_GLIDE = 0.5
"""Longest fade, in seconds, that replaces a glide to another model or to other views."""
_MOST_LOSSES = 3
"""Workers that may end before a model is no longer loaded ahead, as that may be why they did."""


def _views(state: SessionState) -> list[View]:
    return [shot.view for shot in layouts.shots(state)]


def _with_second(shown: Shown, weights: str) -> Shown:
    """A cue or a state whose second model has a fingerprint."""
    compare = shown.compare and replace(shown.compare, weights=weights)
    return replace(shown, compare=compare)


class ShowCommands(CueCommands):
    """Commands for a running show."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.current_show: Show | None = None
        """The running show, if any."""
        self._later: list[Callable[[], object]] = []
        """What waits for the show's end."""
        self._ahead: tuple[RenderRequest, ...] = ()
        self._ahead_of: tuple[object, ...] = ()
        """The cue and settings that `_ahead` was computed for."""
        self._loading_ahead: LoadAhead | None = None
        """What the worker was last asked to prepare."""
        self._ahead_losses, self._ahead_is_lost = 0, False
        """How many workers have ended since, and whether the last one took it along."""

    def start_show(self, at: int | None = None) -> None:
        """Starts the show at the chosen cue, or at the first one if the last is chosen, as it is
        after adding cues.

        Args:
            at: index of the cue to start at instead.
        """
        if not self.state.cues:
            self.notify(
                "info", "There are no cues yet: add what is shown as a cue first (Shift+F5)."
            )
            return
        if self.current_show is None:
            self.current_show = Show(TalkClock(time.perf_counter()))
            last = len(self.state.cues) - 1
            if at is None:
                at = self.cue_index if self.cue_index < last else 0
            self.go_to_cue(min(at, last))
            if problems := self.cue_problems():
                self.notify("warning", " ".join(problems))

    def rehearse(self) -> None:
        """Starts the show from the first cue and records how long you spend on each cue."""
        if self.current_show is None:
            self.start_show(0)
        if self.current_show is not None:
            self.current_show.rehearsal = True

    def start_kiosk(self) -> None:
        """Starts an endless show that runs by itself, in the one window."""
        self.interface.audience, self.interface.sidebar_visible = "here", False
        self.start_show(0)
        if self.current_show is not None:
            self.current_show.kiosk = True

    @property
    def is_kiosk(self) -> bool:
        """Whether it runs for visitors, who have few controls."""
        return self.current_show is not None and self.current_show.kiosk

    @property
    def rests_for_show(self) -> bool:
        """Whether nothing else may move: a cue is on its way, or a visitor has taken over."""
        show = self.current_show
        return show is not None and (not show.stands or show.touched is not None)

    def hand_over(self, now: float) -> None:
        """Lets a visitor of a kiosk take over, or extends that; `now` is the clock time. A picture
        that stands in for a cue follows the visitor as any other."""
        if self.current_show is not None:
            self.current_show.touched, self.current_show.failed = now, False

    def scrub_to(self, part: float) -> None:
        """Stops playback, and shows a frame of the clip: 0 is the first one, 1 the last."""
        self.interface.playing = self.interface.path_playing = False
        self.state.t = clip_time.snap(part)

    def end_show(self) -> None:
        """Ends the show; its last view stays."""
        show = self.current_show
        if show is not None and show.rehearsal:
            used = show.clock.by_cue
            self.state.cues = tuple(
                replace(cue, used=round(used[k], 1)) if k in used else cue
                for k, cue in enumerate(self.state.cues)
            )
        self.current_show = None
        self.worker.keep_spare(False)
        self._note_cue(None)
        self._rest()
        later, self._later = self._later, []
        for act in later:
            self.guarded(act)

    def when_free(self, act: Callable[[], object]) -> None:
        if self.current_show is None:
            super().when_free(act)
        else:
            self._later.append(act)

    def _renumber(self, number: Callable[[int], int]) -> None:
        if self.current_show is not None:
            self.current_show.renumber(number)
            self._note_cue(self.current_show.index)

    def delete_cue(self) -> None:
        show, place = self.current_show, self.cue_index
        if show is not None and place == show.index:
            show.message = (
                "The audience is seeing this cue: go to another one before you delete it."
            )
            return
        if show is not None:
            show.clock.by_cue.pop(place, None)
        super().delete_cue()

    def _restore(self, state: SessionState | None) -> None:
        """As in `SessionCommands`, but a running show keeps its cues, as its clock and the audience
        are at one of them."""
        show = self.current_show
        if state is not None and show is not None and state.cues != self.state.cues:
            show.message = "Undo and redo leave the list of cues as it is during a show."
            state.cues = self.state.cues
        super()._restore(state)

    def _tell_of_lost_view(self) -> None:
        """As in `PathCommands`, but a show's paths begin where its cues do, which loses nothing."""
        if self.current_show is not None:
            self.interface.unkeyed = None
        super()._tell_of_lost_view()

    def losses(self) -> list[str]:
        losses = super().losses()
        if self.current_show is not None:
            losses.insert(0, "A show is under way and would end.")
        return losses

    def escape_show(self) -> None:
        """Ends the show if called again within 1.5 seconds."""
        if self.current_show is None:
            return
        now = time.perf_counter()
        if now - self.current_show.escaped < _ENDING:
            self.end_show()
        else:
            self.current_show.escaped = now
            self.current_show.message = _ESCAPED

    def next_cue(self) -> None:
        """Goes to the next cue, and uncovers the audience's picture."""
        self._step_cue(1)

    def previous_cue(self) -> None:
        """Goes to the previous cue, and uncovers the audience's picture."""
        self._step_cue(-1)

    def go_to_last_cue(self) -> None:
        """Goes to the last cue, and uncovers the audience's picture."""
        self.go_to_cue(len(self.state.cues) - 1)

    def _step_cue(self, step: int) -> None:
        if self.current_show is None:
            return
        index = self.current_show.index + step
        if 0 <= index < len(self.state.cues):
            self.go_to_cue(index)
        else:
            self.current_show.message = (
                "This is the last cue." if step > 0 else "This is the first cue."
            )

    def blank(self, kind: Blank) -> None:
        """Covers the audience's picture, or uncovers it."""
        if self.current_show is not None:
            self.current_show.blank = "" if self.current_show.blank == kind else kind

    def toggle_speaker(self) -> None:
        """Hides or shows everything but the picture in the speaker's window."""
        self.interface.sidebar_visible = not self.interface.sidebar_visible

    def pause_clock(self) -> None:
        """Pauses the clock of the talk, or resumes it."""
        if self.current_show is not None:
            self.current_show.clock.toggle(time.perf_counter())

    def restart_clock(self) -> None:
        """Restarts the paused clock of the talk at 0.

        Only a paused one: a single key must not lose the time.
        """
        show = self.current_show
        if show is None:
            return
        if show.clock.paused is None:
            show.message = "Pause the clock with P first; T then restarts it."
        else:
            show.clock.restart(time.perf_counter())
            self._note_cue(show.index)

    def plan_as_used(self) -> None:
        """Makes the times of the last rehearsal the plan; if the length of the talk is set, they
        are scaled to fill it."""
        used = sum(cue.used for cue in self.state.cues)
        wanted = self.interface.talk_minutes * 60
        factor = wanted / used if wanted and used else 1.0
        declared = setting(Cue, "planned").range
        self.state.cues = tuple(
            replace(cue, planned=round(declared.clamp(factor * cue.used), 1))
            for cue in self.state.cues
        )

    def toggle_freeze(self) -> None:
        """Freezes the audience's picture, or lets it follow again."""
        if self.current_show is not None:
            self.current_show.frozen = not self.current_show.frozen

    def go_to_cue(self, index: int) -> None:
        """Goes to a cue, during a show with its transition, otherwise with a short glide."""
        if not 0 <= index < len(self.state.cues):
            return
        cue = self.state.cues[index]
        self.cue_index = index
        show = self.current_show
        if show is not None:
            show.index, show.blank, show.message = index, "", ""
            show.loading, show.awaited, show.gliding = "", math.inf, False
            show.arrived = show.touched = None
            show.failed = False
            self._note_cue(index)
        self._rest()
        self.scheduler.try_again()
        path = self._model_of(cue)
        if path is None:
            self._give_up(f"Cue {index + 1} cannot be shown: {self.cue_problem(cue)}.")
            return
        here = self.model.path if self.model else None
        is_here = here == path and (show is None or self.worker.loading is None)
        if is_here or (here is None and show is None):
            self._arrive(cue)
            return
        if show is not None:
            show.loading = path
        elif here is not None:
            self.take_state(replace(cue.applied_to(self.state), checkpoint=here))
        if path != self.worker.loading:  # as at the start, and where a session is resumed
            self.worker.load(path, True, lambda: self._load_failed(path))

    def _load_failed(self, path: str) -> None:
        if self.current_show is not None and self.current_show.loading == path:
            self._give_up()

    def _give_up(self, sentence: str = "") -> None:
        """Leaves the audience the picture that it sees where a cue cannot be shown; `sentence` says
        why, unless the speaker has been told."""
        show = self.current_show
        if show is not None:
            show.loading, show.awaited, show.gliding = "", math.inf, False
            show.failed, show.fade = True, None
        if sentence:
            self.notify("error", sentence)

    def _note_cue(self, index: int | None) -> None:
        """Passes the show's progress to the automatic saving."""
        begun = None
        if index is not None and self.current_show is not None:
            begun = time.time() - self.current_show.clock.elapsed(time.perf_counter())
        self.origin = replace(self.origin, cue=index, begun=begun)
        self.autosave.save_soon()

    def resume(self, kept: SavedSession) -> None:
        """Continues with an automatically saved session, and with its show."""
        super().resume(kept)
        cue, begun = kept.origin.cue, kept.origin.begun
        if cue is None:
            return
        self.start_show(cue)
        if begun is not None and self.current_show is not None:
            gone = min(max(time.time() - begun, 0.0), _LONGEST_TALK)
            self.current_show.clock.begun -= gone
            self._note_cue(cue)

    def _rest(self) -> None:
        """Stops everything that moves by itself."""
        self.animator.stop_glide()
        interface = self.interface
        interface.playing = interface.path_playing = False
        interface.auto_orbit = interface.animate_person = False

    def _arrive(self, cue: Cue, other_model: bool = False) -> None:
        """Begins the transition to a cue once its model is loaded."""
        now, show = time.perf_counter(), self.current_show
        end = replace(cue.applied_to(self.state), checkpoint=self.state.checkpoint)
        if second_of(end) == second_of(self.state) and self.state.compare is not None:
            end = _with_second(end, self.state.compare.weights)
        begins = show is not None and not show.seen  # nobody knows what was here before
        same = second_of(end) == second_of(self.state) and _views(end) == _views(self.state)
        can_glide = same and not (other_model or begins)
        if show is None:
            self.animator.glide_to(self.state, end, now)
        elif cue.transition == "glide" and cue.seconds > 0 and can_glide:
            self.animator.glide_to(self.state, end, now, cue.seconds)
            show.gliding = True
        else:
            self.take_state(end)
            show.awaited = now + _PATIENCE
            fades = {"cut": 0.0, "fade": cue.seconds, "glide": min(cue.seconds, _INSTEAD_OF_GLIDE)}
            show.fade = fades[cue.transition]

    def advance_show(self, now: float) -> None:
        """Advances the show by a frame: what a cue waited for is ready, or has failed."""
        show = self.current_show
        if show is None:
            return
        if not self.state.cues:
            self.end_show()
            return
        show.index = min(show.index, len(self.state.cues) - 1)
        show.clock.tick(show.index, now)
        if show.message == _ESCAPED and now - show.escaped > _ENDING:
            show.message = ""
        cue = self.state.cues[show.index]
        if show.loading:
            is_here = self.model is not None and self.model.path == show.loading
            if is_here and self.worker.loading is None:
                show.loading = ""
                self._arrive(cue, other_model=True)
            elif self.job is None and self.worker.loading is None:
                self._give_up()  # it failed, which the speaker has been told of
        if show.awaited < math.inf:
            self.ask(False, now)  # what is kept is shown in this very frame
            if problem := self._arrival_problem():
                self._give_up(f"Cue {show.index + 1} cannot be shown: {problem}")
            elif self._is_shown_fully() or now > show.awaited:
                show.awaited = math.inf
                self._begin_to_play(cue)
        elif show.gliding and not self.animator.gliding:
            show.gliding = False
            self._begin_to_play(cue)
        if show.stands:
            self._prepare(show)
            if self.job is None and self.worker.loading is None:
                self.worker.keep_spare(True)
            if show.kiosk:
                self._go_on_alone(show, cue, now)

    def _go_on_alone(self, show: Show, cue: Cue, now: float) -> None:
        """Goes to a kiosk's next cue when this one has been shown long enough, or the visitor has
        gone."""
        if show.arrived is None:
            show.arrived = now
        since, most = show.arrived, cue.planned or self.interface.kiosk_pause
        if show.touched is not None:
            since, most = show.touched, self.interface.kiosk_idle
        if now - since >= most:
            self.go_to_cue((show.index + 1) % len(self.state.cues))
        else:
            request_frame("kiosk", since + most - now)

    @property
    def is_up_to_date(self) -> bool:
        """Whether the newest picture is the state's, at any quality."""
        return self.result is not None and self.result.request.shots == layouts.shots(self.state)

    def _is_shown_fully(self) -> bool:
        """Whether the newest picture is the state's at full quality."""
        full = self.result is not None and self.result.request.preview is None
        return full and self.is_up_to_date

    def _arrival_problem(self) -> str:
        """Why the picture of the state will not come, as a sentence; empty where it may."""
        full = replace(layouts.full_request(self.state), probe=self.interface.probe)
        failed = self.scheduler.has_failed(full)
        return "its picture cannot be rendered." if failed else ""

    def _begin_to_play(self, cue: Cue) -> None:
        interface = self.interface
        if cue.plays == "clip":
            self.toggle_play()
        elif cue.plays == "path":
            self.toggle_path()
        interface.auto_orbit = cue.plays == "orbit"
        interface.animate_person = cue.plays == "wander"

    @property
    def ahead(self) -> Sequence[RenderRequest]:
        return self._ahead if self.current_show is not None else ()

    @property
    def awaits_whole(self) -> bool:
        show = self.current_show  # at the beginning a preview is better than none
        return show is not None and show.awaited < math.inf and show.seen

    @property
    def wants_values(self) -> bool:
        return super().wants_values and self.current_show is None

    def keep_prepared(self, event: Prepared) -> None:
        """Stores a picture that was rendered with another model, for the cues that show it."""
        self.scheduler.pictures.put(event.result, event.weights)
        self._weights[event.path] = event.weights
        shot, picture = event.result.request.shots[0], event.result.pictures[0]
        for cue in self.state.cues:
            if picture is not None and layouts.shots(cue.applied_to(self.state))[0] == shot:
                self.thumbnails.put(small_picture(cue), shrunk(picture), event.weights)

    def prepare_again(self) -> None:
        """Notes that the worker has lost what it had prepared."""
        self._ahead_losses, self._ahead_is_lost = self._ahead_losses + 1, True
        self._ahead_of = ()

    def _prepare(self, show: Show) -> None:
        """While a cue is shown, has the next cue's pictures rendered, and the next other model
        loaded with its first pictures."""
        state, model = self.state, self.model
        rate = self.scheduler.step_rate
        wanted = (state.cues, state.keyframes, show.index, model, rate, second_of(state))
        if model is None or wanted == self._ahead_of:
            return
        self._ahead_of, self._ahead = wanted, ()
        following = state.cues[show.index + 1 :]
        if show.kiosk:
            following += state.cues[: show.index]
        for k, cue in enumerate(following):
            path, second = self._model_of(cue), second_of(cue)
            if path is None:
                continue
            if path == model.path and second in ("", second_of(state)):
                if k == 0:
                    known = _with_second(cue, state.compare.weights if state.compare else "")
                    found = first_pictures(known, state, self.interface, rate, model.moves)
                    self._ahead = self._affordable(found)
                continue
            rates = (rate, model.moves) if path == model.path else (FRAME_RATE, True)
            waits = _with_second(cue, NEXT_SECOND)
            job = LoadAhead(path, first_pictures(waits, state, self.interface, *rates), second)
            if job != self._loading_ahead:
                self._ahead_losses = 0
            elif not self._ahead_is_lost or self._ahead_losses >= _MOST_LOSSES:
                return
            self._loading_ahead, self._ahead_is_lost = job, False
            self.worker.start(job)
            return

    def _affordable(self, requests: tuple[RenderRequest, ...]) -> tuple[RenderRequest, ...]:
        """As many of the pictures as can be rendered in the time allowed for a clip at rest."""
        spent = self.scheduler.full_ms(requests[0])
        most = int(1000 * MOST_FILL_SECONDS / spent) if spent else len(requests)
        return requests[: max(most, 1)]
