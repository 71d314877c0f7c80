"""Every readable format gives back the generator that was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.checkpoint.official_files import (
    CONFIG,
    make_generator,
    pv3d_contents,
    rendering_kwargs,
    still,
    write_eg3d,
    write_pickle,
)
from training.checkpoint import READERS, CheckpointError, build, load_generator, read, save
from training.config import GeneratorConfig, RenderingConfig
from training.networks.generator import Generator


def write_native(path: Path, generator: Generator) -> None:
    save(path, generator)


def write_pv3d(path: Path, generator: Generator) -> None:
    torch.save(pv3d_contents(generator.state_dict(), generator.config), path)


WRITERS: dict[str, tuple[Callable[[Path, Generator], None], GeneratorConfig]] = {
    "native": (write_native, CONFIG),
    "pv3d": (write_pv3d, CONFIG),
    "eg3d": (write_eg3d, still()),
}


def assert_same(tensors: dict[str, Tensor], generator: Generator) -> None:
    expected = generator.state_dict()
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.format)
def test_reads_what_was_written(reader, tmp_path: Path) -> None:
    write, config = WRITERS[reader.format]
    generator = make_generator(config)
    path = tmp_path / "file"
    write(path, generator)
    checkpoint = read(path)
    assert checkpoint.format == reader.format
    assert checkpoint.config == config
    assert_same(checkpoint.tensors, generator)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.format)
def test_loaded_generator_is_ready_to_use(reader, tmp_path: Path) -> None:
    write, config = WRITERS[reader.format]
    path = tmp_path / "file"
    write(path, make_generator(config))
    with torch.inference_mode():
        generator = load_generator(path)
    assert not generator.training
    for tensor in generator.state_dict().values():
        assert tensor.dtype == torch.float32
        assert not tensor.requires_grad
        assert not tensor.is_inference()
        assert tensor.device.type == "cpu"


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.format)
def test_file_may_vanish_after_loading(reader, tmp_path: Path) -> None:
    write, config = WRITERS[reader.format]
    path = tmp_path / "file"
    generator = make_generator(config)
    write(path, generator)
    checkpoint = read(path)
    path.write_bytes(b"")
    assert_same(checkpoint.tensors, generator)


def test_sniffers_exclude_each_other(tmp_path: Path) -> None:
    for name, (write, config) in WRITERS.items():
        write(tmp_path / name, make_generator(config))
        head = (tmp_path / name).read_bytes()[:512]
        assert [reader.format for reader in READERS if reader.sniff(head)] == [name]


def test_picture_is_the_same(tmp_path: Path) -> None:
    generator = make_generator()
    save(tmp_path / "a", generator)
    z, motion, t = torch.randn(1, 16), torch.randn(1, 12), torch.tensor([[0.5]])
    ws = generator.mapping(z)
    loaded = load_generator(tmp_path / "a")
    assert torch.equal(loaded.planes(ws, motion, t), generator.planes(ws, motion, t))


class TestNative:
    def test_notes_and_metadata(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        save(path, make_generator(), notes="One.\nTwo.", metadata={"source": "test"})
        checkpoint = read(path)
        assert checkpoint.notes == ("One.", "Two.")
        assert checkpoint.metadata == {"source": "test"}

    def test_half_precision(self, tmp_path: Path) -> None:
        generator = make_generator()
        save(tmp_path / "full", generator)
        save(tmp_path / "half", generator, half=True)
        sizes = [(tmp_path / name).stat().st_size for name in ("half", "full")]
        assert sizes[0] < 0.75 * sizes[1]
        expected = generator.state_dict()
        for name, tensor in read(tmp_path / "half").tensors.items():
            assert torch.equal(tensor, expected[name].half().float())

    def test_names_of_compiled_networks(self, tmp_path: Path) -> None:
        generator = make_generator()
        save(tmp_path / "a", generator)
        state = {f"_orig_mod.{name}": t for name, t in load_file(tmp_path / "a").items()}
        config = json.dumps(CONFIG.to_dict())
        header = {"format": "pv3d-visualizer", "version": "1", "config": config}
        save_file(state, tmp_path / "b", header)
        assert_same(read(tmp_path / "b").tensors, generator)

    def test_bfloat16_and_missing_filters(self, tmp_path: Path) -> None:
        generator = make_generator()
        save(tmp_path / "a", generator)
        state = {
            name: tensor.bfloat16()
            for name, tensor in load_file(tmp_path / "a").items()
            if not name.endswith("resample_filter")
        }
        header = {
            "format": "pv3d-visualizer",
            "version": "1",
            "config": json.dumps(CONFIG.to_dict()),
        }
        save_file(state, tmp_path / "b", header)
        loaded = build(read(tmp_path / "b")).state_dict()
        for name, tensor in generator.state_dict().items():
            filled = name.endswith("resample_filter")
            assert torch.equal(loaded[name], tensor if filled else tensor.bfloat16().float())

    def test_failed_save_leaves_the_old_file(self, tmp_path: Path, monkeypatch) -> None:
        path = tmp_path / "a"
        save(path, make_generator())
        before = path.read_bytes()

        def full_disk(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full_disk)
        with pytest.raises(CheckpointError, match="no space left"):
            save(path, make_generator(seed=1))
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]

    def test_save_makes_its_folder_or_says_why_not(self, tmp_path: Path) -> None:
        save(tmp_path / "new" / "folder" / "a", make_generator())
        assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["a"]
        (tmp_path / "file").write_text("no folder")
        with pytest.raises(CheckpointError, match="it could not be written: "):
            save(tmp_path / "file" / "a", make_generator())

    def test_save_refuses_what_it_could_not_load(self, tmp_path: Path) -> None:
        generator = make_generator()
        generator.backbone.mapping.w_avg[0] = 1e6
        save(tmp_path / "a", generator)
        with pytest.raises(CheckpointError, match="half precision"):
            save(tmp_path / "b", generator, half=True)
        generator.backbone.mapping.w_avg[0] = torch.nan
        with pytest.raises(CheckpointError, match="w_avg"):
            save(tmp_path / "b", generator)
        assert [path.name for path in tmp_path.iterdir()] == ["a"]


class TestPv3d:
    @pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.model."])
    @pytest.mark.parametrize("zipped", [True, False])
    def test_variants(self, prefix: str, zipped: bool, tmp_path: Path) -> None:
        generator = make_generator()
        contents = pv3d_contents(generator.state_dict(), prefix=prefix)
        path = tmp_path / "a.ckpt"
        torch.save(contents, path, _use_new_zipfile_serialization=zipped)
        checkpoint = read(path)
        assert checkpoint.config == CONFIG
        assert_same(checkpoint.tensors, generator)
        assert checkpoint.metadata["best_metric_value"] == "1.5"
        assert any(note.startswith("Skipped ") for note in checkpoint.notes)

    def test_raw_weights(self, tmp_path: Path) -> None:
        generator = make_generator()
        contents = pv3d_contents(generator.state_dict())
        for name in contents["model"]:  # the raw ones are the averaged ones + 1
            if name.endswith("resample_filter"):
                contents["model"][name] = generator.backbone.synthesis.state_dict()[
                    "b4.resample_filter"
                ].clone()
        torch.save(contents, tmp_path / "a")
        tensors = read(tmp_path / "a", weights="raw").tensors
        w_avg = generator.backbone.mapping.w_avg
        assert torch.equal(tensors["backbone.mapping.w_avg"], w_avg + 1)

    def test_without_average(self, tmp_path: Path) -> None:
        generator = make_generator()
        model = {f"generator.{name}": tensor for name, tensor in generator.state_dict().items()}
        torch.save({"model": model}, tmp_path / "a")
        checkpoint = read(tmp_path / "a")
        assert_same(checkpoint.tensors, generator)
        assert any("generator_ema" in note for note in checkpoint.notes)
        assert any("no configuration" in note for note in checkpoint.notes)

    def test_strided_and_double_tensors(self, tmp_path: Path) -> None:
        generator = make_generator()
        state = {
            name: tensor.double().t().contiguous().t() if tensor.ndim == 2 else tensor.double()
            for name, tensor in generator.state_dict().items()
        }
        torch.save({"model": {f"generator_ema.{k}": v for k, v in state.items()}}, tmp_path / "a")
        assert_same(read(tmp_path / "a").tensors, generator)

    def test_options(self, tmp_path: Path) -> None:
        contents = pv3d_contents(make_generator().state_dict())
        contents["config"]["training"]["rendering_resolution"] = "${somewhere.else}"
        options = contents["config"]["model_config"]["pv3d"]["generator"]
        options["conv_clamp"] = 128
        options["rendering_kwargs"] |= {
            "ray_start": 0.1,
            "ray_end": 2.6,
            "box_warp": "auto",
            "white_back": True,
            "depth_resolution": 12,
            "c_gen_conditioning_zero": True,
            "sr_antialias": False,
        }
        torch.save(contents, tmp_path / "a")
        checkpoint = read(tmp_path / "a")
        config = checkpoint.config
        assert (config.conv_clamp, config.c_scale) == (128, 0)
        assert not config.superresolution_antialias
        rendering = config.rendering
        assert (rendering.ray_start, rendering.ray_end, rendering.box_warp) == (0.1, 2.6, 1)
        assert (rendering.depth_samples, rendering.raw_resolution) == (12, 64)
        assert rendering.white_background
        for value in ("auto", "${somewhere.else}"):
            assert any(value in note for note in checkpoint.notes)


def save_legacy(contents: object, path: Path) -> None:
    torch.save(contents, path, _use_new_zipfile_serialization=False)


SAVERS: dict[str, Callable[[object, Path], None]] = {
    "torch.save": torch.save,
    "legacy torch.save": save_legacy,
    "pickle": write_pickle,
}


@pytest.mark.parametrize("saver", SAVERS)
class TestNetworksThatWereKept:
    """As people keep a network after an inversion or a conversion."""

    @pytest.mark.parametrize("name", ["", "G_ema", "G"])
    def test_modules(self, saver: str, name: str, tmp_path: Path) -> None:
        generator = make_generator(still())
        write_eg3d(tmp_path / "a", generator, name=name, write=SAVERS[saver])
        checkpoint = read(tmp_path / "a")
        assert checkpoint.config == still()
        assert checkpoint.format == "eg3d"
        assert_same(checkpoint.tensors, generator)

    @pytest.mark.parametrize("config", [CONFIG, still()], ids=["PV3D", "EG3D"])
    @pytest.mark.parametrize(
        "path", ["", "G_ema", "state_dict", "model.generator_ema", "G_ema.module"]
    )
    def test_tables_of_tensors(
        self, saver: str, config: GeneratorConfig, path: str, tmp_path: Path
    ) -> None:
        generator = make_generator(config)
        contents: object = dict(generator.state_dict())
        for name in reversed(path.split(".") if path else []):
            contents = {name: contents, "step": 3}
        SAVERS[saver](contents, tmp_path / "a")
        checkpoint = read(tmp_path / "a")
        assert_same(checkpoint.tensors, generator)
        assert checkpoint.config.to_dict() == {
            **config.to_dict(),
            "rendering": RenderingConfig().__dict__,
        }
        assert any("assumed" in note and "64 px" in note for note in checkpoint.notes)
        assert any("still head" in note for note in checkpoint.notes) != config.has_motion

    @pytest.mark.parametrize(
        "wrapper",
        ["generator_ema._orig_mod.{}", "generator_ema.module.{}", "_orig_mod.G_ema.module.{}"],
    )
    def test_wrapped_names(self, saver: str, wrapper: str, tmp_path: Path) -> None:
        generator = make_generator()
        state = {wrapper.format(name): tensor for name, tensor in generator.state_dict().items()}
        other = {name.replace("_ema", ""): tensor + 1 for name, tensor in state.items()}
        SAVERS[saver]({"model": other | state}, tmp_path / "a")
        assert_same(read(tmp_path / "a").tensors, generator)

    def test_without_a_scale_the_camera_counts_for_nothing(
        self, saver: str, tmp_path: Path
    ) -> None:
        options = rendering_kwargs(CONFIG)
        del options["c_scale"]
        generator = make_generator(still())
        write_eg3d(tmp_path / "a", generator, rendering=options, write=SAVERS[saver])
        assert read(tmp_path / "a").config == still(c_scale=0.0)


class TestEg3d:
    def test_says_it_is_still(self, tmp_path: Path) -> None:
        write_eg3d(tmp_path / "a", make_generator(still()))
        assert any("still head" in note for note in read(tmp_path / "a").notes)

    def test_falls_back_to_the_raw_generator(self, tmp_path: Path) -> None:
        generator = make_generator(still())
        write_eg3d(tmp_path / "a", generator, name="G")
        checkpoint = read(tmp_path / "a")
        assert_same(checkpoint.tensors, generator)
        assert any("no G_ema" in note for note in checkpoint.notes)

    @pytest.mark.parametrize("variant", ["8XDC", "8X", "4X", "2X"])
    def test_superresolutions(self, variant: str, tmp_path: Path) -> None:
        config = still(superresolution=variant)
        write_eg3d(tmp_path / "a", make_generator(config))
        assert read(tmp_path / "a").config == config

    def test_clamps(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        generator = make_generator(still())
        write_eg3d(path, generator, init_kwargs={"conv_clamp": 64, "sr_num_fp16_res": 0})
        config = read(path).config
        assert (config.conv_clamp, config.superresolution_clamp) == (64, None)

    def test_filters_of_unused_modules(self, tmp_path: Path) -> None:
        generator = make_generator(still())
        filter_ = generator.backbone.synthesis.state_dict()["b4.resample_filter"]
        assert generator.superresolution is not None
        generator.superresolution.register_buffer("resample_filter", filter_.clone())
        write_eg3d(tmp_path / "a", generator)
        assert "superresolution.resample_filter" not in read(tmp_path / "a").tensors

    def test_options(self, tmp_path: Path) -> None:
        config = still(rendering={"raw_resolution": 32, "ray_start": 0.1, "ray_end": 2.6})
        write_eg3d(tmp_path / "a", make_generator(config))
        assert read(tmp_path / "a").config == config
