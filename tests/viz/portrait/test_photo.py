"""Photos of all formats, and files that are none."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from viz.portrait.faces.photo import read_photo
from viz.state.errors import UserError

RED_LEFT = np.zeros((40, 60, 3), np.uint8)
"""A picture whose left third is red, and the rest is blue."""
RED_LEFT[:, :20, 0] = 255
RED_LEFT[:, 20:, 2] = 255


def is_red(pixels) -> bool:
    return bool((pixels[0] > 0.8).all() and (pixels[2] < 0.2).all())


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tiff", "a.bmp", "a.gif"])
def test_formats(tmp_path, name):
    Image.fromarray(RED_LEFT).save(tmp_path / name)
    photo = read_photo(tmp_path / name)
    assert photo.pixels.shape == (3, 40, 60) and photo.notes == ()
    assert is_red(photo.pixels[:, :, :16])


def test_cmyk_and_palette(tmp_path):
    Image.fromarray(RED_LEFT).convert("CMYK").save(tmp_path / "a.jpg")
    Image.fromarray(RED_LEFT).quantize(4).save(tmp_path / "a.png")
    for name in ("a.jpg", "a.png"):
        assert is_red(read_photo(tmp_path / name).pixels[:, 4:-4, 4:14])


def test_grey_of_eight_and_sixteen_bits(tmp_path):
    ramp = np.linspace(0, 1, 60)[None].repeat(40, 0)
    Image.fromarray((ramp * 255).astype(np.uint8)).save(tmp_path / "8.png")
    Image.fromarray((ramp * 65535).astype(np.uint16)).save(tmp_path / "16.png")
    for name in ("8.png", "16.png"):
        pixels = read_photo(tmp_path / name).pixels.numpy()
        assert np.abs(pixels - ramp).max() < 0.01


def test_alpha_stands_on_white(tmp_path):
    values = np.concatenate([RED_LEFT, np.full((40, 60, 1), 255, np.uint8)], axis=2)
    values[:, 30:, 3] = 0
    Image.fromarray(values).save(tmp_path / "a.png")
    photo = read_photo(tmp_path / "a.png")
    assert is_red(photo.pixels[:, :, :20]) and float(photo.pixels[:, :, 30:].min()) == 1


def test_exif_turns_it(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: what is left comes to the top
    Image.fromarray(RED_LEFT).save(tmp_path / "a.jpg", exif=exif, quality=95)
    photo = read_photo(tmp_path / "a.jpg")
    assert photo.pixels.shape == (3, 60, 40)
    assert photo.notes == () and is_red(photo.pixels[:, :14])


def test_a_wide_gamut_is_converted(tmp_path):
    """A profile whose numbers mean other colours than sRGB's: here linear light."""
    from PIL import ImageCms

    grey = Image.new("RGB", (8, 8), (128, 128, 128))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ"))
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    assert profile and lab
    grey.save(tmp_path / "a.png", icc_profile=b"damaged")
    assert float(read_photo(tmp_path / "a.png").pixels.mean()) == pytest.approx(128 / 255)


def test_fifty_megapixels_are_reduced(tmp_path):
    Image.new("RGB", (8640, 5760), (200, 0, 0)).save(tmp_path / "a.jpg")
    photo = read_photo(tmp_path / "a.jpg")
    height, width = photo.pixels.shape[1:]
    assert width * height <= 16.1e6 and width / height == pytest.approx(1.5, abs=0.01)
    assert "8,640 x 5,760" in photo.notes[0] and "reduced" in photo.notes[0]


def test_an_animation_gives_its_first_picture(tmp_path):
    first = Image.fromarray(RED_LEFT)
    first.save(tmp_path / "a.gif", save_all=True, append_images=[Image.new("RGB", (60, 40))])
    photo = read_photo(tmp_path / "a.gif")
    assert "animated" in photo.notes[0] and is_red(photo.pixels[:, :, :16])


def hostile(name: str) -> bytes:
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(
        whole, "JPEG"
    )
    if name == "truncated":
        return whole.getvalue()[: len(whole.getvalue()) // 2]
    if name == "huge":  # a PNG whose header says 20,000 x 20,000

        def chunk(kind: bytes, body: bytes) -> bytes:
            crc = zlib.crc32(kind + body)
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

        header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))
    return {"empty": b"", "text": b"not a picture at all\n" * 100}[name]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("truncated", "cut off or damaged"),
        ("huge", "million pixels"),
        ("empty", "is empty"),
        ("text", "not a readable picture"),
    ],
)
def test_what_is_no_picture_gives_one_sentence(tmp_path: Path, name, words):
    path = tmp_path / "photo.jpg"
    path.write_bytes(hostile(name))
    with pytest.raises(UserError, match=words) as caught:
        read_photo(path)
    assert str(caught.value).startswith("photo.jpg ") and "\n" not in str(caught.value)


def test_folders_and_missing_files(tmp_path):
    with pytest.raises(UserError, match="folder"):
        read_photo(tmp_path)
    with pytest.raises(UserError, match="no file"):
        read_photo(tmp_path / "missing.png")


def test_a_photo_that_may_not_be_read(tmp_path, monkeypatch):
    """As in somebody else's folder: the picture itself is not what is wrong."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UserError, match=r"a\.png cannot be read: permission denied\."):
        read_photo(tmp_path / "a.png")
