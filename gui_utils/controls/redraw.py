"""When the next frame is due: what moves by itself asks for frames, all else waits for input."""

from __future__ import annotations

import time

_due: dict[str, float] = {}


def begin_frame() -> None:
    """Forgets the requests of the last frame: whoever still needs frames asks again."""
    _due.clear()


def request_frame(reason: str, seconds: float = 0.0) -> None:
    """Asks for another frame at most `seconds` from now; 0 asks for one at once.

    `reason` names what moves, such as "tooltip"; of several requests for the same reason the
    earliest counts.
    """
    _due[reason] = min(time.perf_counter() + seconds, _due.get(reason, float("inf")))


def requests() -> dict[str, float]:
    """Seconds until each frame asked for is due, by reason; at most 0 where it is due now."""
    now = time.perf_counter()
    return {reason: due - now for reason, due in _due.items()}
