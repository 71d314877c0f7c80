"""Small pictures on the GPU, shared by everything that draws one."""

from __future__ import annotations

from gui_utils.gl.atlas import Atlas, AtlasImage
from viz.scheduling.thumbnails import Thumbnails
from viz.state.types import RenderRequest


class SmallPictures:
    """Draws `Thumbnails`; needs the window's OpenGL context once a picture has arrived."""

    def __init__(self, thumbnails: Thumbnails) -> None:
        self.thumbnails = thumbnails
        self._atlas = Atlas()

    def image(
        self, request: RenderRequest, urgency: int = 0, model: str = "", *, asks: bool = True
    ) -> AtlasImage | None:
        """The picture of a request for Dear ImGui, valid in this frame; None until it has been
        rendered. The arguments are those of `Thumbnails.picture`."""
        pixels = self.thumbnails.picture(request, urgency, model, asks=asks)
        return None if pixels is None else self._atlas.image(pixels)

    def close(self) -> None:
        """Frees the GPU memory."""
        self._atlas.delete()
