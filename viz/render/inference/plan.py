"""The number formats that a generator's stages compute in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

Format = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class Plan:
    """How a picture is computed; part of the cache keys of its stages."""

    backbone: Format = "float32"
    rays: Format = "float32"
    """Format of the decoder on a GPU; on a CPU it is always float32."""
    texels: Format = "float32"
    """Format of the planes on a GPU; on a CPU it is always float32."""
    superresolution: Format = "float32"
    int8_previews: bool = False
    """Whether previews may run the super-resolution in 8-bit integers; full pictures never do."""
    reference: bool = False
    """Whether the networks of `training` run unchanged, under autocast: for devices and formats
    without prepared stages."""

    @classmethod
    def uniform(cls, name: Format, *, rays: Format = "float32", reference: bool = False) -> Plan:
        """All convolutions in one format."""
        return cls.of(name, name, rays=rays, reference=reference)

    @classmethod
    def on_gpu(cls, name: Format) -> Plan:
        """The plan of a GPU's prepared stages with all convolutions in one format. The decoder uses
        float16 with both half formats: texels are kept in float16, so that bfloat16 would only lose
        precision."""
        return cls.uniform(name, rays="float32" if name == "float32" else "float16")

    @classmethod
    def of(
        cls,
        backbone: Format,
        superresolution: Format,
        *,
        rays: Format = "float32",
        reference: bool = False,
    ) -> Plan:
        """A plan with these formats; that of the planes follows from the backbone's."""
        # Planes of a backbone in a half format lose nothing in float16, and take half the memory.
        texels: Format = "float32" if backbone == "float32" else "float16"
        return cls(backbone, rays, texels, superresolution, reference=reference)

    @property
    def precision(self) -> Format:
        """The format of most of the work, as it is shown to the user."""
        return self.superresolution if self.superresolution != "float32" else self.backbone

    @property
    def dtype(self) -> torch.dtype:
        return getattr(torch, self.precision)
