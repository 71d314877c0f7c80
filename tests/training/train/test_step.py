"""One update: its gradients in parts and whole, in half formats, compiled, and not finite."""

from dataclasses import replace

import pytest
import torch

from tests.training.train.tiny_run import CONFIG, Stripes, trainer, weights
from training.config import DiscriminatorConfig
from training.networks.discriminators import ImageDiscriminator, VideoDiscriminator
from training.networks.generator import Generator
from training.train.loop import Trainer
from training.train.run_folder import RunError
from training.train.step import PHASES, Clips, Draws, Phase, Schedule

ONE_BY_ONE = replace(CONFIG.discriminator, group_size=1)  # no sample's logit depends on another


def gradients(run: Trainer, phase: Phase) -> dict[str, torch.Tensor]:
    """Of every trained parameter after one phase of the first update."""
    run.run_phase(phase, PHASES.index(phase), 0, Schedule.at(0, run.config))
    return {
        f"{part}.{name}": parameter.grad.clone()
        for part, module in run.state.modules.items()
        for name, parameter in module.named_parameters()
        if parameter.grad is not None
    }


def difference(found: dict[str, torch.Tensor], exact: dict[str, torch.Tensor]) -> float:
    """Norm of the difference over the norm, of all gradients as one vector."""
    assert found.keys() == exact.keys()
    apart = sum((found[name] - exact[name]).square().sum().item() for name in exact)
    whole = sum(gradient.square().sum().item() for gradient in exact.values())
    return (apart / whole) ** 0.5


@pytest.mark.parametrize("phase", PHASES)
def test_micro_batches_add_up_to_the_batch(tmp_path, phase):
    """The gradient of the mean over both micro-batches, differentiated as one graph."""
    found = gradients(trainer(tmp_path / "parts"), phase)
    run = trainer(tmp_path / "whole")
    index, config, nets = PHASES.index(phase), run.config, run.networks
    modules = [nets.G] if phase.startswith("G") else [nets.D_image, nets.D_video]
    for module in (nets.G, nets.D_image, nets.D_video):
        module.requires_grad_(module in modules)
    losses = []
    for micro in range(2):
        draws = Draws((config.seed, 0, index, micro), torch.device("cpu"))
        clips, c = run.data.clips(0, micro), run.data.cameras(draws, config.micro_batch)
        losses += run.step.compute[phase](clips, c, Schedule.at(0, config), draws).losses.values()
    (torch.stack(losses).sum() / 2).backward()
    whole = {
        f"{part}.{name}": parameter.grad
        for part, module in run.state.modules.items()
        for name, parameter in module.named_parameters()
        if parameter.grad is not None
    }
    assert difference(found, whole) < 1e-5


class Whole(Stripes):
    """The clips of both micro-batches as one."""

    def clips(self, update: int, micro_batch: int) -> Clips:
        first, second = (Stripes.clips(self, update, k) for k in range(2))
        parts = zip(vars(first).values(), vars(second).values(), strict=True)
        return Clips(*(torch.cat(pair) for pair in parts))


def test_accumulated_gradients_are_those_of_one_large_batch(tmp_path):
    """The phase without draws sees the same samples, whatever the micro-batches."""
    parts = gradients(trainer(tmp_path / "a", discriminator=ONE_BY_ONE), "Dreg")
    run = trainer(tmp_path / "b", discriminator=ONE_BY_ONE, micro_batch=4)
    run.data = Whole()
    assert difference(parts, gradients(run, "Dreg")) < 1e-5


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(("precision", "bound"), [("bfloat16", 0.1), ("float16", 0.02)])
def test_half_formats_give_close_gradients(tmp_path, phase, precision, bound):
    exact = gradients(trainer(tmp_path / "exact"), phase)
    close = gradients(trainer(tmp_path / "half", precision=precision), phase)
    assert all(gradient.dtype == torch.float32 for gradient in close.values())
    assert difference(close, exact) < bound


class Kept:
    """Bytes of the tensors that autograd keeps for the backward pass, each storage once."""

    def __init__(self) -> None:
        self.storages: dict[int, int] = {}
        self.hooks = torch.autograd.graph.saved_tensors_hooks(self.keep, lambda x: x)

    def keep(self, x: torch.Tensor) -> torch.Tensor:
        self.storages[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x


@pytest.mark.parametrize("phase", ["Gmain", "Greg", "Dmain"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_checkpointing_keeps_less_and_gives_the_same(tmp_path, phase, precision):
    kept, found = {}, {}
    for on in (False, True):
        run = trainer(tmp_path / f"{on}", checkpointing=on, precision=precision)
        counter = Kept()
        with counter.hooks:
            draws = Draws((0, 0, 0, 0), torch.device("cpu"))
            clips, c = run.data.clips(0, 0), run.data.cameras(draws, 2)
            schedule = Schedule.at(0, run.config)
            outcome = run.step.compute[phase](clips, c, schedule, draws)
        torch.stack(list(outcome.losses.values())).sum().backward()
        kept[on] = sum(counter.storages.values())
        found[on] = {
            f"{part}.{name}": p.grad
            for part, module in run.state.modules.items()
            for name, p in module.named_parameters()
            if p.grad is not None
        }
    assert difference(found[True], found[False]) < 1e-6
    assert kept[True] < kept[False] / 2


def formats(run: Trainer) -> dict[str, set[torch.dtype]]:
    """Number formats of what each part's convolutions give in one update."""
    found: dict[str, set[torch.dtype]] = {}
    nets = run.networks
    parts = {"backbone": nets.G.backbone.synthesis, "image": nets.D_image, "video": nets.D_video}
    for name, module in parts.items():
        for key, layer in module.named_modules():
            if key.endswith(("conv0", "conv1")):
                resolution = key.split(".")[0]
                seen = found.setdefault(f"{name} {resolution}", set())
                layer.register_forward_hook(lambda *a, seen=seen: seen.add(a[2].dtype))
    run.run_phase("Gmain", 0, 0, Schedule.at(0, run.config))
    return found


def test_half_formats_are_used_where_the_published_run_uses_them(tmp_path):
    """In the finest blocks of the discriminators, and not in the backbone unless asked for."""
    sized = replace(CONFIG.discriminator, half_blocks=1)
    found = formats(trainer(tmp_path / "a", precision="float16", discriminator=sized))
    half, full = {torch.float16}, {torch.float32}
    expected = {"backbone b4": full, "backbone b8": full}
    expected |= {f"{part} b16": half for part in ("image", "video")}
    expected |= {f"{part} b8": full for part in ("image", "video")}
    assert {name: seen for name, seen in found.items() if "b4" not in name or "back" in name} == (
        expected
    )
    found = formats(trainer(tmp_path / "b", precision="float16", half_backbone=True))
    assert found["backbone b8"] == half


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_run_in_a_half_format_stays_finite(tmp_path, precision):
    run = trainer(tmp_path, precision=precision)
    logged = list(run.run())
    assert all(torch.isfinite(torch.tensor(list(v.values()))).all() for v in logged)
    for module in run.state.modules.values():
        assert all(
            x.dtype == torch.float32 and x.isfinite().all() for x in weights(module).values()
        )


def test_channels_last_changes_nothing_but_the_layout(tmp_path):
    run = trainer(tmp_path / "last", channels_last=True)
    weight = run.networks.D_image.state_dict()["b16.conv0.weight"]
    assert weight.is_contiguous(memory_format=torch.channels_last)
    expected = list(trainer(tmp_path / "first").run())
    for ours, theirs in zip(run.run(), expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)


def test_gradients_that_are_not_finite_do_no_harm(tmp_path, monkeypatch):
    """As in the published loop: NaN counts as 0, infinity as 1e5."""
    run = trainer(tmp_path)
    parameters = dict(run.networks.G.named_parameters())
    bias, other = parameters["decoder.net.2.bias"], parameters["to_img_raw.bias"]
    bias.register_hook(lambda g: torch.full_like(g, float("nan")))
    other.register_hook(lambda g: torch.full_like(g, -float("inf")))
    before, other_before = bias.detach().clone(), other.detach().clone()
    found = gradients(run, "Gmain")
    assert found["G.decoder.net.2.bias"].eq(0).all()
    assert torch.equal(bias, before)
    assert found["G.to_img_raw.bias"].eq(-1e5).all()
    assert (other > other_before).all()
    list(run.run())
    assert all(p.isfinite().all() for p in run.networks.G.parameters())


def test_without_a_compiler_one_sentence_says_so(tmp_path, monkeypatch):
    import torch._inductor.config as inductor

    monkeypatch.setattr(inductor.cpp, "cxx", ("no-such-compiler",))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(RunError, match=r"--compile needs a C\+\+ compiler.* train without it"):
        trainer(tmp_path, compile=True)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_networks_are_compiled_in_one_piece(small_config, precision):
    """Without graph breaks, as torch.compile traces them; a compiler is not needed for that."""
    G = Generator(small_config).eval()
    config = DiscriminatorConfig(32, 128, 16, mapping_layers=2, group_size=2)
    ws = G.mapping(torch.randn(2, 16))
    motion, c = torch.randn(2, 16), torch.randn(2, 25)
    drawn = G.backbone.synthesis.draw_noise(2, torch.Generator().manual_seed(0))
    images, pairs = torch.randn(2, 3, 32, 32), torch.randn(2, 7, 32, 32)
    cases = [
        (G.backbone.synthesis, (ws, motion, drawn)),
        (ImageDiscriminator(config), (images, images[:, :, :16, :16], c)),
        (VideoDiscriminator(config), (pairs, torch.randn(2, 50))),
    ]
    half = precision != "float32"
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        for module, arguments in cases:
            compiled = torch.compile(module, backend="eager", fullgraph=True)
            assert torch.allclose(compiled(*arguments), module(*arguments), atol=1e-4)
