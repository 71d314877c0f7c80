"""Settings: what is declared at a field holds for files, sliders and the command line."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.viz.state.declared import OWNERS, fields, ranges
from viz.exports.frame_options import Movement, PictureOptions, VideoOptions
from viz.exports.mesh_options import MeshOptions, MeshSequenceOptions, PointOptions, VolumeOptions
from viz.exports.table import EXPORTERS
from viz.headless.command_line import COMMANDS, parse
from viz.headless.export_source import Source, items
from viz.state import settings
from viz.state.interface import Interface
from viz.state.person import Latent, Motion
from viz.state.settings import Range, setting
from viz.state.types import Display, Orbit, Quality, SessionState

LEAVES = [
    (owner, name)
    for owner in OWNERS
    for name, kind in fields(owner).items()
    if not dataclasses.is_dataclass(kind)
]
NUMBERS = [(owner, name) for owner, name in LEAVES if ranges(fields(owner)[name])]


def identify(value: Any) -> str | None:
    return value.__name__ if isinstance(value, type) else None


@pytest.mark.parametrize(("owner", "name"), NUMBERS, ids=identify)
def test_every_number_has_a_range_that_holds_its_default_and_its_slider(owner, name):
    for _, numbers in ranges(fields(owner)[name]):
        assert numbers is not None, "no file may bring the program to a halt with a huge number"
        assert math.isfinite(numbers.lo)
        assert math.isfinite(numbers.hi)
        lo, hi = numbers.ends
        assert numbers.lo <= lo < hi <= numbers.hi
        assert not numbers.logarithmic or lo > 0
        assert numbers.step > 0
        default = setting(owner, name).default
        for value in default if isinstance(default, tuple) else (default,):
            assert value is None or numbers.lo <= value <= numbers.hi


@pytest.mark.parametrize(("owner", "name"), LEAVES, ids=identify)
def test_every_setting_says_what_it_means(owner, name):
    sentence = setting(owner, name).sentence
    assert sentence[:1].isupper()
    assert sentence.endswith(".")


@pytest.mark.parametrize(("owner", "name"), NUMBERS, ids=identify)
@pytest.mark.parametrize("end", ["lo", "hi"])
def test_numbers_beyond_their_range_are_refused_with_it(owner, name, end):
    """Both ends are allowed; what lies beyond them is named with the range."""
    kind, numbers = ranges(fields(owner)[name])[0]
    assert numbers is not None
    limit = getattr(numbers, end)
    inside = round(limit) if kind is int else float(limit)
    away = 1 if end == "hi" else -1
    beyond = inside + away if kind is int else math.nextafter(inside, away * math.inf)

    hint = fields(owner)[name]
    count = len(ranges(hint)) if "tuple" in str(hint) else None

    def plain(value: float) -> Any:
        return [value] * count if count else value

    found = settings.read(hint, plain(inside))
    assert found == (tuple(plain(inside)) if count else inside)
    for wrong in (beyond, float("nan") if kind is float else beyond):
        with pytest.raises(ValueError, match="must lie between") as caught:
            settings.read(hint, plain(wrong))
        assert numbers.text("and") in str(caught.value)


def test_problems_name_the_place():
    state = SessionState(orbit=Orbit(pitch=100.0, pivot=(0.0, 9e9, 0.0)), latent=Latent(cutoff=-1))
    assert settings.problems(state) == [
        "latent.cutoff is -1; it must lie between 0 and 1000 layers.",
        "orbit.pitch is 100; it must lie between -89 and 89°.",
        "orbit.pivot[1] is 9e+09; it must lie between -10 and 10.",
    ]
    assert settings.problems(SessionState()) == []


@pytest.mark.parametrize(
    ("owner", "name", "lo", "hi", "slider"),
    [
        (Quality, "mesh_resolution", 8, 1024, (32, 512)),
        (MeshOptions, "resolution", 64, 1024, (64, 1024)),
        (PointOptions, "resolution", 64, 1024, (64, 1024)),
        (VolumeOptions, "resolution", 64, 1024, (64, 1024)),
        (Orbit, "pitch", -89, 89, (-89, 89)),
        (Orbit, "pivot", -10, 10, (-0.5, 0.5)),
        (Interface, "preview_floor", 0.5, 1, (0.5, 1)),
    ],
)
def test_limits_that_memory_and_geometry_set(owner, name, lo, hi, slider):
    numbers = setting(owner, name).range
    assert (numbers.lo, numbers.hi, numbers.ends) == (lo, hi, slider)


def test_conflicts_of_parts_count_for_the_whole():
    empty = MeshOptions(crop=(0, 0, 0, 1, 0, 1))
    (sentence,) = MeshSequenceOptions(mesh=empty).problems()
    assert "crop box is empty" in sentence
    video = VideoOptions(movement=Movement(frames=3, seconds=2), crf=52)
    assert [text.split()[0] for text in video.problems()] == ["crf", "The"]


def test_a_declaration_is_read_from_its_field():
    declared = setting(Quality, "depth_samples")
    assert declared.default is None
    assert declared.sentence == "Samples spread evenly along each ray."
    assert declared.note == "None is as trained."
    assert declared.help == f"{declared.sentence} None is as trained. (2 to 1024)"
    assert setting(Display, "split").range == Range(0, 1, "%")
    assert setting(PictureOptions, "look").default == PictureOptions().look
    with pytest.raises(TypeError, match="not a number"):
        _ = setting(Display, "layout").range
    with pytest.raises(KeyError):
        setting(Display, "nothing")


@pytest.mark.parametrize(
    ("kind", "plain", "sentence"),
    [
        (Orbit, {"yaw": "left"}, 'yaw is "left"; it must be a number.'),
        (Orbit, {"yaw": None}, "yaw is null; it must be a number."),
        (Orbit, {"yaw": True}, "yaw is true; it must be a number."),
        (Orbit, {"pivot": [0, 0]}, "pivot is a list of 2; it must be a list of 3."),
        (Latent, {"cutoff": 2.5}, "cutoff is 2.5; it must be a whole number or null."),
        (Latent, {"mix_layers": [1, "x"]}, 'mix_layers[1] is "x"; it must be a whole number.'),
        (Latent, {"others": [{"share": 1}]}, "others[0] has no latent."),
        (Display, {"layout": "pile"}, "choose single, grid, yaws, times, split or models."),
        (Display, {"grid": ["image", "depth", "x", "raw"]}, 'grid[2] is "x"; choose image, raw,'),
        (Display, [], "it is a list of 0; it must be a table of names and values."),
        (SessionState, {"orbit": {"fov": 1e400}}, "orbit.fov is inf; it must lie between"),
        (SessionState, {"orbit": {"fov": 10**400}}, "orbit.fov"),
        (SessionState, {"before": {"latent": {}}}, "before has no motion."),
    ],
)
def test_what_does_not_fit_is_said_in_words(kind, plain, sentence):
    with pytest.raises(ValueError) as caught:
        settings.read(kind, plain)
    assert sentence in str(caught.value)


def test_blends_of_blends_are_refused_at_any_depth():
    plain: dict[str, Any] = {}
    for _ in range(2):
        plain = {"others": [{"latent": plain, "share": 0.5}]}
    with pytest.raises(ValueError, match=r"others\[0\]: .* cannot be a blend as well\.$"):
        settings.read(Latent, plain)
    for _ in range(20_000):
        plain = {"others": [{"latent": plain, "share": 0.5}]}
    with pytest.raises(ValueError, match="nested too deeply"):
        settings.read(Latent, plain)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_line_explains_every_option_with_its_range(command, capsys):
    with pytest.raises(SystemExit):
        parse(command, ["--help"])
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    options = EXPORTERS[COMMANDS[command]].options
    for owner in (options, *(kind for kind in fields(options).values() if kind in OWNERS)):
        for name, kind in fields(owner).items():
            if not dataclasses.is_dataclass(kind):
                assert setting(owner, name).help in text


def test_the_command_line_makes_the_options():
    _, options = parse("video", ["--output", "a.mp4", "--crf", "20", "--frame-rate", "50"])
    assert options == VideoOptions(movement=Movement(frame_rate=50.0, at_least=4.0), crf=20)
    _, options = parse("mesh", ["--output", "a.glb", "--crop", *["0", "0", "0", "1", "1", "1"]])
    assert options == MeshOptions(crop=(0, 0, 0, 1, 1, 1))


def test_remembered_choices_come_back_where_they_fit():
    from viz.exports.choices import ExportChoices

    plain = {
        "what": "mesh",
        "options": {
            "mesh": {"resolution": 512, "unknown": 1},
            "video": {"crf": 99},
            "frames": {"movement": {"frames": 3, "seconds": 2}},
            "points": "many",
        },
        "suffixes": {"mesh": ".obj", "video": 3},
    }
    choices = ExportChoices()
    choices.restore(plain)
    assert choices.what == "mesh"
    assert choices.options == {"mesh": MeshOptions(resolution=512)}
    assert choices.suffixes == {"mesh": ".obj"}
    again = ExportChoices()
    again.restore(json.loads(json.dumps(choices.plain())))
    assert again == choices
    choices.restore({"what": ["mesh"], "options": [], "suffixes": None})
    assert choices == again


def test_a_seed_is_that_person_alone():
    """Another person or motion keeps how codes are drawn, and nothing of the one before."""
    before = Latent(3, 4, 0.7, 5, 6, (1, 2), 8, 0.5, "ws.npz")
    assert Latent.at(12, before) == Latent(x=12.0, psi=0.7, cutoff=5)
    assert Latent.at(12).seed == 12
    assert Latent.at(-1).seed == 2**32 - 1
    assert Motion.at(7, Motion(1, 2, 1.5, 3, 0.5)) == Motion(x=7.0, strength=1.5)
    state = SessionState(latent=before, motion=Motion(strength=1.5, blend=0.5))
    source = Source(Path("out.png"), seeds="12", motion_seeds="7")
    (item,) = items(source, state, (".png",))
    assert item.state == dataclasses.replace(
        state, latent=Latent.at(12, before), motion=Motion.at(7, state.motion)
    )
