"""Which clips are generated and read: the same ones, however the work is cut up."""

import numpy as np
import pytest
import torch

from tests.metrics.noise_clips import SIDE, noise_picture
from training.data.sampling import open_source
from training.data.source import ClipError, DatasetError
from training.metrics.clip_windows import Windows, draw_codes, generate
from training.networks.generator import to_uint8


def test_codes_depend_on_seed_and_number_alone(tiny_generator):
    together = draw_codes(tiny_generator, 3, [0, 5, 2])
    alone = draw_codes(tiny_generator, 3, [2])
    assert together.z.shape == (3, 8)
    assert torch.equal(together.z[2:], alone.z)
    assert torch.equal(together.z_motion[2:], alone.z_motion)
    assert not torch.equal(alone.z, draw_codes(tiny_generator, 4, [2]).z)
    many = draw_codes(tiny_generator, 0, range(500))
    assert many.z.mean().item() == pytest.approx(0, abs=0.05)
    assert many.z.std().item() == pytest.approx(1, abs=0.05)


def test_generated_clips_do_not_depend_on_the_batch(tiny_generator, write_clips):
    windows = Windows(open_source(write_clips([16, 20])))
    numbers = [0, 1, 2]
    cameras = torch.from_numpy(np.stack([windows.cameras(k) for k in numbers]))
    together = generate(tiny_generator, draw_codes(tiny_generator, 0, numbers), cameras, side=SIDE)
    assert together.shape == (3, 16, 3, SIDE, SIDE)
    assert together.dtype == torch.uint8
    alone = generate(tiny_generator, draw_codes(tiny_generator, 0, [1]), cameras[1:2], side=SIDE)
    assert (together[1].int() - alone[0].int()).abs().max() <= 1
    assert not torch.equal(alone[0, 0], alone[0, -1]), "the clip moves"


def test_a_frame_is_what_the_generator_gives_for_its_time(tiny_generator, write_clips):
    G = tiny_generator
    cameras = torch.from_numpy(Windows(open_source(write_clips([16]))).cameras(0))
    codes = draw_codes(G, 0, [0])
    clip = generate(G, codes, cameras[None], side=SIDE // 2)
    t = torch.full((1, 1), 5 / 15)
    image = G(codes.z, codes.z_motion, t, cameras[5:6], cameras[:1]).image
    size = (SIDE // 2, SIDE // 2)
    image = torch.nn.functional.interpolate(image, size=size, mode="bilinear", antialias=True)
    assert torch.equal(clip[:, 5], to_uint8(image))


def test_windows_are_whole_disjoint_and_cover_all_clips_first(write_clips):
    source = open_source(write_clips([16, 33, 49]))
    windows = Windows(source, seed=1)
    assert {windows.clip(k) for k in range(3)} == {0, 1, 2}
    seen = {}
    for k in range(9):
        try:
            frames = windows.frames(k)
        except ClipError:
            continue
        assert frames == list(range(frames[0], frames[0] + 16))
        seen.setdefault(windows.clip(k), []).append(frames[0])
    assert {clip: sorted(starts) for clip, starts in seen.items()} == {
        0: [0],
        1: [0, 16],
        2: [0, 16, 32],
    }


def test_real_clips_are_the_frames_of_their_window(write_clips):
    windows = Windows(open_source(write_clips([31])), stride=2)
    clip = windows.real_clip(0, SIDE)
    assert clip.shape == (16, 3, SIDE, SIDE)
    for k in (0, 15):
        assert np.array_equal(clip[k].movedim(0, -1).numpy(), noise_picture(0, 2 * k))
    assert windows.real_clip(0, SIDE // 2).shape == (16, 3, SIDE // 2, SIDE // 2)


def test_cameras_come_from_one_clip_and_short_clips_give_none(write_clips):
    source = open_source(write_clips([4, 20]))
    windows = Windows(source)
    starts = set()
    for k in range(20):
        cameras = windows.cameras(k)
        assert cameras.shape == (16, 25)
        matches = [
            n for n in range(5) if np.array_equal(source.annotations(1).cameras[n], cameras[0])
        ]
        starts |= set(matches)
        assert len(matches) == 1
        assert np.array_equal(cameras, windows.cameras(k))
    assert len(starts) > 2, "windows start anywhere"
    with pytest.raises(DatasetError, match="16 are needed"):
        Windows(open_source(write_clips([4]))).cameras(0)
