from dataclasses import replace

import numpy as np
import pytest
import torch

from training.camera import FRONTAL, Camera
from viz.render.latents import intermediate_latents, motion_code, read_ws, z_from_seed
from viz.state.errors import UserError
from viz.state.person import Latent, Motion, MotionShare, lattice_corners


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.inference_mode():
        yield


def ws(G, **choices):
    return intermediate_latents(G, Latent(**choices), FRONTAL)


def test_a_seed_is_the_person_of_the_eg3d_scripts(small_generator):
    z = np.random.RandomState(5).randn(1, 16)
    assert np.array_equal(z_from_seed(5, 16), z[0].astype(np.float32))
    expected = small_generator.mapping(torch.from_numpy(z).float())
    assert torch.allclose(ws(small_generator, x=5), expected, atol=1e-6)


def test_pad_places_blend_their_neighbours():
    assert lattice_corners(3, 0) == [(3, 1.0)]
    assert lattice_corners(3, 1) == [(103, 1.0)]
    corners = dict(lattice_corners(2.25, 0.5))
    assert corners == {2: 0.375, 3: 0.125, 102: 0.375, 103: 0.125}
    assert all(0 <= seed < 2**32 for seed, _ in lattice_corners(-0.5, -3.5))


def test_blends_lie_between_people(small_generator):
    G = small_generator
    first, second = ws(G, x=1), ws(G, x=2)
    assert torch.allclose(ws(G, x=1.5), (first + second) / 2, atol=1e-6)
    assert torch.allclose(ws(G, x=1, blend_seed=2, blend=1), second, atol=1e-6)
    assert torch.allclose(ws(G, x=1, blend_seed=2, blend=0.25), first.lerp(second, 0.25), atol=1e-6)


def test_style_mixing_replaces_layers(small_generator):
    G = small_generator
    mixed = ws(G, x=1, mix_seed=2, mix_layers=(0, 3, 99))
    assert torch.equal(mixed[:, [0, 3]], ws(G, x=2)[:, [0, 3]])
    assert torch.equal(mixed[:, 1:3], ws(G, x=1)[:, 1:3])


def test_truncation_and_its_cutoff(small_generator):
    G = small_generator
    average = G.backbone.mapping.w_avg
    assert torch.allclose(ws(G, x=1, psi=0), average.expand(1, G.config.num_ws, -1))
    half = ws(G, x=1, psi=0.5, cutoff=2)
    full = ws(G, x=1)
    assert torch.allclose(half[:, :2], (full[:, :2] + average) / 2, atol=1e-6)
    assert torch.equal(half[:, 2:], full[:, 2:])


def test_each_layer_may_be_truncated_by_itself(small_generator):
    G = small_generator
    average, full = G.backbone.mapping.w_avg, ws(G, x=1)
    pulled = ws(G, x=1, layer_psi=(0.0, 1.0, 1.5))
    assert torch.allclose(pulled[:, 0], average.expand(1, -1), atol=1e-6)
    assert torch.allclose(pulled[:, 2] - average, 1.5 * (full[:, 2] - average), atol=1e-5)
    assert torch.allclose(
        pulled[:, [1, *range(3, G.config.num_ws)]],
        full[:, [1, *range(3, G.config.num_ws)]],
        atol=1e-6,
    )
    both = ws(G, x=1, psi=0.5, layer_psi=(0.5,))
    assert torch.allclose(both[:, 0] - average, 0.25 * (full[:, 0] - average), atol=1e-6)
    many = Latent(x=1, layer_psi=(1.0,) * 100)
    assert torch.allclose(intermediate_latents(G, many, Camera.orbit()), full, atol=1e-6)
    assert Latent.at(5, many).layer_psi == many.layer_psi
    assert Latent(layer_psi=(0.0, 0.5)).own_part(4) == (0 + 0.5 + 1 + 1) / 4


def test_the_conditioning_camera_counts(small_generator):
    side = intermediate_latents(small_generator, Latent(), Camera.orbit(40))
    assert not torch.equal(side, ws(small_generator))


def test_motion_codes_keep_their_length():
    lengths = [
        np.linalg.norm(motion_code(Motion(x=x, y=y, blend_seed=50, blend=blend), 512))
        for x in (0, 0.5)
        for y in (0, 0.3)
        for blend in (0, 0.5, 1)
    ]
    assert min(lengths) > 19
    assert max(lengths) < 27  # a draw of 512 numbers has length 22.6
    assert not np.array_equal(motion_code(Motion(x=1), 16)[0], z_from_seed(1, 16))


def test_blended_motions_are_as_long_as_their_parts_would_be():
    """Weights by the root of their squares' sum; shares by the lengths that they blend."""
    one, two, other = (motion_code(Motion(x=x), 64)[0] for x in (1, 2, 9))
    between = (0.75 * one + 0.25 * two) / np.sqrt(0.75**2 + 0.25**2)
    assert np.allclose(motion_code(Motion(x=1.25), 64)[0], between, atol=1e-5)
    mixed = (0.6 * one + 0.4 * other) / np.sqrt(0.6**2 + 0.4**2)
    assert np.allclose(motion_code(Motion(x=1, blend_seed=9, blend=0.4), 64)[0], mixed, atol=1e-5)
    shared = motion_code(Motion(x=1, others=(MotionShare(Motion(x=9), 0.3),)), 64)[0]
    straight = 0.7 * one + 0.3 * other
    length = 0.7 * np.linalg.norm(one) + 0.3 * np.linalg.norm(other)
    assert np.linalg.norm(shared) == pytest.approx(length, rel=1e-5)
    assert np.allclose(shared / length, straight / np.linalg.norm(straight), atol=1e-5)


def test_ws_files_go_both_ways(small_generator, tmp_path):
    shape = (small_generator.config.num_ws, small_generator.config.w_dim)
    data = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    np.save(tmp_path / "all.npy", data)
    np.savez(tmp_path / "keyed.npz", ws=data[None])
    np.savez(tmp_path / "one.npz", w=data[:1])
    for name in ("all.npy", "keyed.npz"):
        loaded = ws(small_generator, ws_file=str(tmp_path / name))
        assert np.array_equal(loaded[0].numpy(), data)
    assert np.array_equal(read_ws(str(tmp_path / "one.npz"), shape), np.repeat(data[:1], 6, axis=0))


@pytest.mark.parametrize(
    "content,sentence",
    [
        (None, "no longer exists"),
        (b"", "not a ws file"),
        (b"hello, this is text", "not a ws file"),
        (b"PK\x03\x04 the beginning of an archive", "not a ws file"),
        (np.zeros((3, 7), np.float32), r"shape \[3, 7\]; this model takes \[6, 16\]"),
        (np.full((6, 16), np.nan, np.float32), "finite"),
        (np.zeros((6, 16), np.int64), "floating-point"),
        (np.array([{"a": 1}], object), "not a ws file"),
        ({"other": np.zeros(3)}, "no array called ws"),
    ],
)
def test_unusable_ws_files_say_why(small_generator, tmp_path, content, sentence):
    path = tmp_path / "ws.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, dict):
        with path.open("wb") as file:
            np.savez(file, **content)
    elif content is not None:
        np.save(path, content, allow_pickle=True)
    with pytest.raises(UserError, match=sentence):
        intermediate_latents(small_generator, replace(Latent(), ws_file=str(path)), FRONTAL)
