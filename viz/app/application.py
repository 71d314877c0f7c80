"""The window and its loop: commands change the state, which is rendered and shown."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from pathlib import Path

from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.window.imgui_window import Window
from training.reasons import first_line
from viz.app import palette, preferences, shortcuts
from viz.app.commands import Commands
from viz.app.control.control_menu import ControlMenu
from viz.app.dialogs import Dialogs
from viz.app.screen import Screen, regions
from viz.app.stage.audience import Audience
from viz.app.stage.virtual_camera import VirtualCamera
from viz.app.worker_events import WorkerEvents
from viz.exports.captions.system_fonts import outlines_for
from viz.render.connection import WorkerConnection
from viz.scheduling.step_times import StepTimes
from viz.state import files
from viz.state.named_files import settings_path
from viz.state.types import SessionState

TITLE = "PV3D visualizer"
_SOFTWARE_RATE = 30.0
"""Frames a second where OpenGL runs on the processor, which the renderer needs as well."""
_IDLE_SECONDS = 1.5
"""Seconds between frames while nothing happens."""
_CAMERA_SECONDS = 0.1
"""Longest time between frames while the camera is open, seconds."""
_PASSING_SECONDS = 0.1
"""Longest time between frames while no new picture has come of what moves, seconds."""
_POINTER_SECONDS = 3.0
"""Seconds without a mouse movement after which a fullscreen picture hides the pointer."""
_WHEEL_SECONDS = 0.4
"""Wheel turns less than this many seconds apart are one step of undo."""


class App:
    """The program in its window.

    Args:
        worker: the worker, which is closed with the window.
        checkpoint: path of the model; empty for the session's or the bundled model.
        state: session to begin with.
        settings: the preferences file.
        builtin_dialogs: True always uses the file browser drawn in the window.
        kiosk: whether the session's cues advance by themselves, full screen, with few controls for
            visitors.

    Raises:
        gui_utils.window.display.DisplayError: without a display or OpenGL 3.3.
    """

    def __init__(
        self,
        worker: WorkerConnection,
        checkpoint: str = "",
        state: SessionState | None = None,
        settings: Path | None = None,
        builtin_dialogs: bool | None = None,
        kiosk: bool = False,
    ) -> None:
        settings = settings or settings_path()
        try:
            self.window = _open_window(preferences.load(settings))
        except BaseException:
            worker.close(0.0)
            raise
        worker.wake = self.window.wake
        if self.window.draws_in_software:
            self.window.max_fps = _SOFTWARE_RATE
        self.toasts = controls.Toasts()
        self.commands = Commands(worker, self.window, self._notify, settings, state)
        given = bool(checkpoint) or state is not None
        crashed = not kiosk and self.commands.offer_crashed()
        if self.commands.interface.reopen_last and not given and not crashed:
            self.commands.reopen_last()
        brought = files.default_checkpoint()
        wanted = checkpoint or self.commands.state.checkpoint or brought
        fallbacks = [path for path in dict.fromkeys((brought, "")) if path != wanted]
        self._events = WorkerEvents(self.commands, fallbacks)
        self.audience = Audience(self.commands, self.window)
        self.screen = Screen(self.commands, self.audience, self.window)
        self.dialogs = Dialogs(self.commands, builtin_dialogs)
        self._control_menu = ControlMenu(self.commands)
        self._virtual_camera: VirtualCamera | None = None
        self.commands.control.connect(
            self.window.wake,
            lambda: palette.acts(self.commands),
            lambda name: palette.press(self.commands, name),
        )
        self.commands.open_control()
        self._title = ""
        self._failure: Exception | None = None
        """Why the last frame failed, if the whole frame did."""
        self.last_update = time.perf_counter()
        self._steps = StepTimes(self.last_update)
        """When the state was last advanced; see `time.perf_counter`."""
        self._drawn = self._wheel_until = self._pointer_moved = 0.0
        self._pointer = (0.0, 0.0)
        self.window.between = self._between
        self.commands.open_model(wanted)
        if kiosk:
            self.commands.start_kiosk()

    def _notify(
        self,
        level: controls.Level,
        sentence: str,
        details: str = "",
        buttons: controls.Buttons = (),
    ) -> None:
        show = self.commands.current_show
        if show is not None:
            show.message = sentence
        if show is None or not show.kiosk:  # where they would only accumulate
            self.toasts.add(level, sentence, details, buttons=buttons)

    def run(self) -> None:
        """Runs until the user quits, in the window or with Ctrl+C in the terminal."""

        def stop(*_: object) -> None:
            self.commands.quitting = True

        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, stop) for number in numbers}
        try:
            while not self.commands.quitting:
                self.frame()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self.close(orderly=self.commands.quitting)

    def frame(self) -> None:
        """Draws one frame of the window."""
        while self._failure is None and self._passes_by():
            pass
        self.window.begin_frame(self._patience())
        if self._failure is not None:
            self._draw_failure(self._failure)
        else:
            try:
                self._update()
                self._draw()
            except Exception as error:
                self._fail(error)
                self.window.begin_frame()
        self.window.end_frame()
        self._drawn = time.perf_counter()
        self._update_audience()
        try:
            self._after_frame()
        except Exception as error:
            self._fail(error)

    def _passes_by(self) -> bool:
        """Whether a step of what moves by itself shows no new picture and needs no frame.

        A frame that OpenGL draws on the processor takes the time of a fifth of a picture, and the
        next picture would be late by that.
        """
        commands, shown = self.commands, self.commands.result
        if not self.window.draws_in_software or not commands.moves_by_itself or self._held:
            return False
        others = commands.current_show or commands.second or commands.job or commands.camera_on
        now = time.perf_counter()
        if others or self.dialogs.is_open or commands.control.is_moving(now):
            return False
        if now - self._drawn > _PASSING_SECONDS:
            return False
        asked = self.window.wait(self._patience()) or commands.control.inbox.has_values
        now = time.perf_counter()
        try:
            self._events.poll(now)
            self._advance(self._passed(now), now)
            commands.ask(True, now)
        except Exception as error:
            self._fail(error)
        if asked or commands.result is not shown:
            self.window.wake()  # the frame's own wait is over
            return False
        return True

    def _advance(self, seconds: float, now: float) -> None:
        """Moves the state on by `seconds`."""
        commands = self.commands
        before = commands.state.shot()
        commands.advance(seconds, now)
        if commands.moves_by_itself:
            changed = commands.state.shot() != before
            self._steps.taken(now, commands.scheduler.step_rate, changed)

    def _passed(self, now: float) -> float:
        """Seconds since the state last went on, which it does now. A frame that took long (a window
        dragged by its title) must not make a jump."""
        seconds, self.last_update = min(now - self.last_update, 0.5), now
        return seconds

    def _fail(self, error: Exception) -> None:
        """Notes that a whole frame failed; the next one asks what to do."""
        self.commands.report("The interface failed.", error)
        if self.commands.current_show is None:  # no question lies over a show
            self._failure = error

    def _draw_failure(self, failure: Exception) -> None:
        """Asks what to do after a whole frame failed; nothing else is drawn."""
        reason = first_line(failure)
        choices = ("Quit", "Save the session", "Go on")  # Escape chooses the last
        sentence = f"The interface failed: {reason}. The session can be saved before you quit."
        answer = controls.confirm("The interface failed", sentence, choices, default="Go on")
        self._draw_notices()
        if answer == "Go on":
            self._failure = None
        elif answer == "Save the session":
            self.commands.guarded(self.commands.rescue)
        elif answer == "Quit":
            self.commands.quitting = True

    def close(self, orderly: bool = True) -> None:
        """Remembers the session and the settings, and ends the worker. After a failure it is not
        `orderly`, and the next start offers to continue."""
        if not self.commands.keep_session() and orderly:
            self.commands.autosave.close()
        self.commands.remember()
        self.commands.close_camera()
        self.window.hide()  # the worker may take a moment to finish its current step
        self.commands.worker.close()
        self.commands.finish_recordings()
        self.commands.guarded(self.commands.control.save)
        self.commands.control.close()
        self._close_virtual_camera()
        self.audience.close()
        self.screen.close()
        self.window.close()

    @property
    def moving(self) -> bool:
        """Whether the state changes from frame to frame, by itself or because the user drags
        something."""
        commands, now = self.commands, time.perf_counter()
        goes_on = commands.moves_by_itself or commands.live_drives
        return goes_on or self._held or commands.control.is_moving(now)

    @property
    def _held(self) -> bool:
        """Whether the user drags something. An active text field does not count."""
        commands = self.commands
        typing = imgui.get_io().want_text_input
        held = commands.dragging or commands.scrubbing
        return held or (imgui.is_any_item_active() and not typing)

    def _patience(self) -> float:
        """Seconds that the next frame may wait for an event. The worker's results are events."""
        scheduler, now = self.commands.scheduler, time.perf_counter()
        longest = _IDLE_SECONDS
        if self.commands.moves_by_itself:
            longest = self._steps.wait(now, scheduler.step_rate)  # or until a picture arrives
        elif self.commands.control.is_moving(now):
            longest = self.commands.control.step_seconds
        elif self.dialogs.is_open or self.commands.job is not None or scheduler.waiting_since:
            longest = 0.1
        return min(longest, scheduler.wake_after(now))

    def _between(self) -> None:
        """Runs while the next frame is waited for: a face in front of the camera cannot wait."""
        commands, now = self.commands, time.perf_counter()
        if not commands.camera_on:
            return
        try:
            if commands.follow_camera(now) or now - self.last_update > _CAMERA_SECONDS:
                self.window.wake()
        except Exception as error:
            commands.report("The camera failed.", error)
            commands.close_camera()

    def _update(self) -> None:
        commands, now = self.commands, time.perf_counter()
        seconds = self._passed(now)
        self._events.poll(now)
        if drops := self.window.take_drops():
            self._take_drops(drops)
        while self.window.callback_errors:
            error = self.window.callback_errors.popleft()
            commands.notify("error", "A window event could not be handled.", error)
        if self.window.close_requested:
            self.window.close_requested = False
            if not commands.is_kiosk:
                commands.quit()
        if not self.dialogs.is_open:
            shortcuts.handle(commands)
        commands.advance_live()
        waits = commands.dragging or commands.rests_for_show
        show = commands.current_show
        if holds := show is not None and not show.stands:
            controls.request_frame("inputs wait for a cue", 0.05)
        commands.guarded(lambda: commands.control.update(now, seconds, waits, holds))
        self.window.poll = commands.control.poll if commands.control.gamepads else None
        self._advance(seconds, now)
        commands.advance_show(now)
        self.window.keyboard_moves_focus = commands.current_show is None
        if commands.moves_by_itself:  # a cached picture appears within this frame
            commands.ask(True, now)

    def _take_drops(self, paths: Sequence[str]) -> None:
        """Opens files dropped on the window; during a show only with Ctrl held, as for keys."""
        commands, io = self.commands, imgui.get_io()
        if commands.current_show is None or (io.key_ctrl and not commands.is_kiosk):
            commands.open_all(paths, io.key_shift)
        elif not commands.is_kiosk:
            name = Path(paths[-1]).name
            commands.notify("info", f"{name} was not opened: hold Ctrl, or end the show first.")

    def _draw(self) -> None:
        commands, now = self.commands, time.perf_counter()
        interface = commands.interface
        self._control_menu.begin()
        self.screen.draw()
        self.window.theme, self.window.ui_scale = interface.theme, interface.ui_scale
        self.dialogs.draw()
        if not self.audience.is_here:
            self._control_menu.draw()
        if commands.notice_reached:
            commands.notice_reached = False
            self.toasts.reach()
        if commands.current_show is None:  # the speaker's strip has the last one
            # On the picture, so that they hide no controls.
            self._draw_notices(regions(commands, self.audience.is_here).viewport)
        self._hide_pointer(now)
        if imgui.get_io().mouse_wheel:
            self._wheel_until = now + _WHEEL_SECONDS
        stepping = any(imgui.is_key_down(key) for key in shortcuts.STEPPING)
        gliding = commands.animator.gliding
        turning = now < self._wheel_until or commands.control.is_moving(now)
        commands.note(self._held or stepping or gliding or turning)
        commands.save_by_itself(now)
        commands.note_seen(now)
        if not imgui.get_io().want_text_input:
            commands.keep_favourites()
        shown = commands.result
        commands.ask(self.moving, now)
        if commands.result is not shown:
            self.window.wake()  # a cached picture has to be drawn

    def _draw_notices(self, area: tuple[float, float, float, float] | None = None) -> None:
        """Draws the notices; if one cannot be drawn or its button fails, all are closed."""
        error = controls.guarded("the notices", lambda: self.toasts.draw(area))
        if error is not None:
            self.toasts.clear()
            self.commands.report("A notice failed and was closed.", error)

    def _update_audience(self) -> None:
        """Draws the audience's view outside of the window's frame; if that fails, the show ends."""
        try:
            self.audience.update(time.perf_counter())
        except Exception as error:
            self.commands.end_show()
            self.commands.report("The audience's view failed, and the show has ended.", error)

    def _update_virtual_camera(self) -> None:
        """Opens, feeds or closes the virtual camera, according to its switch."""
        commands = self.commands
        if not commands.control.settings.virtual_camera:
            self._close_virtual_camera()
            return
        if self._virtual_camera is None:
            self._virtual_camera = VirtualCamera()
        self._virtual_camera.show(self.audience.scene)
        commands.virtual_camera_state = self._virtual_camera.state

    def _close_virtual_camera(self) -> None:
        if self._virtual_camera is not None:
            self._virtual_camera.close()
            self._virtual_camera, self.commands.virtual_camera_state = None, ""

    def _hide_pointer(self, now: float) -> None:
        """Hides the pointer in fullscreen while the mouse does not move."""
        place = imgui.get_mouse_pos()
        at = (place.x, place.y)
        if at != self._pointer or any(imgui.is_mouse_down(button) for button in range(3)):
            self._pointer, self._pointer_moved = at, now
        resting = self.window.fullscreen or self.audience.is_here
        if resting and now - self._pointer_moved > _POINTER_SECONDS:
            imgui.set_mouse_cursor(imgui.MouseCursor_.none)

    def _after_frame(self) -> None:
        commands = self.commands
        self._update_virtual_camera()
        seconds = self.window.frame_times[-1]
        level = commands.scheduler.preview_words
        commands.performance.drawn(seconds, level, time.perf_counter())
        commands.performance.picture_bytes = commands.scheduler.pictures.used_bytes
        if commands.window_capture:
            commands.window_capture = False
            commands.capture_window(self.window.read_pixels())
        title = self._session_title()
        if title != self._title:
            self._title = title
            self.window.set_title(title)

    def _session_title(self) -> str:
        """The window's title: session and model, with a mark while there are unsaved changes."""
        commands = self.commands
        parts = [Path(commands.session_path).name] if commands.session_path else []
        parts += [commands.model.name] if commands.model else []
        mark = "• " if commands.unsaved and not commands.moves_by_itself else ""
        return mark + " - ".join([*parts, TITLE])


def _open_window(kept: preferences.Preferences) -> Window:
    theme, scale = kept.interface.get("theme"), kept.interface.get("ui_scale")
    theme = theme if theme in ("dark", "light") else "dark"
    scale = scale if isinstance(scale, float) else 1.0
    try:
        size, position = kept.window.get("size"), kept.window.get("position")
        return Window(
            TITLE,
            size=tuple(size) if size else None,
            position=tuple(position) if position else None,
            maximized=bool(kept.window.get("maximized")),
            theme=theme,
            ui_scale=scale,
            find_fonts=outlines_for,
        )
    except (TypeError, ValueError):  # damaged settings
        return Window(TITLE, theme=theme, ui_scale=scale, find_fonts=outlines_for)
