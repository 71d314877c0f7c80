"""When the next frame is due: animations request frames, everything else waits for input."""

from __future__ import annotations

import time

_due: dict[str, float] = {}


def begin_frame() -> None:
    """Forgets the requests of the last frame; whatever still needs frames requests them again."""
    _due.clear()


def request_frame(reason: str, seconds: float = 0.0) -> None:
    """Requests another frame within `seconds`, or at once for 0. `reason` names what moves, such as
    "tooltip"; the earliest request for a reason counts."""
    _due[reason] = min(time.perf_counter() + seconds, _due.get(reason, float("inf")))


def requests() -> dict[str, float]:
    """Seconds until each requested frame is due, by reason; at most 0 if it is due now."""
    now = time.perf_counter()
    return {reason: due - now for reason, due in _due.items()}
