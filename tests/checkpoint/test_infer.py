"""The size of a generator is found from its tensors alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.checkpoint.official_files import CONFIG, still
from training.checkpoint.contents import expected_shapes
from training.checkpoint.infer import disagreements, infer, make_config
from training.config import GeneratorConfig, RenderingConfig


def inferred(shapes: dict[str, tuple[int, ...]], variant: str | None = None) -> GeneratorConfig:
    found = infer(shapes)
    config = make_config(found, {}, RenderingConfig(raw_resolution=16), variant)
    assert found.problems == []
    assert config is not None
    return config


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        still(),
        still(superresolution="none", superresolution_channels=None),
        replace(CONFIG, mapping_layers=5, z_dim=7, w_dim=24, motion_dim=3),
        replace(CONFIG, plane_resolution=64, channel_base=512, channel_max=64),
        replace(CONFIG, superresolution="8X", superresolution_channels=None),
        replace(CONFIG, superresolution="8XDC", superresolution_channels=None),
        replace(CONFIG, superresolution="4X", superresolution_channels=None),
    ],
)
def test_finds_the_configuration(config: GeneratorConfig) -> None:
    shapes = expected_shapes(config)
    assert inferred(shapes) == config
    assert disagreements(config, infer(shapes)) == []


@pytest.mark.parametrize("missing", sorted(expected_shapes(CONFIG)))
def test_one_missing_tensor_is_missing_and_nothing_else(missing: str) -> None:
    shapes = expected_shapes(CONFIG)
    del shapes[missing]
    found = infer(shapes)
    assert disagreements(CONFIG, found) == []


def test_named_variant_counts_if_it_fits() -> None:
    config = replace(CONFIG, superresolution="8XDC", superresolution_channels=(12, 6))
    shapes = expected_shapes(config)
    assert inferred(shapes, "8X").superresolution == "8X"
    assert inferred(shapes, "2X").superresolution == "8XDC"


def test_impossible_channels() -> None:
    shapes = expected_shapes(replace(CONFIG, plane_resolution=64, channel_base=512, channel_max=64))
    for name in ("b8.conv1.weight", "b8.conv1.bias"):
        shapes[f"backbone.synthesis.{name}"] = (5,)
    found = infer(shapes)
    assert make_config(found, {}, RenderingConfig()) is None
    assert "5 at 8 px" in found.problems[0]


@pytest.mark.parametrize(
    ("names", "config"),
    [
        ("full", GeneratorConfig()),
        ("tiny", GeneratorConfig(channel_base=2048, channel_max=32)),
    ],
)
def test_published_generators(names: str, config: GeneratorConfig, parity: Path) -> None:
    text = (parity / f"state_names_{names}.json").read_text("utf-8")
    state = json.loads(text)
    shapes = {name: tuple(shape) for name, shape in state.get("generator", state).items()}
    assert expected_shapes(config) == shapes
    found = infer(shapes)
    assert make_config(found, {}, RenderingConfig(), "8XDC") == config
