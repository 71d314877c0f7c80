"""Every panel over sample data: ``python -m tests.viz.app.panel_gallery [--shot FILE]``."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from imgui_bundle import imgui
from PIL import Image

from gui_utils import controls
from gui_utils.controls import style
from gui_utils.gl.texture import Texture
from gui_utils.window.imgui_window import Window
from tests.viz.app.recording import RecordingCommands
from training.named_directions import NamedDirection, encoded
from viz.app.panels import PANELS
from viz.app.performance_log import PerformanceLog
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
        directions=sample_directions(moves),
    )


def sample_directions(moves: bool) -> tuple[NamedDirection, ...]:
    """One of the person, and one of the motion where there is one."""
    vector = encoded(np.ones(512))
    person = NamedDirection("Hair colour", "person", vector, about="From black.")
    return (person, NamedDirection("Smile", "motion", vector)) if moves else (person,)


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
        seen = ProbeResult(
            probe, picture, (512, 64, 64), -3.214, 4.871, -3.214, 4.871, 0.0312, 0.988
        )
    shot = SessionState().shot()
    picture = np.zeros((8, 8, 3), np.uint8)
    return RenderResult(RenderRequest((shot,)), (picture,), probe=seen, precision="bfloat16")


def sample_commands() -> RecordingCommands:
    """An application that only writes down what it is asked for."""
    commands = RecordingCommands()
    commands.model = sample_model()
    commands.performance = sample_log()
    commands.preferences.recent = [
        "/data/checkpoints/pv3d-voxceleb-512.safetensors",
        "/home/someone/long/folder/names/eg3d-ffhq-rebalanced-512-128.pkl",
    ]
    commands.preferences.capture_folder = "/home/someone/Pictures/PV3D"
    commands.preferences.bookmarks = {"1": "{}", "3": "{}"}
    commands.history.track(replace(commands.state, t=0.5), busy=False)  # something to undo
    return commands


def draw_all(commands: RecordingCommands) -> None:
    """Every panel under its header, in the current window."""
    for panel in PANELS:
        with controls.section(
            panel.title, icon=panel.icon, default_open=panel.default_open
        ) as is_open:
            if is_open:
                panel.draw(commands)


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
        commands = sample_commands()
        commands.result = sample_result()
        texture = Texture()
        if options.still:
            commands.model = sample_model(moves=False)
        if options.empty:
            commands.model, commands.result = None, None
            commands.job = JobStatus("Loading pv3d-voxceleb-512", 0.4, "reading weights")
        if options.busy:
            _make_busy(commands, texture)
        frames = 0
        while not window.close_requested and (options.shot is None or frames < 6):
            window.begin_frame(0.0 if options.shot else 0.5)
            sidebar(commands)
            window.end_frame()
            frames += 1
        if options.shot is not None:
            Image.fromarray(window.read_pixels()).save(options.shot)
        texture.delete()


def _make_busy(commands: RecordingCommands, texture: Texture) -> None:
    state = commands.state
    probe = Probe("backbone.synthesis.b64.conv1")
    result = sample_result(probe)
    assert result.probe is not None
    commands.result = result
    texture.update(result.probe.picture)
    commands.layer_picture = texture.ref
    commands.interface.probe = probe
    commands.interface.auto_orbit = commands.interface.animate_person = True
    commands.job = JobStatus("Loading eg3d-ffhq", None)
    commands.performance.preview_level = "half the raw resolution"
    state.latent = replace(
        state.latent,
        x=3.4,
        y=1.6,
        ws_file="/data/found/someone-projected.npz",
        mix_layers=(0, 1, 2),
    )
    state.display = replace(state.display, layout="grid", depth_range=(2.4, 3.0))


def sidebar(commands: RecordingCommands) -> None:
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
    draw_all(commands)
    imgui.end()
    imgui.pop_style_var(3)


if __name__ == "__main__":
    main()
