import json
from dataclasses import replace

import pytest

from training.config import GeneratorConfig, RenderingConfig


def test_defaults_are_the_published_model():
    config = GeneratorConfig()
    assert (config.num_ws, config.image_resolution) == (14, 512)
    assert config.block_resolutions == (4, 8, 16, 32, 64, 128, 256)
    assert [config.channels(r) for r in (4, 64, 128, 256)] == [512, 512, 256, 128]


def test_json_goes_both_ways(small_config):
    again = GeneratorConfig.from_dict(json.loads(json.dumps(small_config.to_dict())))
    assert again == small_config
    assert hash(again) == hash(small_config)


def test_all_problems_are_named_at_once():
    with pytest.raises(ValueError) as caught:
        GeneratorConfig(w_dim=0, plane_resolution=100, superresolution="16X")  # type: ignore[arg-type]
    message = str(caught.value)
    assert all(name in message for name in ("w_dim", "plane_resolution", "16X"))
    with pytest.raises(ValueError, match="ray range"):
        RenderingConfig(ray_start=3, ray_end=2)


@pytest.mark.parametrize(
    "data,named",
    [
        ({"w_dim": "512"}, "w_dim"),
        ({"colour": 1}, "colour"),
        ({"raw_layer": 1}, "raw_layer"),
        ({"w_dim": True}, "w_dim"),
        ({"superresolution_channels": [1, "2"]}, "superresolution_channels"),
        ({"rendering": {"box_warp": None}}, "box_warp"),
        ({"rendering": 3}, "rendering"),
        ([], "configuration"),
    ],
)
def test_wrong_types_are_refused_by_name(data, named):
    with pytest.raises(ValueError, match=named):
        GeneratorConfig.from_dict(data)


def test_sizes_follow_the_superresolution(small_config):
    sizes = {"8XDC": 512, "8X": 512, "4X": 256, "2X": 128, "none": 16}
    for variant, size in sizes.items():
        assert replace(small_config, superresolution=variant).image_resolution == size
