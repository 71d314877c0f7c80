"""The training loop against the published implementation's training step.

One update of the real loop, on the parity weights. The draws are replaced by the published ones,
and the learning rates are 0, so that each phase finds the networks as they were. What the
discriminators say and the gradients that the optimisers are given are recorded on the way.
"""

import json
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from training.camera import Camera
from training.config import DiscriminatorConfig, GeneratorConfig
from training.distributed import World
from training.networks.layers import resample_filter
from training.train import loop, step
from training.train.loop import Trainer
from training.train.run_folder import RunFolder
from training.train.step import Clips, Draws
from training.train.train_config import LossConfig, OptimizerConfig, TrainConfig

CONFIG = TrainConfig(
    batch=2,
    micro_batch=2,
    random_noise=False,
    score_every=0,
    loss=LossConfig(blur_sigma=0.0),
    optimizer=OptimizerConfig(g_lr=0.0, d_lr=0.0),
    generator=GeneratorConfig(channel_base=2048, channel_max=32),
    discriminator=DiscriminatorConfig(channel_base=2048, channel_max=32),
)


def published_orbit(yaw: float, pitch: float) -> Tensor:
    """Camera numbers of the published sampler, radians (its pitch is not the true angle)."""
    phi = np.arccos(1 - 2 * (np.pi / 2 + pitch) / np.pi)
    camera = Camera.orbit(np.degrees(yaw), np.degrees(np.pi / 2 - phi))
    return torch.from_numpy(camera.numbers())


@dataclass
class Published:
    """The inputs of the published step, and its numbers."""

    want: dict[str, np.ndarray]
    inputs: dict[str, Tensor]

    @classmethod
    def read(cls, parity, fill):
        shapes = {
            "real_image": (4, 3, 512, 512),
            "real_image_raw": (4, 3, 64, 64),
            "z": (2, 512),
            "z_motion": (2, 512),
            "points": (4, 1000, 3),
            "perturb": (4, 1000, 3),
        }
        inputs = {k: torch.from_numpy(fill.input_value(f"train/{k}", s)) for k, s in shapes.items()}
        inputs["t"] = torch.tensor([[0.2], [0.7], [0.0], [0.9]])
        angles = [(0, 0), (0.1, -0.05), (-0.4, 0.2), (-0.3, 0.1)]
        inputs["c"] = torch.stack([published_orbit(yaw, pitch) for yaw, pitch in angles])
        with np.load(parity / "training_tiny.npz") as data:
            return cls(dict(data), inputs)

    def clips(self, update: int, micro_batch: int) -> Clips:
        return Clips(0.5 * self.inputs["real_image"], self.inputs["c"], self.inputs["t"])

    def cameras(self, draws: Draws, count: int) -> Tensor:
        return self.inputs["c"]

    def draws(self) -> type[Draws]:
        """Draws that are the published ones."""
        inputs = self.inputs

        class PublishedDraws(Draws):
            def __init__(self, key, device):
                super().__init__(key, device)
                self.jitter = 0.5
                self._codes = [inputs["z"], inputs["z_motion"]]

            def normal(self, *shape):
                code = self._codes.pop(0)
                assert code.shape == shape
                return code

            def times(self, count, at_frames):
                assert not at_frames
                return inputs["t"].reshape(count, 2, 1)

            def points(self, *shape):
                return inputs["points"].reshape(*shape, 3) / np.sqrt(3)

            def offsets(self, *shape):
                return inputs["perturb"].reshape(*shape, 3)

        return PublishedDraws


@dataclass
class Seen:
    """What one update went through."""

    losses: dict[str, float] = field(default_factory=dict)
    judged: list[tuple[Tensor, ...]] = field(default_factory=list)
    """Pictures, raw pictures and logits of the image discriminator, call by call."""
    video_logits: list[Tensor] = field(default_factory=list)
    gradients: dict[str, dict[str, float]] = field(default_factory=dict)
    """Norms by parameter, by optimiser and the number of its step, such as "G 0"."""


def load(fill, module: nn.Module, shapes: dict[str, list[int]]) -> None:
    assert {name: list(x.shape) for name, x in module.state_dict().items()} == shapes
    state = {}
    for name, shape in shapes.items():
        value = fill.fill_value(name, shape)
        state[name] = resample_filter() if value is None else torch.from_numpy(np.array(value))
    module.load_state_dict(state)


def watch(run: Trainer, seen: Seen) -> None:
    """Records what the update does to `seen`."""
    nets = run.networks
    nets.D_image.register_forward_hook(
        lambda _, given, logits: seen.judged.append((*map(Tensor.detach, given[:2]), logits))  # pyright: ignore[reportArgumentType]
    )
    nets.D_video.register_forward_hook(
        lambda _, given, logits: seen.video_logits.append(logits.detach())
    )
    for part, optimizer in run.optimizers.items():
        names = {p: name for name, p in getattr(nets, part).named_parameters()}
        done = []

        def note(optimizer, *_, part=part, names=names, done=done):
            parameters = optimizer.param_groups[0]["params"]
            found = {names[p]: 0.0 if p.grad is None else p.grad.norm().item() for p in parameters}
            seen.gradients[f"{part} {len(done)}"] = found
            done.append(None)

        optimizer.register_step_pre_hook(note)


@pytest.fixture(scope="module")
def published(parity, fill) -> Published:
    return Published.read(parity, fill)


@pytest.fixture(scope="module")
def seen(published, parity, fill, tmp_path_factory) -> Seen:
    """One update of the loop."""
    run = Trainer(CONFIG, published, World(), RunFolder(tmp_path_factory.mktemp("run")))
    names = json.loads((parity / "state_names_discriminators_tiny.json").read_text())
    names["generator"] = json.loads((parity / "state_names_tiny.json").read_text())
    load(fill, run.networks.G, names["generator"])
    load(fill, run.networks.D_image, names["img_discriminator"])
    load(fill, run.networks.D_video, names["vid_discriminator"])
    found = Seen()
    watch(run, found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "Draws", published.draws())
        # The published step is given raw pictures of their own, not shrunk final ones.
        patch.setattr(step, "resize", lambda *_: 0.5 * published.inputs["real_image_raw"])
        found.losses = run.update()
    return found


@pytest.fixture
def check(published):
    """Compares an array with the published one of a name, of which a stride may be kept."""

    def close(name: str, ours, bound: float = 1e-3) -> None:
        ours = np.asarray(ours.detach() if torch.is_tensor(ours) else ours, np.float64)
        key = next(k for k in published.want if k == name or k.startswith(f"{name}_stride"))
        if "_stride" in key:
            step = int(key.rpartition("_stride")[2])
            ours = ours[..., ::step, ::step]
        theirs = np.asarray(published.want[key], np.float64)
        error = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
        assert error <= bound, f"{name}: relative error {error:.2e}"

    return close


def test_generated_pictures(seen, check):
    for call in (0, 1):  # of the generator's and of the discriminators' phase
        image, raw, _ = seen.judged[call]
        check("fake_raw", raw, 1e-4)
        check("fake_image", image, 1e-4)


def test_logits(seen, check):
    for call in (0, 1):
        check("fake_logits_img", seen.judged[call][2])
        check("fake_logits_vid", seen.video_logits[call])
    check("real_logits_img", seen.judged[2][2])
    check("real_logits_vid", seen.video_logits[2])


def test_the_logged_logits_are_their_means(seen, published):
    for logged, name in (("real", "real_logits"), ("generated", "fake_logits")):
        for what, end in (("image", "img"), ("video", "vid")):
            mean = published.want[f"{name}_{end}"].mean()
            assert seen.losses[f"logits/{logged} {what}"] == pytest.approx(mean, rel=1e-3), name


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("loss_Gmain", ["G/image", "G/video"]),
        ("loss_Greg", ["G/density"]),
        ("loss_Dmain", ["D/image", "D/video"]),
        ("loss_Dreg", ["D/image R1", "D/video R1"]),
    ],
)
def test_losses(seen, check, name, parts):
    check(name, sum(seen.losses[part] for part in parts))


def test_r1_penalties(seen, published):
    """Their means over pictures and pairs, with the weights of the losses taken out."""
    scale = CONFIG.loss.r1_gamma / 2 * CONFIG.loss.r1_interval
    image = seen.losses["D/image R1"] / scale
    video = seen.losses["D/video R1"] / scale / CONFIG.loss.video_weight
    assert image == pytest.approx(published.want["r1_img"].mean(), rel=1e-3)
    assert video == pytest.approx(published.want["r1_vid"].mean(), rel=1e-3)


@pytest.mark.parametrize(
    ("tag", "step"),
    [
        ("gradnorm_Gmain", "G 0"),
        ("gradnorm_Greg", "G 1"),
        ("gradnorm_Dmain_img", "D_image 0"),
        ("gradnorm_Dmain_vid", "D_video 0"),
        ("gradnorm_Dreg_img", "D_image 1"),
        ("gradnorm_Dreg_vid", "D_video 1"),
    ],
)
def test_gradients_that_the_optimisers_are_given(seen, published, check, tag, step):
    names = [
        n if isinstance(n, str) else n.decode() for n in published.want[f"{tag}/names"].tolist()
    ]
    found = seen.gradients[step]
    assert set(names) == set(found)
    theirs = published.want[f"{tag}/values"]
    check(f"{tag}/values", np.array([found[name] for name in names]))
    for name, norm in zip(names, theirs, strict=True):
        assert abs(found[name] - norm) <= 1e-2 * norm + 1e-6 * max(theirs), name
