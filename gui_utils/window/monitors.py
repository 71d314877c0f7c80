"""Places for windows: monitors, work areas and sizes, in GLFW's screen coordinates."""

from typing import Any

import glfw

Rect = tuple[int, int, int, int]
"""Left, top, width and height."""

COMFORTABLE = (1280, 800)
"""Smallest comfortable size of a window."""
NONE: Any = None
"""No monitor, which GLFW allows and its type declarations do not."""


def mode_of(monitor: Any) -> Any:
    """The current video mode of a monitor; None if it has just been unplugged."""
    try:
        return glfw.get_video_mode(monitor)
    except ValueError:  # the binding dereferences GLFW's null pointer
        return None


def monitor_rect(monitor: Any) -> Rect:
    """The area of a monitor; empty if it has just been unplugged."""
    left, top = glfw.get_monitor_pos(monitor)
    mode = mode_of(monitor)
    return (left, top, mode.size.width, mode.size.height) if mode else (left, top, 0, 0)


def names() -> list[str]:
    """Names of all monitors, the primary one first; equal ones are numbered."""
    found: list[str] = []
    for monitor in glfw.get_monitors():
        name: Any = glfw.get_monitor_name(monitor)
        text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
        same = sum(other == text or other.startswith(f"{text} (") for other in found)
        found.append(f"{text} ({same + 1})" if same else text)
    return found


def by_name(name: str) -> Any:
    """The monitor with a name from `names`; None if there is none."""
    return dict(zip(names(), glfw.get_monitors(), strict=True)).get(name)


def name_at(rect: Rect) -> str:
    """Name of the monitor that shows most of `rect`; empty without monitors."""
    found = dict(zip(names(), map(monitor_rect, glfw.get_monitors()), strict=True))
    return max(found, key=lambda name: overlap(rect, found[name]), default="")


def overlap(first: Rect, second: Rect) -> int:
    """Shared area of two rectangles."""
    width = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    height = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    return max(width, 0) * max(height, 0)


def monitor_at(rect: Rect) -> Any:
    """The monitor that shows most of `rect`, else the primary one; None without monitors."""
    monitors = glfw.get_monitors()
    if not monitors:
        return None
    best = max(monitors, key=lambda monitor: overlap(rect, monitor_rect(monitor)))
    if overlap(rect, monitor_rect(best)) == 0:
        return glfw.get_primary_monitor()
    return best


def default_size() -> tuple[int, int]:
    """About 80 % of the primary work area, but at least `COMFORTABLE` if that fits."""
    monitor = glfw.get_primary_monitor()
    if not monitor:
        return COMFORTABLE
    _, _, width, height = glfw.get_monitor_workarea(monitor)
    if width <= 0 or height <= 0:
        return COMFORTABLE
    return (
        min(max(round(width * 0.8), COMFORTABLE[0]), width),
        min(max(round(height * 0.8), COMFORTABLE[1]), height),
    )


def limit_size(size: tuple[int, int]) -> tuple[int, int]:
    """The size, limited to the area of all monitors together: it may come from a larger set."""
    areas = [glfw.get_monitor_workarea(monitor) for monitor in glfw.get_monitors()]
    areas = [area for area in areas if area[2] > 0 and area[3] > 0]
    if not areas:
        return size
    lows = [min(area[axis] for area in areas) for axis in (0, 1)]
    highs = [max(area[axis] + area[axis + 2] for area in areas) for axis in (0, 1)]
    return min(size[0], highs[0] - lows[0]), min(size[1], highs[1] - lows[1])


def center(size: tuple[int, int]) -> tuple[int, int] | None:
    """Position that centres a window in the primary work area; None without monitors."""
    monitor = glfw.get_primary_monitor()
    if not monitor:
        return None
    left, top, width, height = glfw.get_monitor_workarea(monitor)
    return left + max(width - size[0], 0) // 2, top + max(height - size[1], 0) // 2


def on_screen(position: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether enough of a window (64 x 32) would be visible to drag it by."""
    rect = (*position, *size)
    return any(overlap(rect, monitor_rect(m)) >= 64 * 32 for m in glfw.get_monitors())
