"""Recent measurements, for the Performance panel."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import psutil

from viz.render.messages import Rendered


@dataclass
class PerformanceLog:
    """Recent measurements, newest last."""

    frame_ms: deque[float] = field(default_factory=lambda: deque(maxlen=240))
    """Time spent on the window's frames, milliseconds."""
    render_ms: deque[float] = field(default_factory=lambda: deque(maxlen=240))
    """Times of whole renders, milliseconds."""
    window_rate: float = 0.0
    """Frames of the window in the last second."""
    render_rate: float = 0.0
    """Pictures from the renderer in the last second."""
    stage_ms: dict[str, float] = field(default_factory=dict)
    """Latest milliseconds by stage: mapping, planes, render, superresolution, copy."""
    full_ms: dict[str, float] = field(default_factory=dict)
    """Latest milliseconds by stage of one picture at full quality."""
    precision: str = ""
    preview_level: str = ""
    """What the last preview left out, in words; empty before the first."""
    process_bytes: int = 0
    """Memory of the window's process and the worker's."""
    device_bytes: int = 0
    """Memory that torch holds on the GPU; 0 without one."""
    cache_bytes: int = 0
    """Memory of the renderer's cached stages."""
    picture_bytes: int = 0
    """Memory of the cached pictures."""
    _worker_bytes: int = 0
    _next_look: float = 0.0
    _frames: deque[float] = field(default_factory=lambda: deque(maxlen=240))
    _renders: deque[float] = field(default_factory=lambda: deque(maxlen=240))

    def rendered(self, event: Rendered, now: float) -> None:
        """Records a picture that arrived at the clock time `now`, seconds."""
        result = event.result
        self.cache_bytes, self.precision = event.cache_bytes, result.precision
        self._worker_bytes, self.device_bytes = event.process_bytes, event.device_bytes
        if result.request.preview is None:
            shots = len(result.request.shots)
            self.full_ms |= {stage: ms / shots for stage, ms in result.stage_ms.items()}
        if result.stage_ms.keys() - {"copy"}:
            self.stage_ms = result.stage_ms
            self.render_ms.append(result.total_ms)
            self._renders.append(now)

    def drawn(self, seconds: float, preview_level: str, now: float) -> None:
        """Records a frame of the window that took `seconds`, at the clock time `now`."""
        self._frames.append(now)
        self.window_rate = sum(t > now - 1 for t in self._frames)
        self.render_rate = sum(t > now - 1 for t in self._renders)
        self.frame_ms.append(seconds * 1000)
        # Kept between previews, so that panels do not jump when previews come and go.
        self.preview_level = preview_level or self.preview_level
        if now > self._next_look:
            self._next_look = now + 1
            self.process_bytes = psutil.Process().memory_info().rss + self._worker_bytes
