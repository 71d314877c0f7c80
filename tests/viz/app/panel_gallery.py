"""Every panel over sample data: ``python -m tests.viz.panel_gallery [--shot FILE]``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from imgui_bundle import imgui
from PIL import Image

from gui_utils import controls
from gui_utils.controls import style
from gui_utils.gl.texture import Texture
from gui_utils.window.window import Window
from viz.app.actions import CaptureKind, ToastLevel
from viz.app.panels import PANELS
from viz.app.performance_log import PerformanceLog
from viz.exports.choices import ExportChoices
from viz.state.interface import Interface
from viz.state.jobs import JobStatus
from viz.state.types import (
    LayerInfo,
    ModelInfo,
    Probe,
    ProbeResult,
    RenderRequest,
    RenderResult,
    SessionState,
)


def sample_layers() -> tuple[LayerInfo, ...]:
    """Layers as the full model names them."""
    layers = [LayerInfo("backbone.mapping.fc0", "FullyConnected", (512,), 524_800)]
    for power in range(2, 9):
        side = 2**power
        channels = min(32768 // side, 512)
        names = ("conv0", "conv1") if power > 2 else ("conv1",)
        layers.extend(
            LayerInfo(
                f"backbone.synthesis.b{side}.{name}",
                "SynthesisLayer",
                (channels, side, side),
                9 * channels**2,
            )
            for name in names
        )
        shape = (96, side, side)
        layers.append(LayerInfo(f"backbone.synthesis.b{side}.torgb", "ToRGB", shape, 49_248))
    layers.append(
        LayerInfo("superresolution.block1.conv1", "SynthesisLayer", (128, 512, 512), 213_248)
    )
    return tuple(layers)


def sample_model(moves: bool = True) -> ModelInfo:
    """The published model's sizes."""
    return ModelInfo(
        name="pv3d-voxceleb-512.safetensors",
        path="/data/checkpoints/pv3d-voxceleb-512.safetensors",
        format="PV3D visualizer",
        parameters=44_318_209,
        image_resolution=512,
        raw_resolution=64,
        depth_samples=48,
        importance_samples=48,
        ray_range=(2.25, 3.3),
        box_warp=1.0,
        num_ws=14,
        z_dim=512,
        w_dim=512,
        motion_dim=512 if moves else 0,
        plane_resolution=256,
        superresolution="8XDC",
        device="NVIDIA GeForce RTX 4090",
        layers=sample_layers(),
    )


def sample_log() -> PerformanceLog:
    """Measurements of a busy minute."""
    log = PerformanceLog(window_rate=60.0, render_rate=14.6, precision="bfloat16")
    log.frame_ms.extend(3.1 + math.sin(i / 9) + (i % 50 == 0) * 14 for i in range(240))
    log.render_ms.extend(62 + 9 * math.sin(i / 25) + (i % 80 == 0) * 90 for i in range(240))
    log.stage_ms = {"planes": 11.4, "render": 38.2, "superresolution": 9.7, "copy": 1.3}
    log.process_bytes, log.device_bytes, log.cache_bytes = 2_480_000_000, 3_100_000_000, 91_000_000
    return log


def sample_result(probe: Probe | None = None) -> RenderResult:
    """A finished picture, and a probe's picture where one is asked for."""
    seen = None
    if probe is not None:
        waves = np.sin(np.linspace(0, 14, 64))[:, None] * np.cos(np.linspace(0, 9, 64))
        grey = ((waves + 1) * 127).astype(np.uint8)
        picture = np.stack([grey, 255 - grey, np.full_like(grey, 120)], -1)
        seen = ProbeResult(probe, picture, (512, 64, 64), -3.214, 4.871, 0.0312, 0.988)
    shot = SessionState().shot()
    picture = np.zeros((8, 8, 3), np.uint8)
    return RenderResult(RenderRequest((shot,)), (picture,), probe=seen, precision="bfloat16")


@dataclass
class RecordingActions:
    """An application that only writes down what it is asked for."""

    interface: Interface = field(default_factory=Interface)
    exports: ExportChoices = field(default_factory=ExportChoices)
    model: ModelInfo | None = field(default_factory=sample_model)
    job: JobStatus | None = None
    job_left: float | None = None
    recent: Sequence[str] = (
        "/data/checkpoints/pv3d-voxceleb-512.safetensors",
        "/home/someone/long/folder/names/eg3d-ffhq-rebalanced-512-128.pkl",
    )
    performance: PerformanceLog = field(default_factory=sample_log)
    probe_texture: object | None = None
    capture_folder: str = "/home/someone/Pictures/PV3D"
    stored: set[int] = field(default_factory=lambda: {1, 3})
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def open_model(self, path: str) -> None:
        self.calls.append(("open_model", path))

    def open_model_dialog(self) -> None:
        self.calls.append(("open_model_dialog",))

    def reload_model(self) -> None:
        self.calls.append(("reload_model",))

    def cancel_job(self) -> None:
        self.calls.append(("cancel_job",))

    def random_person(self) -> None:
        self.calls.append(("random_person",))

    def random_motion(self) -> None:
        self.calls.append(("random_motion",))

    def save_ws_dialog(self) -> None:
        self.calls.append(("save_ws_dialog",))

    def load_ws_dialog(self) -> None:
        self.calls.append(("load_ws_dialog",))

    def open_session_dialog(self) -> None:
        self.calls.append(("open_session_dialog",))

    def save_session_dialog(self) -> None:
        self.calls.append(("save_session_dialog",))

    def copy_camera(self) -> None:
        self.calls.append(("copy_camera",))

    def paste_camera(self) -> None:
        self.calls.append(("paste_camera",))

    def set_conditioning(self) -> None:
        self.calls.append(("set_conditioning",))

    def set_before(self) -> None:
        self.calls.append(("set_before",))

    def glide_to(self, yaw: float, pitch: float) -> None:
        self.calls.append(("glide_to", yaw, pitch))

    def reset_camera(self) -> None:
        self.calls.append(("reset_camera",))

    def capture(self, kind: CaptureKind) -> None:
        self.calls.append(("capture", kind))

    def capture_folder_dialog(self) -> None:
        self.calls.append(("capture_folder_dialog",))

    def export(self) -> None:
        self.calls.append(("export",))

    def toast(self, level: ToastLevel, sentence: str, details: str = "") -> None:
        self.calls.append(("toast", level, sentence, details))

    def undo(self) -> None:
        self.calls.append(("undo",))

    def redo(self) -> None:
        self.calls.append(("redo",))

    def can_undo(self) -> bool:
        return True

    def can_redo(self) -> bool:
        return False

    def store_bookmark(self, digit: int) -> None:
        self.calls.append(("store_bookmark", digit))

    def recall_bookmark(self, digit: int) -> None:
        self.calls.append(("recall_bookmark", digit))

    def bookmarks(self) -> Sequence[int]:
        return sorted(self.stored)


def draw_all(state: SessionState, result: RenderResult | None, actions: RecordingActions) -> None:
    """Every panel under its header, in the current window."""
    for panel in PANELS:
        with controls.section(
            panel.title, icon=panel.icon, default_open=panel.default_open
        ) as is_open:
            if is_open:
                panel.draw(state, result, actions)


def main() -> None:
    """Show the panels, or save a picture of them."""
    parser = argparse.ArgumentParser(description="Every panel of the sidebar over sample data.")
    parser.add_argument("--only", nargs="*", default=[], help="titles of the panels that are open")
    parser.add_argument("--light", action="store_true")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--width", type=int, default=340)
    parser.add_argument("--height", type=int, default=1600)
    parser.add_argument("--still", action="store_true")
    parser.add_argument("--empty", action="store_true", help="no model is loaded yet")
    parser.add_argument("--busy", action="store_true", help="everything that can be shown is")
    parser.add_argument("--shot", type=Path)
    options = parser.parse_args()
    size = (round(options.width * options.scale), round(options.height * options.scale))
    theme = "light" if options.light else "dark"
    for panel in PANELS:
        controls.open_sections[panel.title] = not options.only or panel.title in options.only
    with Window("Panels", size=size, position=(0, 0), theme=theme) as window:
        window.ui_scale = options.scale
        state, result, actions = SessionState(), sample_result(), RecordingActions()
        texture = Texture()
        if options.still:
            actions.model = sample_model(moves=False)
        if options.empty:
            actions.model, result = None, None
            actions.job = JobStatus("Loading pv3d-voxceleb-512", 0.4, "reading weights")
        if options.busy:
            result = _make_busy(state, actions, texture)
        frames = 0
        while not window.close_requested and (options.shot is None or frames < 6):
            window.begin_frame(0.0 if options.shot else 0.5)
            sidebar(state, result, actions)
            window.end_frame()
            frames += 1
        if options.shot is not None:
            Image.fromarray(window.read_pixels()).save(options.shot)
        texture.delete()


def _make_busy(state: SessionState, actions: RecordingActions, texture: Texture) -> RenderResult:
    probe = Probe("backbone.synthesis.b64.conv1")
    result = sample_result(probe)
    assert result.probe is not None
    texture.update(result.probe.picture)
    actions.probe_texture = texture.ref
    actions.interface.probe = probe
    actions.interface.auto_orbit = actions.interface.animate_person = True
    actions.job = JobStatus("Loading eg3d-ffhq", None)
    actions.performance.preview_level = "half the raw resolution"
    state.latent = replace(
        state.latent,
        x=3.4,
        y=1.6,
        ws_file="/data/found/someone-projected.npz",
        mix_layers=(0, 1, 2),
    )
    state.display = replace(state.display, layout="grid", depth_range=(2.4, 3.0))
    return result


def sidebar(state: SessionState, result: RenderResult | None, actions: RecordingActions) -> None:
    """All panels, filling the window."""
    area = imgui.get_main_viewport().work_size
    flags = imgui.WindowFlags_.no_decoration & ~imgui.WindowFlags_.no_scrollbar
    flags |= imgui.WindowFlags_.no_move
    imgui.push_style_var(imgui.StyleVar_.window_rounding, 0.0)
    imgui.push_style_var(imgui.StyleVar_.window_border_size, 0.0)
    imgui.push_style_var(imgui.StyleVar_.window_padding, (style.px(12), style.px(12)))
    imgui.set_next_window_pos((0, 0))
    imgui.set_next_window_size((area.x, area.y))
    imgui.begin("##sidebar", None, flags)
    draw_all(state, result, actions)
    imgui.end()
    imgui.pop_style_var(3)


if __name__ == "__main__":
    main()
