"""Small generators, and files as the official programs write them."""

from __future__ import annotations

import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.config import GeneratorConfig, RenderingConfig
from training.networks.generator import Generator

CONFIG = GeneratorConfig(
    z_dim=16,
    w_dim=16,
    plane_resolution=16,
    plane_channels=8,
    channel_base=128,
    channel_max=16,
    motion_dim=12,
    decoder_hidden=16,
    feature_channels=8,
    superresolution="2X",
    superresolution_channels=(8, 4),
    rendering=RenderingConfig(raw_resolution=16),
)


def still(config: GeneratorConfig = CONFIG, **changes: Any) -> GeneratorConfig:
    """The configuration without PV3D's additions to EG3D."""
    return GeneratorConfig.from_dict(
        {**config.to_dict(), "motion_dim": 0, "raw_layer": False, **changes}
    )


def make_generator(config: GeneratorConfig = CONFIG, seed: int = 0) -> Generator:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = Generator(config).eval().requires_grad_(False)
        for name, tensor in generator.state_dict().items():
            if not name.endswith("resample_filter"):
                tensor.copy_(torch.randn_like(tensor))
    return generator


def rendering_kwargs(config: GeneratorConfig) -> dict[str, Any]:
    rendering = config.rendering
    return {
        "superresolution_module": f"somewhere.SuperresolutionHybrid{config.superresolution}",
        "c_gen_conditioning_zero": False,
        "c_scale": config.c_scale,
        "decoder_lr_mul": config.decoder_lr_mul,
        "sr_antialias": config.superresolution_antialias,
        "depth_resolution": rendering.depth_samples,
        "depth_resolution_importance": rendering.importance_samples,
        "ray_start": rendering.ray_start,
        "ray_end": rendering.ray_end,
        "box_warp": 1,
        "avg_camera_pivot": [0, 0, 0.2],
    }


def pv3d_contents(
    state: Mapping[str, Tensor], config: GeneratorConfig = CONFIG, prefix: str = ""
) -> dict[str, Any]:
    """The dict that a PV3D checkpoint holds, with a different generator beside the averaged one."""
    model: dict[str, Tensor] = OrderedDict()
    for name, tensor in state.items():
        model[f"{prefix}generator.{name}"] = tensor + 1
        model[f"{prefix}generator_ema.{name}"] = tensor
    model[f"{prefix}img_discriminator.b4.out.weight"] = torch.zeros(3)
    model[f"{prefix}pl_mean"] = torch.zeros([])
    return {
        "model": model,
        "optimizer": [{"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 1e-3}]}],
        "config": {
            "training": {"rendering_resolution": config.rendering.raw_resolution},
            "model_config": {
                "pv3d": {
                    "generator": {
                        "conv_clamp": config.conv_clamp,
                        "sr_num_fp16_res": 4,
                        "rendering_kwargs": rendering_kwargs(config),
                    }
                }
            },
        },
        "num_updates": 7,
        "best_update": np.int64(5),
        "best_metric_value": np.float64(1.5),
        "fp16_scaler": {"scale": 1.0},
    }


class _Persistent:
    """Pickles as EG3D's persistent objects do: a call with the class's source and the state."""

    def __init__(self, meta: dict[str, Any]) -> None:
        self.meta = meta

    def __reduce__(self) -> Any:
        module = sys.modules["torch_utils.persistence"]
        return (module._reconstruct_persistent_obj, (self.meta,), None)


def persistent(module: nn.Module, source: str, **attributes: Any) -> _Persistent:
    """A module as EG3D stores it; torch's own modules in it stay as they are."""

    def convert(child: nn.Module | None) -> Any:
        if child is None or type(child).__module__.startswith("torch."):
            if child is None or not list(child.children()):
                return child
            # A torch container of persistent modules is pickled by its class and attributes.
            clone = type(child).__new__(type(child))
            clone.__dict__ = {**child.__dict__}
            clone.__dict__["_modules"] = {k: convert(m) for k, m in child._modules.items()}
            return clone
        return persistent(child, source)

    state = {
        "_parameters": module._parameters,
        "_buffers": module._buffers,
        "_modules": OrderedDict(
            (name, convert(child)) for name, child in module._modules.items() if child is not None
        ),
        "training": False,
        "_init_args": (),
        "_init_kwargs": {},
        **attributes,
    }
    meta = {"type": "class", "version": 6, "module_src": source, "state": state}
    return _Persistent({**meta, "class_name": type(module).__name__})


def write_pickle(contents: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(contents))


def write_eg3d(
    path: Path,
    generator: nn.Module,
    *,
    source: str = "",
    extra: Mapping[str, Any] | None = None,
    name: str = "G_ema",
    init_kwargs: Mapping[str, Any] | None = None,
    rendering: Mapping[str, Any] | None = None,
    write: Callable[[object, Path], None] = write_pickle,
) -> None:
    """A network pickle, with stand-ins for EG3D's modules in `sys.modules` only meanwhile.

    Args:
        path: the file.
        generator: the network.
        source: text that each module carries.
        extra: what else is in the file.
        name: of the network; without one the file holds it and nothing else.
        init_kwargs: further arguments that it says it was made with.
        rendering: its rendering options; None takes those of its configuration.
        write: how the file is written.
    """
    config = getattr(generator, "config", CONFIG)
    kwargs = {"conv_clamp": config.conv_clamp, "sr_num_fp16_res": 4, **(init_kwargs or {})}

    def _reconstruct_persistent_obj(meta: object) -> None: ...

    _reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    easy_dict = type("EasyDict", (dict,), {"__module__": "dnnlib.util"})
    fakes = {
        "torch_utils": ModuleType("torch_utils"),
        "torch_utils.persistence": ModuleType("torch_utils.persistence"),
        "dnnlib": ModuleType("dnnlib"),
        "dnnlib.util": ModuleType("dnnlib.util"),
    }
    vars(fakes["torch_utils.persistence"])["_reconstruct_persistent_obj"] = (
        _reconstruct_persistent_obj
    )
    vars(fakes["dnnlib.util"])["EasyDict"] = easy_dict
    network = persistent(
        generator,
        source,
        _init_kwargs=easy_dict(kwargs),
        rendering_kwargs=easy_dict(rendering or rendering_kwargs(config)),
        neural_rendering_resolution=config.rendering.raw_resolution,
    )
    contents = {"D": None, name: network, "training_set_kwargs": easy_dict(a=1), **(extra or {})}
    contents = contents if name else network
    sys.modules.update(fakes)
    try:
        write(contents, path)
    finally:
        for fake in fakes:
            del sys.modules[fake]
