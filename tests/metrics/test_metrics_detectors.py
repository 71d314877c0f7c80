"""The networks of the detectors, and the files they come from."""

import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from training.metrics.arcface import IRSE50
from training.metrics.detectors import (
    IMAGE,
    VIDEO,
    CropBox,
    DetectorError,
    face_kind,
    load_detector,
    prepare_clips,
    prepare_faces,
)
from training.metrics.i3d import InceptionI3d, MaxPool, Mixed, Unit, same_padding

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


def on_meta(network):
    """A network that computes shapes only."""
    with torch.device("meta"):
        return network().eval()


@pytest.mark.parametrize("size", range(1, 20))
@pytest.mark.parametrize(("kernel", "stride"), [(7, 2), (3, 2), (3, 1), (2, 2), (1, 1)])
def test_same_padding_fits_each_stride_once(size, kernel, stride):
    before, after = same_padding(size, kernel, stride)
    assert after - before in (0, 1)
    padded = size + before + after
    windows = (padded - kernel) // stride + 1
    assert windows == -(-size // stride)
    assert before < kernel, "no window lies in the padding alone"


def test_units_pad_an_even_axis_behind():
    """Size 4, kernel 7, stride 2: TensorFlow pads 2 before and 3 behind, not 3 and 3."""
    unit = Unit(1, 1, (7, 1, 1), (2, 1, 1), last=True)
    state = {
        "conv3d.weight": torch.arange(7.0).reshape(1, 1, 7, 1, 1),
        "conv3d.bias": torch.zeros(1),
    }
    unit.load_state_dict(state)
    with torch.no_grad():
        x = torch.tensor([1.0, 10.0, 100.0, 1000.0]).reshape(1, 1, 4, 1, 1)
        found = unit(x).flatten().tolist()
    assert found == [2 + 30 + 400 + 5000, 0 + 10 + 200 + 3000]


def test_batch_norms_have_the_published_evaluators_epsilon():
    unit = Unit(1, 1).eval()
    norm = unit.bn
    assert norm is not None
    state = {"conv3d.weight": torch.ones(1, 1, 1, 1, 1), "bn.running_var": torch.zeros(1)}
    unit.load_state_dict(state, strict=False)
    with torch.no_grad():
        assert unit(torch.ones(1, 1, 1, 1, 1)).item() == pytest.approx(1e5**0.5)


def test_pools_and_branches():
    x = torch.rand(1, 4, 3, 5, 5)
    pooled = MaxPool((1, 3, 3), (1, 2, 2))(x)
    assert pooled.shape == (1, 4, 3, 3, 3)
    assert pooled[0, 0, 0, 0, 0] == x[0, 0, 0, :2, :2].max(), "5 pads 1 before and 1 behind"
    block = Mixed(4, (1, 2, 3, 4, 5, 6)).eval()
    y = block(x)
    assert y.shape == (1, 1 + 3 + 5 + 6, 3, 5, 5)
    assert torch.equal(y[:, 1:4], block.b1b(block.b1a(x)))


def test_i3d_has_the_published_names_and_size():
    network = on_meta(InceptionI3d)
    state = network.state_dict()
    shapes = {
        "Conv3d_1a_7x7.conv3d.weight": (64, 3, 7, 7, 7),
        "Conv3d_1a_7x7.bn.running_var": (64,),
        "Conv3d_2c_3x3.conv3d.weight": (192, 64, 3, 3, 3),
        "Mixed_3b.b1b.conv3d.weight": (128, 96, 3, 3, 3),
        "Mixed_4f.b3b.bn.bias": (128,),
        "Mixed_5c.b0.conv3d.weight": (384, 832, 1, 1, 1),
        "logits.conv3d.weight": (400, 1024, 1, 1, 1),
        "logits.conv3d.bias": (400,),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes
    assert sum(p.numel() for p in network.parameters()) == 12_697_264
    for frames in (9, 16, 32):
        clips = torch.zeros(2, 3, frames, 224, 224, device="meta")
        assert network(clips).shape == (2, 400)


def test_i3d_averages_its_logits_over_time():
    """24 frames leave two moments after pooling; the stages in between shrink as published."""
    network = on_meta(InceptionI3d)
    x = torch.zeros(1, 3, 24, 224, 224, device="meta")
    sizes = {}
    for name, layer in network.named_children():
        x = layer(x)
        sizes[name] = tuple(x.shape[1:])
    assert sizes["Conv3d_1a_7x7"] == (64, 12, 112, 112)
    assert sizes["MaxPool3d_3a_3x3"] == (192, 12, 28, 28)
    assert sizes["MaxPool3d_4a_3x3"] == (480, 6, 14, 14)
    assert sizes["Mixed_5c"] == (1024, 3, 7, 7)
    assert sizes["logits"] == (400, 2, 1, 1)


def test_ir_se50_has_the_published_names_and_size():
    network = on_meta(IRSE50)
    state = network.state_dict()
    shapes = {
        "input_layer.0.weight": (64, 3, 3, 3),
        "input_layer.2.weight": (64,),
        "body.3.shortcut_layer.0.weight": (128, 64, 1, 1),
        "body.3.shortcut_layer.1.running_mean": (128,),
        "body.0.res_layer.5.fc1.weight": (4, 64, 1, 1),
        "body.23.res_layer.3.weight": (512, 512, 3, 3),
        "output_layer.0.running_mean": (512,),
        "output_layer.3.weight": (512, 512 * 7 * 7),
        "output_layer.4.running_var": (512,),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes
    assert "body.0.shortcut_layer.0.weight" not in state, "64 to 64 channels are subsampled"
    assert sum(p.numel() for p in network.parameters()) == 43_797_696


def test_ir_se50_gives_unit_vectors():
    network = IRSE50().eval()
    with torch.no_grad():
        embeddings = network(torch.rand(2, 3, 112, 112) * 2 - 1)
    assert embeddings.shape == (2, 512)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(2))


def test_clips_are_resized_and_scaled():
    clips = torch.randint(0, 256, (2, 16, 3, 32, 32), dtype=torch.uint8)
    ready = prepare_clips(clips)
    assert ready.shape == (2, 3, 16, 224, 224)
    frame = clips[1, 5].float()[None] / 127.5 - 1
    expected = F.interpolate(frame, size=(224, 224), mode="bilinear", align_corners=False)
    torch.testing.assert_close(ready[1, :, 5], expected[0])
    white = prepare_clips(torch.full_like(clips, 255))
    torch.testing.assert_close(white, torch.ones_like(white))
    torch.testing.assert_close(prepare_clips(torch.zeros_like(clips)), -white)


def test_faces_are_cropped_as_fractions_of_any_picture():
    pictures = torch.zeros(1, 3, 512, 512, dtype=torch.uint8)
    pictures[:, :, 70:446, 64:440] = 255
    faces = prepare_faces(pictures, CropBox())
    assert faces.shape == (1, 3, 112, 112)
    torch.testing.assert_close(faces, torch.ones(1, 3, 112, 112))
    assert prepare_faces(pictures, CropBox(0, 0, 1, 1)).min() == pytest.approx(-1)
    with pytest.raises(ValueError, match="left < right"):
        CropBox(0.5, 0, 0.5, 1)


def test_a_state_dict_loads_as_old_and_wrapped_files_have_it(tmp_path):
    """Names with "module." before them, no batch counters, and the dict in a dict."""
    torch.manual_seed(0)
    network = InceptionI3d().eval()
    state = {
        f"module.{name}": value
        for name, value in network.state_dict().items()
        if "num_batches" not in name
    }
    torch.save({"state_dict": state}, tmp_path / "i3d.pt")
    detector = load_detector(tmp_path / "i3d.pt", VIDEO)
    assert detector.dim == 400
    assert len(detector.sha256) == 64
    loaded = detector.network.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in network.state_dict().items())


def test_torchscript_runs_only_on_request(scripts):
    for name, kind in (("video", VIDEO), ("image", IMAGE), ("face", face_kind(CropBox()))):
        with pytest.raises(DetectorError, match="--run-torchscript"):
            load_detector(scripts[name], kind)
        detector = load_detector(scripts[name], kind, run_torchscript=True)
        assert detector(torch.zeros(kind.example, dtype=torch.uint8)).shape == (1, detector.dim)


def test_torchscript_gets_the_keywords_it_knows(scripts):
    """The stand-in for I3D fails unless it gets all three, the one for Inception knows none."""
    video = load_detector(scripts["video"], VIDEO, run_torchscript=True)
    clips = torch.zeros(2, 16, 3, 8, 8, dtype=torch.uint8)
    clips[1, -1] = 255
    assert video(clips).tolist() == [[-1] * 6, [-1] * 3 + [1] * 3]
    assert load_detector(scripts["image"], IMAGE, run_torchscript=True).dim == 4


class Hostile:
    """Makes a folder when it is unpickled without care."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_weights_are_never_executed(tmp_path):
    trap = tmp_path / "trap"
    torch.save({"logits.conv3d.bias": Hostile(trap)}, tmp_path / "zip.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Hostile(trap), protocol=2))
    for name in ("zip.pt", "plain.pt"):
        with pytest.raises(DetectorError, match="neither TorchScript nor a file of weights"):
            load_detector(tmp_path / name, VIDEO, run_torchscript=True)
    assert not trap.exists()


def small_kind(network=lambda: torch.nn.Linear(4, 3)):
    return replace(IMAGE, network=network, prepare=lambda x: x.flatten(1)[:, :4].float())


def test_files_of_other_networks_say_how_they_differ(tmp_path):
    torch.save({"weight": torch.zeros(3, 5)}, tmp_path / "other.pt")
    with pytest.raises(DetectorError, match="lacks bias, and resizes weight"):
        load_detector(tmp_path / "other.pt", small_kind())
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(DetectorError, match="does not contain a state dict"):
        load_detector(tmp_path / "list.pt", small_kind())
    with pytest.raises(DetectorError, match="no such file"):
        load_detector(tmp_path / "missing.pt", small_kind())
    torch.save({}, tmp_path / "weights.pt")
    with pytest.raises(DetectorError, match="not TorchScript"):
        load_detector(tmp_path / "weights.pt", IMAGE)


def test_detectors_that_do_not_fit_fail_before_hours_of_work(tmp_path, scripts):
    with pytest.raises(DetectorError, match="fails on an example"):
        load_detector(scripts["face"], IMAGE, run_torchscript=True)
    linear = torch.nn.Linear(4, 3)
    torch.save(linear.state_dict(), tmp_path / "linear.pt")
    kind = replace(small_kind(), prepare=lambda x: x.flatten(1)[:, None, :4].float())
    with pytest.raises(DetectorError, match=r"\[1, 1, 3\] for one input"):
        load_detector(tmp_path / "linear.pt", kind)
    damaged = tmp_path / "damaged.pt"
    damaged.write_bytes(scripts["video"].read_bytes()[:-200])
    with pytest.raises(DetectorError, match=r"damaged|neither"):
        load_detector(damaged, VIDEO, run_torchscript=True)
