"""The command that writes any checkpoint in the program's own format."""

import torch
from safetensors import safe_open

from training.checkpoint import read, save
from training.checkpoint.__main__ import main
from training.config import GeneratorConfig, RenderingConfig
from training.networks.generator import Generator

CONFIG = GeneratorConfig(
    z_dim=8,
    w_dim=8,
    plane_resolution=8,
    plane_channels=4,
    channel_base=64,
    channel_max=8,
    motion_dim=8,
    superresolution="none",
    rendering=RenderingConfig(8, 4, 4),
)


def test_a_model_is_halved_and_keeps_what_it_says_of_itself(tmp_path, capsys):
    G = Generator(CONFIG).eval()
    source, target = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save(source, G, notes="Made of noise.", metadata={"people": "1, 2", "licence": "MIT"})
    words = ["--half", "--motions", "5,9", "--motions-words", "smile", "looks up, aside"]
    assert main([str(source), str(target), *words]) == 0
    with safe_open(target, framework="np") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F16"}  # noqa: SIM118
    found = read(target)
    assert found.notes == ("Made of noise.",)
    assert found.metadata == {
        "people": "1, 2",
        "motions": "5, 9",
        "motions_words": "smile, looks up  aside",
        "licence": "MIT",
    }
    for name, tensor in G.state_dict().items():
        assert torch.allclose(found.tensors[name], tensor, rtol=1e-3, atol=1e-6), name

    before = target.read_bytes()
    assert main([str(source), str(target)]) == 1
    assert "add --overwrite" in capsys.readouterr().err
    assert target.read_bytes() == before
    assert main([str(tmp_path / "none.ckpt"), str(tmp_path / "c.safetensors")]) == 1
    assert "no such file" in capsys.readouterr().err
