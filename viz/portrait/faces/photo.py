"""Photos from files of any format."""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from torch import Tensor

from training.reasons import reason
from viz.state.errors import UserError

if TYPE_CHECKING:
    import os

_MOST_STORED = 120e6
"""Most pixels of a file that is decoded: some 400 MB."""
_MOST_KEPT = 16e6
"""Most pixels that are kept: more do not make a face clearer."""
_DEEP_GREY = ("I", "I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture ready for viewing: upright, in sRGB."""

    pixels: Tensor
    """float32 [3, H, W] in 0..1; transparent parts on white."""
    notes: tuple[str, ...] = ()
    """Notes for the user, one sentence each."""


def read_photo(path: str | os.PathLike[str]) -> Photo:
    """Reads a picture of any format that Pillow knows.

    It is rotated according to its EXIF orientation and converted to sRGB; very large ones are
    reduced.

    Raises:
        UserError: when it cannot be used, saying why.
    """
    path = Path(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about sizes, which are checked here
            with path.open("rb") as file:
                if not file.peek(1):
                    raise UserError(f"{path.name} is empty: it has no picture to read.")
                with Image.open(file) as image:
                    return _photo(path.name, image)
    except Image.DecompressionBombError as error:
        raise UserError(_too_large(path.name, "more than 170 million")) from error
    except UnidentifiedImageError as error:
        raise UserError(
            f"{path.name} is not a readable picture: open a JPEG, PNG, WebP, TIFF or another "
            "common format."
        ) from error
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}.") from error
    except IsADirectoryError as error:
        raise UserError(f"{path.name} is a folder: choose a picture in it.") from error
    except MemoryError as error:
        raise UserError(f"There is not enough memory to read {path.name}: reduce it.") from error
    except UserError:
        raise
    except Exception as error:  # each of Pillow's decoders fails in its own way
        if isinstance(error, OSError) and error.errno:
            raise UserError(f"{path.name} cannot be read: {reason(error)}.") from error
        raise UserError(
            f"{path.name} is cut off or damaged ({reason(error)}): save or copy it again."
        ) from error


def _photo(name: str, image: Image.Image) -> Photo:
    width, height = image.size
    if width * height > _MOST_STORED:
        raise UserError(_too_large(name, f"{width:,} x {height:,}"))
    notes = []
    if getattr(image, "n_frames", 1) > 1 and image.format in ("GIF", "PNG", "WEBP", "AVIF"):
        notes.append(f"{name} is animated: its first picture is taken.")
    most = math.sqrt(_MOST_KEPT / (width * height))
    if most < 1:  # a JPEG is then decoded at a half, a quarter or an eighth
        image.draft(None, (math.ceil(width * most), math.ceil(height * most)))
    image.load()
    upright = _srgb(ImageOps.exif_transpose(image))
    across = width > height
    turned = (upright.width > upright.height) != across and width != height
    stored = (height, width) if turned else (width, height)
    factor = math.sqrt(_MOST_KEPT / (upright.width * upright.height))
    if factor < 1:
        size = (round(upright.width * factor), round(upright.height * factor))
        upright = upright.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    if upright.size != stored:
        notes.append(
            f"{name} has {stored[0]:,} x {stored[1]:,} pixels and was reduced to "
            f"{upright.width:,} x {upright.height:,}."
        )
    values = torch.from_numpy(np.array(upright)).permute(2, 0, 1)
    pixels = values[:3].float() / 255
    if len(values) == 4:
        alpha = values[3].float() / 255
        pixels = pixels * alpha + (1 - alpha)
    return Photo(pixels, tuple(notes))


def _srgb(image: Image.Image) -> Image.Image:
    """Eight-bit RGB or RGBA in sRGB."""
    if image.mode in _DEEP_GREY or image.mode == "F":
        values = np.asarray(image).astype(np.float64)
        scale = 65535.0 if values.max() > 255 else 255.0 if values.max() > 1 else 1.0
        grey = np.clip(values / scale, 0, 1)
        return Image.fromarray((grey * 255).round().astype(np.uint8)).convert("RGB")
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        alpha = image.getchannel("A") if image.mode == "RGBA" else None
        colours = image.convert("RGB") if alpha is not None else image
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(colours, source, target, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = None  # a damaged or unsuitable profile is ignored
        if converted is not None:
            if alpha is not None:
                converted.putalpha(alpha)
            return converted
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _too_large(name: str, size: str) -> str:
    return (
        f"{name} has {size} pixels; pictures up to {_MOST_STORED / 1e6:.0f} million pixels are "
        "read. Reduce it first."
    )
