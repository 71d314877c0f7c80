"""Our numbers against the published implementation's, on weights made from names alone."""

import json

import numpy as np
import pytest
import torch

from training.config import GeneratorConfig
from training.networks.generator import Generator

CONFIGS = {
    "tiny": GeneratorConfig(channel_base=2048, channel_max=32),
    "full": GeneratorConfig(),
}


def error(ours, theirs) -> float:
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


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
    from training.networks.layers import resample_filter

    state = {}
    for name, shape in shapes.items():
        value = fill.fill_value(name, shape)
        state[name] = resample_filter() if value is None else torch.from_numpy(np.array(value))
    G.load_state_dict(state, assign=True)
    with np.load(parity / f"generator_{size}.npz") as data:
        return G.eval().requires_grad_(False), dict(data)


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
        "planes": error(flat[:, ::16, ::16], want["planes_stride16"]),
        "planes_mean_std": error([flat.mean(), flat.std()], want["planes_mean_std"]),
        "image_raw": error(raw.image[0], want["image_raw"]),
        "image": error(image[0, :, ::4, ::4], want["image_stride4"]),
        "image_mean_std": error([image.mean(), image.std()], want["image_mean_std"]),
        "sigma": error(sigma[0], want["sigma"]),
        "features": error(features[0, :32], want["point_features"]),
    }
    assert {name: e for name, e in errors.items() if not e <= 1e-4} == {}
    assert error(raw.depth[0, 0], want["depth"]) <= 1e-3
