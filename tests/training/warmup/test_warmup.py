"""The supervised warm-up on balls whose colour, place and depth are known."""

import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.warmup.balls import (
    SIDE,
    in_two_stages,
    settings,
    start,
    write_balls,
    write_wide,
)
from training.camera import Camera
from training.checkpoint import CheckpointError, load_generator
from training.config import RenderingConfig
from training.data import DatasetError, Loader
from training.networks.generator import Generator
from training.synthetic.expression import MOTION_DIM
from training.synthetic.traits import IDENTITY_DIM
from training.train.run_folder import RunError, RunFolder
from training.train.step import Draws
from training.warmup.held_out import main as held_out_main
from training.warmup.held_out import measure
from training.warmup.known_codes import Codes, projection, train_noise_maps
from training.warmup.picture_parts import Parts, render_parts
from training.warmup.warmup_command import WarmupConfig, main, one_frame_each
from training.warmup.warmup_losses import Targets, WarmupLossConfig, picture_losses


@pytest.fixture(scope="module")
def balls(tmp_path_factory) -> Path:
    return write_balls(tmp_path_factory.mktemp("balls") / "train", 24, seed=0)


def test_codes_are_gaussian_and_hold_the_numbers(small_generator):
    codes = Codes.draw(5, 3, small_generator)
    basis = projection(5, 16, seed=1)
    assert torch.allclose(basis @ basis.t(), torch.eye(5), atol=1e-6)
    identity, noise = torch.randn(4000, 5), torch.randn(4000, 16)
    z = codes.z(identity, noise)
    assert torch.allclose(z @ basis.t(), identity, atol=1e-5)
    assert torch.allclose(z.t().cov(), torch.eye(16), atol=0.15)
    with pytest.raises(ValueError, match="do not fit"):
        Codes.draw(17, 3, small_generator)


def test_what_no_number_tells_has_no_effect(balls, tmp_path):
    warmup = start(settings(balls, tmp_path / "run", updates=3))
    G, codes = warmup.G, warmup.codes
    identity, motion = torch.randn(2, 3), torch.randn(2, 2)
    z, z_motion = codes.z(identity, torch.randn(2, 16)), codes.z_motion(motion, torch.randn(2, 16))
    other_motion = codes.z_motion(motion, torch.randn(2, 16))
    list(warmup.run())
    for generator in (G, warmup.G_ema):
        with torch.no_grad():
            ws = generator.mapping(z)
            planes = generator.planes(ws, z_motion, torch.ones(2, 1))
            assert torch.allclose(
                planes, generator.planes(ws, other_motion, torch.ones(2, 1)), atol=1e-3
            )
            moved = generator.planes(ws, z_motion.flip(0), torch.ones(2, 1))
        assert (planes - moved).abs().max() > 0.01


@pytest.mark.parametrize("of_motion", [False, True])
def test_some_units_read_one_number_each(small_generator, of_motion):
    G = copy.deepcopy(small_generator)
    codes = Codes.draw(3, 2, G)
    codes.begin(G)
    name = "synthesis.b4.motion_time_fuser.affine" if of_motion else "mapping.fc0"
    fc0 = G.backbone.get_submodule(name)
    basis = codes.motion if of_motion else codes.identity
    read = fc0.weight[:, :16] @ basis.t()  # [units, numbers]
    mixing = len(read) // 2
    strength = read.abs().sort(dim=1).values
    assert (strength[:mixing, -2] > 1e-3 * strength[:mixing, -1]).any()
    assert (strength[mixing:, -2] < 1e-4 * strength[mixing:, -1]).all()
    gain = fc0.lr_mul / fc0.weight.shape[1] ** 0.5
    bends = -fc0.bias[mixing:] * fc0.lr_mul / (read[mixing:].sum(dim=1) * gain)
    first = bends[read[mixing:].abs().argmax(dim=1) == 0]
    assert len(first.unique()) == len(first) > 1
    assert first.abs().max() < 2


def test_truncation_pulls_towards_the_average_person(balls, tmp_path):
    warmup = start(settings(balls, tmp_path / "run", updates=2))
    list(warmup.run())
    G = warmup.G_ema
    with torch.no_grad():
        ws = G.mapping(torch.randn(4000, 16))
        average = G.mapping(torch.randn(1, 16), truncation_psi=0.0)
        assert torch.allclose(average[0, 0], ws[:, 0].mean(dim=0), atol=0.1 * float(ws.std()))


def test_rays_go_where_something_happens(balls):
    loader = Loader.open(balls, SIDE, 8, mirror=False)
    batch = next(loader)
    draws = Draws((0,), torch.device("cpu"))
    config = WarmupLossConfig(rays=400, detail=0.25, moving=0.25)
    targets = Targets.draw(batch, config, draws)
    assert targets.color.shape == (16, 400, 3)
    assert torch.equal(targets.pixels[0::2], targets.pixels[1::2])
    flat = batch.images.flatten(0, 1).flatten(2).float() / 127.5 - 1
    m, r = 5, 17
    assert torch.equal(targets.color[m, r], flat[m, :, targets.pixels[m, r]])
    parts = [slice(200), slice(200, 300), slice(300, 400)]
    spread, detailed, moving = (targets.mask[:, part].mean() for part in parts)
    assert detailed > spread
    assert moving > spread
    change = (targets.color[0::2] - targets.color[1::2]).abs().mean(dim=-1)
    spread, detailed, moving = (change[:, part].mean() for part in parts)
    assert moving > 2 * spread
    assert torch.equal(targets.weight.unique(), torch.tensor([1.0, 2.0]))
    assert (targets.weight[:, parts[2]] == 2).all()
    seen = targets.depth[targets.mask > 0.5]
    assert 2.3 < seen.min() < seen.max() < 2.8


def test_pairs_of_two_people_show_one_frame_of_each(balls):
    first, second = batches = [next(Loader.open(balls, SIDE, 3, seed=seed)) for seed in (0, 1)]
    pairs = one_frame_each(first, second, Draws((0,), torch.device("cpu")))
    assert first.identity is not None
    assert second.identity is not None
    assert pairs.identity is not None
    assert torch.equal(pairs.identity, torch.stack([first.identity, second.identity], dim=1))
    for clip in range(3):
        for place, batch in enumerate(batches):
            [frame] = torch.nonzero(batch.t[clip, :, 0] == pairs.t[clip, place, 0])
            for name in ("images", "cameras", "depth", "mask"):
                shown = getattr(pairs, name)[clip, place]
                assert torch.equal(shown, getattr(batch, name)[clip, frame[0]])


def test_balls_are_learnt(balls, tmp_path):
    warmup = start(settings(balls, tmp_path / "run", updates=150))
    before = measure(warmup.G_ema, warmup.codes, balls, count=6)
    values = list(warmup.run())
    assert all(np.isfinite(list(v.values())).all() for v in values)
    assert sum(values[-1].values()) < 0.5 * sum(values[0].values())
    after = measure(warmup.G_ema, warmup.codes, balls, count=6)
    assert after["held out/PSNR dB"] > before["held out/PSNR dB"] + 3
    assert after["held out/depth error"] < 0.1
    assert after["held out/change explained"] > before["held out/change explained"]
    G = load_generator(warmup.folder.generator)
    z = torch.randn(1, 16)
    t = torch.ones(1, 1)
    c = torch.from_numpy(Camera.orbit().numbers())[None]
    assert torch.equal(G(z, z, t, c).image, warmup.G_ema(z, z, t, c).image)


def test_a_stopped_warm_up_goes_on_as_if_it_had_not_been(balls, tmp_path):
    whole = start(settings(balls, tmp_path / "whole", updates=6, save_every=2))
    expected = list(whole.run())
    parts = settings(balls, tmp_path / "parts", updates=6, save_every=2)
    values = list(start(replace(parts, stop_after=4)).run())
    values += list(start(replace(parts, resume=True)).run())
    assert values == expected


@pytest.fixture(scope="module")
def wide(tmp_path_factory) -> Path:
    return write_wide(tmp_path_factory.mktemp("balls") / "wide")


def test_the_super_resolution_joins_in_the_second_stage(wide, tmp_path):
    warmup = start(in_two_stages(wide, tmp_path / "run"))
    begun = {name: x.clone() for name, x in warmup.G.state_dict().items()}

    def moved() -> set[str]:
        found = warmup.G.state_dict()
        names = {name for name, x in found.items() if not torch.equal(x, begun[name])}
        begun.update({name: x.clone() for name, x in found.items()})
        return {name.split(".")[0] for name in names}

    steps = warmup.run()
    assert all("picture" not in next(steps) for _ in range(2))
    assert moved() == {"backbone", "decoder", "to_img_raw"}
    for values in steps:
        assert {"color", "picture", "picture change", "edges"} < set(values)
        assert np.isfinite(list(values.values())).all()
    assert moved() == {"backbone", "decoder", "to_img_raw", "superresolution"}


def test_parts_of_final_pictures_are_as_in_the_whole(wide, tmp_path):
    warmup = start(in_two_stages(wide, tmp_path / "run", batch=2, updates=0))
    list(warmup.run())  # the new layers would enlarge and do nothing else
    G, config = warmup.G, warmup.config
    images = next(warmup.loader).images.flatten(0, 1)
    parts = Parts.draw(images, 16, config.loss, Draws((3,), G.device))
    assert parts.side == 12
    raw = torch.randn(2, 11, 16, 16).split((8, 3), dim=1)
    ws = torch.randn(2, 16)
    with torch.no_grad():
        whole = G.get_submodule("superresolution")(*raw, ws)
        part = G.get_submodule("superresolution")(*map(parts.cut, raw), ws, 16)
    inside = parts.inside(8)
    assert 0.2 < inside.mean() < 1
    assert (((part - parts.cut(whole)) * inside).abs() < 1e-4).all()
    cuts = zip(images[0::2], parts.cut(images[0::2]), 8 * parts.corner, strict=True)
    for picture, cut, (row, column) in cuts:
        assert torch.equal(cut, picture[:, row : row + 96, column : column + 96])


def test_a_part_holds_what_the_whole_raw_picture_shows_there(wide, tmp_path):
    warmup = start(in_two_stages(wide, tmp_path / "run", batch=2))
    G, batch = warmup.G, next(warmup.loader)
    ws, planes, c = warmup.scene(batch, Draws((1,), G.device))
    parts = Parts.draw(batch.images.flatten(0, 1), 16, warmup.config.loss, Draws((3,), G.device))
    with torch.no_grad():
        whole = G.render(planes[0::2], ws[0::2], c[0::2]).features
        part, _ = render_parts(G, planes[0::2], ws[0::2], c[0::2], parts)
    assert torch.allclose(part, parts.cut(whole), atol=1e-5)


def test_final_pictures_are_told_how_they_should_have_changed():
    target = torch.rand(2, 3, 24, 24) * 2 - 1
    inside = torch.ones(2, 1, 24, 24)
    config = WarmupLossConfig(picture_moving=0)

    def losses(first: float, second: float) -> dict[str, float]:
        error = torch.tensor([first, second])[:, None, None, None]
        found = picture_losses(target + error, target, inside, config)
        return {name: value.item() for name, value in found.items()}

    together, apart = losses(0.1, 0.1), losses(0.1, -0.1)
    assert together["picture change"] == pytest.approx(0, abs=1e-9)
    assert apart["picture change"] == pytest.approx(config.picture_change * 0.04, rel=1e-4)
    assert together["picture squared"] == pytest.approx(apart["picture squared"], rel=1e-4)


def test_raw_pictures_must_fit_into_final_ones(wide, tmp_path):
    config = in_two_stages(wide, tmp_path / "run")
    uneven = replace(config.generator, rendering=RenderingConfig(24, 8, 8))
    with pytest.raises(ValueError, match="whole multiple"):
        start(replace(config, generator=uneven))


def test_a_run_begins_with_another_ones_generator(balls, tmp_path):
    first = start(settings(balls, tmp_path / "first", updates=3))
    list(first.run())
    source = str(tmp_path / "first" / "generator.safetensors")
    second = start(settings(balls, tmp_path / "second", start_from=source))
    for generator in (second.G, second.G_ema):
        names, trained = generator.state_dict(), first.G_ema.state_dict()
        assert all(torch.equal(names[name], trained[name]) for name in trained)
    assert "color" in next(second.run())
    other = replace(second.config.generator, channel_base=64, channel_max=8)
    with pytest.raises(CheckpointError, match=r"Cannot start from .* different sizes"):
        start(settings(balls, tmp_path / "third", start_from=source, generator=other))


def test_the_layers_that_read_the_codes_are_taught_first(tmp_path, capsys):
    heads = write_balls(tmp_path / "heads", 8, 0, IDENTITY_DIM, MOTION_DIM)
    config = settings(heads, tmp_path / "run", updates=2, teach=3)
    config = replace(config, generator=replace(config.generator, z_dim=96))

    stopped = start(config)
    stopped.stop()
    assert list(stopped.run()) == []
    whole = start(replace(config, resume=True))
    begun = {name: x.clone() for name, x in whole.G.state_dict().items()}
    whole.prepare()
    taught = whole.G.state_dict()
    changed = {name for name, x in taught.items() if not torch.equal(x, begun[name])}
    assert {name.split(".")[1] for name in changed} == {"mapping", "synthesis"}
    assert all("mapping.fc" in name or "motion_time_fuser" in name for name in changed)
    assert all(torch.equal(x, taught[name]) for name, x in whole.G_ema.state_dict().items())
    assert "unexplained" in capsys.readouterr().err

    expected = {name: x.clone() for name, x in taught.items() if "fc0" in name}
    again = start(replace(config, resume=True, stop_after=0))
    assert list(again.run()) == []
    found = again.G.state_dict()
    assert all(torch.equal(found[name], x) for name, x in expected.items())
    assert len(list(start(replace(config, resume=True)).run())) == 2


def test_other_data_than_synthetic_heads_cannot_be_taught(balls, tmp_path):
    with pytest.raises(DatasetError, match="--teach 0"):
        start(settings(balls, tmp_path / "run", teach=3))


def test_trained_noise_maps_keep_their_names(small_config):
    G = Generator(small_config)
    names = list(G.state_dict())
    train_noise_maps(G)
    assert sorted(G.state_dict()) == sorted(names)
    trained = {name for name, _ in G.named_parameters()}
    assert "backbone.synthesis.b16.conv1.noise_const" in trained
    assert "superresolution.block0.conv1.noise_const" not in trained


def test_impossible_settings_are_all_named():
    with pytest.raises(ValueError, match=r"log_every is 0.*seed is -1"):
        WarmupConfig(data="", log_every=0, seed=-1)


def test_data_without_numbers_are_refused(balls, tmp_path, capsys):
    index = json.loads((balls / "dataset.json").read_text())
    bare = tmp_path / "bare"
    bare.mkdir()
    for clip in index["clips"]:
        del clip["identity"]
    (bare / "dataset.json").write_text(json.dumps(index))
    for k in range(24):
        (bare / str(k)).symlink_to(balls / str(k))
    with pytest.raises(DatasetError, match="has no identity"):
        start(settings(bare, tmp_path / "run"))
    assert main(["--data", str(tmp_path / "none"), "--out", str(tmp_path / "b")]) == 1
    assert "none" in capsys.readouterr().err


def test_a_warm_up_that_diverges_ends_with_its_last_finite_state(balls, tmp_path):
    run = start(settings(balls, tmp_path / "run", updates=4, save_every=2))
    steps = run.run()
    next(steps)
    next(steps)
    with torch.no_grad():
        run.G.get_parameter("decoder.net.0.bias").fill_(float("nan"))
    with pytest.raises(RunError, match=r"diverged: G/.* is not finite after update 3"):
        list(steps)
    assert [path.stem for path in run.folder.states()] == ["000000002"]


def test_a_resumed_warm_up_keeps_its_settings(balls, tmp_path, capsys):
    config = settings(balls, tmp_path / "run", updates=2, save_every=1)
    list(start(replace(config, stop_after=1)).run())
    assert main(["--resume", "--out", str(tmp_path / "run"), "--generator.channel-max", "16"]) == 1
    said = capsys.readouterr().err
    assert "generator.channel_max was 32 and is 16" in said
    assert main(["--resume", "--out", str(tmp_path / "run")]) == 0
    assert [path.stem for path in RunFolder(tmp_path / "run").states()][-1] == "000000002"


def test_held_out_people_are_measured_from_the_command_line(balls, tmp_path, capsys):
    warmup = start(settings(balls, tmp_path / "run", updates=2, save_every=2))
    list(warmup.run())
    run = tmp_path / "run"
    assert held_out_main([str(run), "--data", str(balls), "--count", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == measure(warmup.G_ema, warmup.codes, balls, count=3)
    for name in ("PSNR dB", "raw PSNR eyes and mouth dB", "change explained eyes and mouth"):
        assert np.isfinite(found[f"held out/{name}"])
    assert 0 < found["held out/perceptual distance FLIP"] < 1
    assert 0 < found["held out/detail"] < 1, "it is softer than the truth"
    behind = Path(shutil.copytree(balls, tmp_path / "behind")) / "dataset.json"
    index = json.loads(behind.read_text())
    for clip in index["clips"]:
        clip["cameras"] = [Camera.orbit(170).numbers().tolist()] * 4
    behind.write_text(json.dumps(index))
    found = measure(warmup.G_ema, warmup.codes, behind.parent, count=3)
    assert "held out/PSNR dB" in found
    assert not any("eyes" in name for name in found), "they cannot be seen from behind"
    (run / "codes.safetensors").unlink()
    assert held_out_main([str(run), "--data", str(balls)]) == 1
    assert "holds no bases of codes" in capsys.readouterr().err
