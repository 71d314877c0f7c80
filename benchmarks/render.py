"""Measures how fast a model renders on this machine, compared with the plain networks.

    python -m benchmarks.render                       a full-size model of random weights
    python -m benchmarks.render model.ckpt --json speed.json

The renderer (`viz.render.inference`) and the plain networks of `training` in float32 alternate in
every task; medians are shown, and the median of the turns' ratios. A turn ends when its picture is
in the host's memory, so the wait for a GPU is included. A stage's floor is the time of its
arithmetic or of its memory traffic at the device's peak, whichever is longer. Peak memory is
measured in separate processes. Close other programs while it runs.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import torch
import tyro

from benchmarks.floors import speed, work
from benchmarks.peak_memory import peak_memory
from training.config import GeneratorConfig
from training.networks.generator import Generator
from training.terminal import run_command
from viz.render import geometry
from viz.render.inference import calibration, format_trials, kept_plans
from viz.render.inference.plan import Plan
from viz.render.models import load_model, pick_device
from viz.render.renderer import Renderer
from viz.scheduling.previews import PreviewController, Sides, words
from viz.state.errors import UserError
from viz.state.jobs import finish
from viz.state.person import Latent, Motion
from viz.state.types import Orbit, Precision, Preview, Quality, RenderRequest, SessionState, Shot

STAGES = ("planes", "render", "superresolution")
_PREVIEWS = 30
"""Previews of a drag; the first half of them teaches the controller their cost."""


@dataclass
class RenderTimingOptions:
    """What is measured."""

    checkpoint: Annotated[str, tyro.conf.Positional] = ""
    """Model to render; a full-size one with random weights if not given."""
    device: str = "auto"
    """Where to render: auto, cpu, cuda or cuda:1."""
    precision: Precision = "auto"
    """Number format of the renderer."""
    turns: int = 7
    """Number of turns of each task."""
    mesh: int = 256
    """Points along each side of the mesh's grid; 0 for no mesh."""
    rate: float = 15.0
    """Target rate of previews while something moves, per second."""
    memory: bool = True
    """Measure peak memory."""
    json: Path | None = None
    """File for all numbers."""


@dataclass
class TaskRow:
    """One task, by the renderer and by the plain networks."""

    task: str
    ours: list[float] = field(default_factory=list)
    """Milliseconds, or MiB."""
    plain: list[float] = field(default_factory=list)
    unit: str = "ms"

    @property
    def ratio(self) -> float:
        """Speed relative to the plain networks, or memory as a fraction of theirs."""
        if not (self.ours and self.plain):
            return float("nan")
        pairs = zip(self.ours, self.plain, strict=True)
        if self.unit == "ms":
            return median(plain / max(ours, 1e-9) for ours, plain in pairs)
        return median(ours / plain for ours, plain in pairs)


class PlainRenderer(Renderer):
    """Renders with the plain networks in float32."""

    def plan(self, quality: Quality) -> Plan:
        del quality
        return Plan(reference=True)


def load(checkpoint: str, device: torch.device) -> Generator:
    """The model to measure.

    Raises:
        UserError: if it cannot be used.
    """
    if not checkpoint:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return Generator(GeneratorConfig()).eval().requires_grad_(False).to(device)
    return finish(load_model(checkpoint, device)).G


def shots(task: str, turn: int) -> Shot:
    """The shot of a task's turn, a new one each time."""
    state = SessionState(t=0.5, latent=Latent(), motion=Motion())
    if task == "orbit":
        state.orbit = Orbit(yaw=2.0 + 3.1 * turn)
    elif task == "scrub":
        state.t = 0.1 + 0.8 * ((turn * 0.618) % 1)
    elif task == "person":
        state.latent = Latent(x=float(turn + 1))
        state.motion = Motion(x=float(turn + 1))
    return state.shot()


def measure(
    G: Generator, options: RenderTimingOptions
) -> tuple[list[TaskRow], dict[str, float | str]]:
    """Times of all tasks, and further facts."""
    quality = Quality(precision=options.precision)
    begin = time.perf_counter()
    plan = calibration.plan_for(G) if options.precision == "auto" else None
    facts: dict[str, float | str] = {"calibration, s": time.perf_counter() - begin}
    ours, plain = Renderer(G), PlainRenderer(G)
    facts["plan"] = str(plan or ours.plan(quality))
    begin = time.perf_counter()
    ours.render(RenderRequest((shots("first", 0),), quality))
    facts["first picture, s"] = time.perf_counter() - begin
    plain.render(RenderRequest((shots("first", 0),), quality))
    rows = {name: TaskRow(name) for name in ("orbit", "scrub", "person", *STAGES)}
    for task in ("orbit", "scrub", "person"):
        for turn in range(options.turns):
            request = RenderRequest((shots(task, turn),), quality)
            for renderer, way in ((ours, "ours"), (plain, "plain")):
                result = renderer.render(request)
                getattr(rows[task], way).append(result.total_ms)
                if task == "person":
                    for stage in STAGES:
                        getattr(rows[stage], way).append(result.stage_ms.get(stage, 0.0))
    for task in ("orbit", "scrub"):
        facts[f"{task} previews"] = _previews(ours, task, quality, options.rate)
    shown = [ours.image(shots("orbit", k), quality) for k in range(3)]
    exact = [plain.image(shots("orbit", k), quality) for k in range(3)]
    facts["PSNR, dB"] = min(format_trials.psnr(*pair) for pair in zip(shown, exact, strict=True))
    found = [row for row in rows.values() if any(row.plain)]
    if options.mesh:
        found.append(_mesh(G, ours, quality, options.mesh))
    return found, facts


def _previews(renderer: Renderer, task: str, quality: Quality, rate: float) -> str:
    """Previews per second during a drag, once their cost is known, and what they omit."""
    config = renderer.G.config
    small = renderer.plan(quality).int8_previews
    sides = Sides(config.rendering.raw_resolution, config.image_resolution, small)
    controller = PreviewController(sides)
    taken: list[float] = []
    chosen = Preview()
    for turn in range(_PREVIEWS):
        full = RenderRequest((shots(task, turn),), quality)
        chosen = controller.choose(full, rate)
        request = replace(full, preview=chosen)
        result = renderer.render(request)
        controller.measured(result)
        taken.append(result.total_ms)
    settled = taken[_PREVIEWS // 2 :]
    return f"{1000 / median(settled):.1f}/s, slowest {max(settled):.0f} ms: {words(chosen)}"


def _mesh(G: Generator, renderer: Renderer, quality: Quality, resolution: int) -> TaskRow:
    """Times of a mesh, and of its surface alone if every point of the grid is evaluated."""
    shot = replace(shots("first", 0), view="mesh")
    field = geometry.DensityField(G, renderer.planes(shot, quality))
    axis = torch.linspace(-field.box / 2, field.box / 2, 32, device=field.device)
    sigma = field.over(axis, axis, axis).cpu().numpy()
    level = float(np.logaddexp(0, np.quantile(sigma, 0.9) - 1))  # some surface in any model
    quality = replace(quality, mesh_resolution=resolution, mesh_level=level)
    row = TaskRow(f"mesh {resolution}")
    begin = time.perf_counter()
    renderer.render(RenderRequest((shot,), quality))
    row.ours.append((time.perf_counter() - begin) * 1000)
    begin = time.perf_counter()
    grid = geometry.Grid.cube(field.box, resolution)
    finish(geometry.surface_steps(field, grid, geometry.sigma_level(level), sparse=False))
    row.plain.append((time.perf_counter() - begin) * 1000)
    return row


def floors(G: Generator, plan: Plan) -> dict[str, str]:
    """Minimum time of each stage, and the work behind it."""
    formats = {
        "planes": plan.backbone,
        "render": plan.rays,
        "superresolution": plan.superresolution,
    }
    speeds = {name: speed(G.device, getattr(torch, name)) for name in set(formats.values())}
    found = {}
    for stage, done in work(G, plan).items():
        least = done.seconds(speeds[formats[stage]])
        text = f"{least * 1000:.2f} ({done.flop / 1e9:.1f} GFLOP, {done.bytes / 2**20:.0f} MiB)"
        found[f"{stage} floor, ms"] = text
    return found


def measure_memory(options: RenderTimingOptions) -> TaskRow:
    """Peak memory in MiB of processes that render a few pictures."""
    row = TaskRow("peak memory", unit="MiB")
    context = multiprocessing.get_context("spawn")
    for way, numbers in (("ours", row.ours), ("plain", row.plain)):
        with context.Pool(1) as pool:
            numbers.append(pool.apply(_peak, (replace(options, json=None), way)))
    return row


def _peak(options: RenderTimingOptions, way: str) -> float:
    device = pick_device(options.device)
    G = load(options.checkpoint, device)
    quality = Quality(precision=options.precision)
    with torch.inference_mode():
        renderer = Renderer(G) if way == "ours" else PlainRenderer(G)
        for task in ("first", "orbit", "scrub", "person"):
            renderer.render(RenderRequest((shots(task, 1),), quality))
    return peak_memory(device) / 2**20


def table(rows: list[TaskRow], facts: dict[str, float | str]) -> str:
    """All numbers as readable text."""
    lines = [f"{'':16}{'here':>12}{'plain':>12}{'ratio':>8}{'here':>10}"]
    for row in rows:
        here = median(row.ours)
        rate = f"{1000 / here:8.1f}/s" if row.unit == "ms" and here else ""
        lines.append(
            f"{row.task:16}{here:9.1f} {row.unit:<3}{median(row.plain):8.1f} {row.unit:<3}"
            f"{row.ratio:7.2f} {rate:>10}"
        )
    for name, value in facts.items():
        lines.append(f"{name:16} {value if isinstance(value, str) else round(value, 3)}")
    return "\n".join(lines)


def main(options: RenderTimingOptions) -> int:
    """Measures and prints."""
    try:
        device = pick_device(options.device)
        if device.type == "cuda":
            torch.cuda.set_device(device)
        G = load(options.checkpoint, device)
        with torch.inference_mode():
            rows, facts = measure(G, options)
            quality = Quality(precision=options.precision)
            facts |= floors(G, Renderer(G).plan(quality))
        if options.memory:
            rows.append(measure_memory(options))
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    print(table(rows, facts))
    if options.json is not None:
        entries = [asdict(row) | {"ratio": row.ratio} for row in rows]
        machine = kept_plans.machine()
        if device.type == "cuda":
            machine |= kept_plans.gpu(device)
        data = {"machine": machine, "device": str(device), "facts": facts}
        options.json.write_text(json.dumps(data | {"rows": entries}, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    run_command(lambda: main(tyro.cli(RenderTimingOptions, prog="python -m benchmarks.render")))
