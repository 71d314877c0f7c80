"""Recent measurements, for the panel that shows them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass
class PerformanceLog:
    """Recent measurements, newest last."""

    frame_ms: deque[float] = field(default_factory=lambda: deque(maxlen=240))
    """Work of the window's frames, milliseconds."""
    render_ms: deque[float] = field(default_factory=lambda: deque(maxlen=240))
    """Whole renders, milliseconds."""
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
    """Memory of this process."""
    device_bytes: int = 0
    """Memory that torch holds on the GPU; 0 without one."""
    cache_bytes: int = 0
    """Memory of the renderer's kept stages."""
