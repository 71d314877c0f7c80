"""Commands for the clip and the path."""

from __future__ import annotations

from viz.app.sessions.session_commands import SessionCommands
from viz.state.animation import clip_time, path_editing
from viz.state.driving import driven


class PathCommands(SessionCommands):
    """Commands for playback of the clip, and for the path and its keyframes."""

    def toggle_play(self) -> None:
        """Plays or pauses the clip, or the motion track that drives the person; one that plays once
        and has ended starts again."""
        playing = not self.interface.playing
        if playing:
            path_editing.pause(self.interface)
            if driven.plays(self.state):
                driven.restart(self.state, self.animator.clock)
            else:
                playback, clock = self.state.playback, self.animator.clock
                self.state.t = clip_time.begin(self.state.t, playback, clock)
        self.interface.playing = playing

    def step(self, frames: int) -> None:
        """Stops playback and goes to the next or the previous frame.

        Negative numbers of frames go back.
        """
        self.interface.playing = False
        path_editing.pause(self.interface)
        if not driven.step(self.state, frames):
            self.state.t = clip_time.step(self.state.t, frames)

    def go_to_start(self) -> None:
        """Stops playback and shows the first frame of the playback range."""
        self._go_to_end(0)

    def go_to_end(self) -> None:
        """Stops playback and shows the last frame of the playback range."""
        self._go_to_end(1)

    def _go_to_end(self, which: int) -> None:
        self.interface.playing = False
        if not driven.go_to_end(self.state, which):
            playback = self.state.playback
            self.state.t = sorted((playback.start, playback.end))[which]

    def add_keyframe(self) -> None:
        """Adds a keyframe: the person, the motion, the time in the clip and the camera.

        A notice says so if it lies between others, as after a pause.
        """
        self.animator.stop_glide()
        index = path_editing.add(self.state, self.interface)
        keys = self.state.keyframes
        if index == len(keys) - 1:
            return
        key = keys[index]

        def move() -> bool:
            path_editing.move_to_end(self.state, self.interface, key)
            return True

        place = f"Keyframe {index + 1} of {len(keys)} was added at {key.time:.2f} s"
        self.notify(
            "info", f"{place}, where the path's playhead stands.", buttons=(("To the end", move),)
        )

    def advance(self, seconds: float, now: float) -> None:
        """As in `ProgramCommands`; also offers to restore a view that the path replaced."""
        super().advance(seconds, now)
        self._tell_of_lost_view()

    def _tell_of_lost_view(self) -> None:
        """Offers to restore a view that the path has just replaced."""
        view, self.interface.unkeyed = self.interface.unkeyed, None
        if view is None:
            return

        def bring() -> bool:
            path_editing.pause(self.interface)
            self.animator.stop_glide()
            path_editing.take(self.state, view)
            return True

        sentence = "Going to the path replaced a view that is not a keyframe."
        self.notify("info", sentence, buttons=(("Bring it back", bring),))

    def update_keyframe(self) -> None:
        """Updates the keyframe under the path's playhead to what is shown."""
        if path_editing.current(self.state, self.interface) is None:
            self.notify("info", "The path's playhead is not on a keyframe: press K to add one.")
        path_editing.update(self.state, self.interface)

    def delete_keyframe(self) -> None:
        """Deletes the keyframe under the path's playhead."""
        if self.interface.path_lane:
            path_editing.remove(self.state, self.interface)

    def go_to_keyframe(self, step: int) -> None:
        """Goes to the path's next or previous keyframe.

        Negative steps go back.
        """
        self.animator.stop_glide()
        path_editing.go(self.state, self.interface, step)

    def toggle_path(self) -> None:
        """Plays the path from its playhead, or pauses it."""
        if not path_editing.can_play(self.state):
            self.notify("info", "There is no path yet: press K to add what is shown as a keyframe.")
        self.animator.stop_glide()
        path_editing.toggle_play(self.state, self.interface)
