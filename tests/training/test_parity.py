"""Our numbers against the published implementation's, on weights made from names alone."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.parity_numbers.cut import cut
from training.checkpoint import load_generator, save
from training.config import GeneratorConfig
from training.networks.generator import Generator
from training.networks.layers import resample_filter

CONFIGS = {
    "tiny": GeneratorConfig(channel_base=2048, channel_max=32),
    "full": GeneratorConfig(),
}


def error(ours, theirs) -> float:
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


def kept(want: dict[str, np.ndarray], name: str) -> tuple[slice, np.ndarray]:
    """The published pixels of a picture, and which of each row and column they are."""
    (key,) = (key for key in want if key == name or key.startswith(f"{name}_stride"))
    step = int(key.rpartition("_stride")[2]) if "_stride" in key else 1
    return slice(None, None, step), want[key]


def picture_error(want: dict[str, np.ndarray], name: str, ours: torch.Tensor) -> float:
    pixels, values = kept(want, name)
    return error(ours[..., pixels, pixels], values)


def names_and_shapes(parity, size: str) -> dict[str, list[int]]:
    data = json.loads((parity / f"state_names_{size}.json").read_text())
    return data.get("generator", data)


@pytest.fixture(scope="module", params=CONFIGS)
def published(request, parity, fill):
    """A generator on the parity weights, and the published numbers for it."""
    size = request.param
    with torch.device("meta"):
        G = Generator(CONFIGS[size])
    shapes = names_and_shapes(parity, size)
    assert {name: list(x.shape) for name, x in G.state_dict().items()} == shapes
    state = {}
    for name, shape in shapes.items():
        value = fill.fill_value(name, shape)
        state[name] = resample_filter() if value is None else torch.from_numpy(np.array(value))
    G.load_state_dict(state, assign=True)
    with np.load(parity / f"generator_{size}.npz") as data:
        return G.eval().requires_grad_(False), dict(data)


def test_the_repository_s_part_is_cut_from_all_numbers(parity, fill):
    """And the weights that it goes with are the same."""
    part = Path(__file__).parents[1] / "parity_numbers"
    if parity == part:
        pytest.skip("only the repository's part of the published numbers is here")
    for path in sorted(part.glob("*.npz")):
        with np.load(path) as ours, np.load(parity / path.name) as theirs:
            expected = cut(dict(theirs))
            assert ours.keys() == expected.keys()
            assert all(np.array_equal(ours[key], value) for key, value in expected.items())
    theirs = runpy.run_path(str(parity / "fill.py"))
    for name, shape in names_and_shapes(part, "tiny").items():
        ours, value = fill.fill_value(name, shape), theirs["fill_value"](name, shape)
        assert value is None if ours is None else np.array_equal(ours, value), name
    assert np.array_equal(fill.input_value("a/z", (3, 4)), theirs["input_value"]("a/z", (3, 4)))


@pytest.mark.parametrize("case", ["front", "side", "truncated"])
def test_numbers_of_the_published_generator(published, fill, case):
    G, data = published
    want = {key.split("/")[1]: value for key, value in data.items() if key.startswith(case)}
    z, z_motion = (
        torch.from_numpy(fill.input_value(f"{case}/{name}", (1, 512))) for name in ("z", "z_motion")
    )
    t = torch.from_numpy(np.float32(want["t"]).reshape(1, 1))
    c = torch.from_numpy(np.float32(want["camera"]).reshape(1, 25))

    ws = G.mapping(z, truncation_psi=float(want["psi"]))
    planes = G.planes(ws, z_motion, t)
    raw = G.render(planes, ws, c, resolution=64, jitter=0.5)
    image = G.superresolve(raw, ws)
    points = torch.from_numpy(np.float32(want["points"]))[None]
    sigma, features = G.sample(planes, points)

    assert ws.shape[1] == want["num_ws"]
    flat = planes[0].flatten(0, 1)
    errors = {
        "w": error(ws[0, 0], want["w"]),
        "planes": picture_error(want, "planes", flat),
        "planes_mean_std": error([flat.mean(), flat.std()], want["planes_mean_std"]),
        "image_raw": picture_error(want, "image_raw", raw.image[0]),
        "image": picture_error(want, "image", image[0]),
        "image_mean_std": error([image.mean(), image.std()], want["image_mean_std"]),
        "sigma": error(sigma[0], want["sigma"]),
        "features": error(features[0, : len(want["point_features"])], want["point_features"]),
    }
    assert {name: e for name, e in errors.items() if not e <= 1e-4} == {}
    assert picture_error(want, "depth", raw.depth[0, 0]) <= 1e-3


def official_state(G: Generator, prefix: str) -> dict:
    """What the published training writes, with everything that is not the generator left small."""
    model = {f"{prefix}generator_ema.{name}": x for name, x in G.state_dict().items()}
    model |= {f"{prefix}generator.{name}": x * 0 for name, x in G.state_dict().items()}
    model[f"{prefix}img_discriminator.b4.out.bias"] = torch.zeros(1)
    model[f"{prefix}pl_mean"] = torch.zeros([])
    rendering = {
        "superresolution_module": "lib.models.videg3d.networks.superresolution."
        "SuperresolutionHybrid8XDC",
        "c_gen_conditioning_zero": False,
        "c_scale": 1.0,
        "decoder_lr_mul": 1.0,
        "sr_antialias": True,
        "depth_resolution": 48,
        "depth_resolution_importance": 48,
        "ray_start": 2.25,
        "ray_end": 3.3,
        "box_warp": 1,
    }
    generator = {"rendering_kwargs": rendering, "conv_clamp": None, "sr_num_fp16_res": 4}
    config = {
        "model_config": {"pv3d": {"generator": generator}},
        "training": {"rendering_resolution": 64},
    }
    return {"model": model, "config": config, "num_updates": 300_000, "best_fvd": 29.1}


@pytest.mark.parametrize("prefix", ["", "module."])
def test_official_checkpoint_gives_the_same_numbers(published, fill, tmp_path, prefix):
    G, _ = published
    path = tmp_path / "official.ckpt"
    torch.save(official_state(G, prefix), path)
    assert_same(G, load_generator(path), fill)


def test_our_format_gives_the_same_numbers(published, fill, tmp_path):
    G, _ = published
    path = tmp_path / "ours.safetensors"
    save(path, G)
    assert_same(G, load_generator(path), fill)


def assert_same(G: Generator, loaded: Generator, fill) -> None:
    """Equal configuration, equal weights and equal planes, bit for bit."""
    assert loaded.config == G.config
    ours, theirs = G.state_dict(), loaded.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    z = torch.from_numpy(fill.input_value("front/z", (1, 512)))
    t = torch.full((1, 1), 0.4)
    planes = [H.planes(H.mapping(z), z, t) for H in (G, loaded)]
    assert torch.equal(*planes)
