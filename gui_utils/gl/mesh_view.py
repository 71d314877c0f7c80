"""A triangle mesh drawn into a texture."""

from __future__ import annotations

import ctypes
from typing import Literal

import numpy as np
from imgui_bundle import imgui
from OpenGL import GL as gl  # noqa: N811 - the usual name

from gui_utils.gl.saved_state import saved_state
from gui_utils.gl.shader_programs import compile_program
from gui_utils.gl.software import is_software
from gui_utils.gl.texture import changed, read_rgb

Mode = Literal["shaded", "colored", "wireframe", "normals"]

_MODES: dict[str, int] = {"shaded": 0, "colored": 1, "normals": 2, "wireframe": 3}
_SAMPLES = 4

_VERTEX_SHADER = """#version 330 core
layout(location = 0) in vec3 position;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec4 color;
uniform mat4 view_projection;
out vec3 world;
out vec3 direction;
out vec3 tint;
void main() {
    world = position;
    direction = normal;
    tint = color.rgb;
    gl_Position = view_projection * vec4(position, 1.0);
    // Images start with their top row, OpenGL's with the bottom one.
    gl_Position.y = -gl_Position.y;
}
"""

_FRAGMENT_SHADER = """#version 330 core
in vec3 world;
in vec3 direction;
in vec3 tint;
uniform vec3 camera;
uniform int mode;
uniform vec4 flat_color;
out vec4 pixel;

vec3 to_linear(vec3 color) { return pow(color, vec3(2.2)); }
vec3 to_display(vec3 color) { return pow(clamp(color, 0.0, 1.0), vec3(1.0 / 2.2)); }

void main() {
    if (mode == 3) {
        pixel = flat_color;
        return;
    }
    vec3 to_camera = normalize(camera - world);
    vec3 n = dot(direction, direction) > 0.0 ? normalize(direction) : to_camera;
    if (mode == 2) {
        pixel = vec4(0.5 + 0.5 * n, 1.0);
        return;
    }
    // Extracted surfaces may be inside out; light the side that is seen.
    if (dot(n, to_camera) < 0.0) n = -n;
    float head = max(dot(n, normalize(to_camera + vec3(0.0, 0.35, 0.0))), 0.0);
    float sky = 0.5 + 0.5 * n.y;
    vec3 ambient = mix(vec3(0.10, 0.09, 0.085), vec3(0.24, 0.27, 0.32), sky);
    if (mode == 1) {
        // Sampled colours carry their own light: shape shows only softly.
        vec3 light = ambient * 1.1 + vec3(0.28) + vec3(0.48) * head;
        pixel = vec4(to_display(to_linear(tint) * light), 1.0);
        return;
    }
    vec3 base = vec3(0.62, 0.59, 0.56);
    vec3 halfway = normalize(to_camera + normalize(to_camera + vec3(0.0, 0.6, 0.0)));
    float gloss = 0.06 * pow(max(dot(n, halfway), 0.0), 28.0);
    float rim = 0.10 * pow(1.0 - max(dot(n, to_camera), 0.0), 3.0) * sky;
    vec3 light = ambient + vec3(0.80, 0.78, 0.75) * head;
    pixel = vec4(to_display(base * light + gloss + rim), 1.0);
}
"""


class MeshView:
    """Draws one indexed triangle mesh, antialiased, into a texture.

    Create and use it on the window's thread while the window is open.

    Args:
        samples: samples per pixel, as far as the driver supports them; None takes 4 on a GPU and 1
            in software.

    Raises:
        RuntimeError: when the graphics driver rejects the shaders.
    """

    def __init__(self, samples: int | None = None) -> None:
        if samples is None:
            renderer = bytes(gl.glGetString(gl.GL_RENDERER) or b"").decode(errors="replace")
            software = is_software(renderer)
            # In software, antialiasing makes a frame take about three times as long.
            samples = 1 if software else _SAMPLES
        self._count = 0
        self._size = (0, 0)
        self._drawn: tuple[object, ...] | None = None
        self._samples = min(samples, int(gl.glGetIntegerv(gl.GL_MAX_SAMPLES)))
        # 0 requests a plain buffer; for 1 sample, drivers may give more.
        self._samples = self._samples if self._samples > 1 else 0
        self._vertex_array = int(gl.glGenVertexArrays(1))
        self._buffers = [int(name) for name in gl.glGenBuffers(4)]
        self._framebuffers = [int(name) for name in gl.glGenFramebuffers(2)]
        self._renderbuffers = [int(name) for name in gl.glGenRenderbuffers(2)]
        self.texture = int(gl.glGenTextures(1))
        """OpenGL's name of the image drawn last."""
        self._program = compile_program(_VERTEX_SHADER, _FRAGMENT_SHADER)
        self._uniforms = {
            name: gl.glGetUniformLocation(self._program, name)
            for name in ("view_projection", "camera", "mode", "flat_color")
        }

    @property
    def triangles(self) -> int:
        """How many triangles the mesh has."""
        return self._count // 3

    def set_mesh(
        self,
        vertices: np.ndarray,
        faces: np.ndarray,
        normals: np.ndarray,
        colors: np.ndarray | None = None,
    ) -> None:
        """Uploads a mesh.

        Args:
            vertices: [V, 3].
            faces: vertex indices [F, 3]; none to empty the view.
            normals: [V, 3].
            colors: uint8 [V, 3]; None draws mode "colored" in grey.

        Raises:
            ValueError: for other shapes, and for indices outside 0..V-1.
        """
        _check(vertices, faces, normals, colors)
        positions = np.ascontiguousarray(vertices, np.float32)
        directions = np.ascontiguousarray(normals, np.float32)
        indices = np.ascontiguousarray(faces, np.uint32)
        tints = np.full((len(positions), 4), 200, np.uint8)
        if colors is not None:
            tints[:, :3] = colors
        with saved_state():
            gl.glBindVertexArray(self._vertex_array)
            layout = (
                (positions, 3, gl.GL_FLOAT, False),
                (directions, 3, gl.GL_FLOAT, False),
                (tints, 4, gl.GL_UNSIGNED_BYTE, True),
            )
            for slot, (data, width, kind, normalized) in enumerate(layout):
                gl.glBindBuffer(gl.GL_ARRAY_BUFFER, self._buffers[slot])
                gl.glBufferData(gl.GL_ARRAY_BUFFER, data.nbytes, data, gl.GL_STATIC_DRAW)
                gl.glEnableVertexAttribArray(slot)
                gl.glVertexAttribPointer(slot, width, kind, normalized, 0, ctypes.c_void_p(0))
            gl.glBindBuffer(gl.GL_ELEMENT_ARRAY_BUFFER, self._buffers[3])
            gl.glBufferData(gl.GL_ELEMENT_ARRAY_BUFFER, indices.nbytes, indices, gl.GL_STATIC_DRAW)
        self._count = indices.size
        self._drawn = None

    def draw(
        self,
        view_projection: np.ndarray,
        camera_position: np.ndarray,
        *,
        size: tuple[int, int],
        mode: Mode | str = "shaded",
        background: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0),
    ) -> imgui.ImTextureRef:
        """Draws the mesh if anything changed, and returns its upright image for Dear ImGui.

        Args:
            view_projection: [4, 4], from world to OpenGL's clip space (y up, depth -w..w):
                `clip = view_projection @ [x, y, z, 1]`.
            camera_position: world coordinates [3].
            size: width and height of the image, pixels.
            mode: see `Mode`.
            background: red, green, blue and opacity, 0..1.

        Raises:
            ValueError: for another mode.
        """
        if mode not in _MODES:
            raise ValueError(f"Unknown mode {mode!r}: choose one of {', '.join(_MODES)}.")
        width, height = max(int(size[0]), 1), max(int(size[1]), 1)
        matrix = np.ascontiguousarray(view_projection, np.float32).reshape(4, 4)
        camera = tuple(float(x) for x in camera_position)
        wanted = (matrix.tobytes(), camera, width, height, mode, tuple(background))
        if wanted == self._drawn:
            return imgui.ImTextureRef(self.texture)
        with saved_state():
            if (width, height) != self._size:
                self._resize(width, height)
            gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self._framebuffers[0])
            gl.glViewport(0, 0, width, height)
            for capability in (gl.GL_SCISSOR_TEST, gl.GL_BLEND, gl.GL_CULL_FACE):
                gl.glDisable(capability)
            gl.glEnable(gl.GL_DEPTH_TEST)
            gl.glDepthFunc(gl.GL_LEQUAL)
            gl.glDepthMask(True)
            gl.glEnable(gl.GL_MULTISAMPLE)
            gl.glClearColor(*background)
            gl.glClear(int(gl.GL_COLOR_BUFFER_BIT) | int(gl.GL_DEPTH_BUFFER_BIT))
            if self._count:
                gl.glUseProgram(self._program)
                gl.glUniformMatrix4fv(self._uniforms["view_projection"], 1, True, matrix)
                gl.glUniform3f(self._uniforms["camera"], *camera)
                gl.glBindVertexArray(self._vertex_array)
                self._draw_triangles(mode, background)
            self._resolve(width, height)
        changed.add(self.texture)
        self._drawn = wanted
        return imgui.ImTextureRef(self.texture)

    def _draw_triangles(self, mode: str, background: tuple[float, float, float, float]) -> None:
        if mode != "wireframe":
            gl.glUniform1i(self._uniforms["mode"], _MODES[mode])
            self._draw_elements()
            return
        # Fill with the background, pushed back slightly, so that hidden lines stay hidden.
        gl.glUniform1i(self._uniforms["mode"], _MODES["wireframe"])
        gl.glUniform4f(self._uniforms["flat_color"], *background)
        gl.glEnable(gl.GL_POLYGON_OFFSET_FILL)
        gl.glPolygonOffset(1.0, 1.0)
        self._draw_elements()
        gl.glDisable(gl.GL_POLYGON_OFFSET_FILL)
        ink = 0.85 if sum(background[:3]) < 1.5 else 0.2
        gl.glUniform4f(self._uniforms["flat_color"], ink, ink, ink, 1.0)
        gl.glPolygonMode(gl.GL_FRONT_AND_BACK, gl.GL_LINE)
        self._draw_elements()
        gl.glPolygonMode(gl.GL_FRONT_AND_BACK, gl.GL_FILL)

    def _draw_elements(self) -> None:
        gl.glDrawElements(gl.GL_TRIANGLES, self._count, gl.GL_UNSIGNED_INT, ctypes.c_void_p(0))

    def _resize(self, width: int, height: int) -> None:
        gl.glBindTexture(gl.GL_TEXTURE_2D, self.texture)
        gl.glTexImage2D(
            gl.GL_TEXTURE_2D,
            0,
            gl.GL_RGBA8,
            width,
            height,
            0,
            gl.GL_RGBA,
            gl.GL_UNSIGNED_BYTE,
            None,
        )
        for parameter in (gl.GL_TEXTURE_MIN_FILTER, gl.GL_TEXTURE_MAG_FILTER):
            gl.glTexParameteri(gl.GL_TEXTURE_2D, parameter, gl.GL_LINEAR)
        for axis in (gl.GL_TEXTURE_WRAP_S, gl.GL_TEXTURE_WRAP_T):
            gl.glTexParameteri(gl.GL_TEXTURE_2D, axis, gl.GL_CLAMP_TO_EDGE)
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self._framebuffers[1])
        gl.glFramebufferTexture2D(
            gl.GL_FRAMEBUFFER, gl.GL_COLOR_ATTACHMENT0, gl.GL_TEXTURE_2D, self.texture, 0
        )
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self._framebuffers[0])
        parts = (
            (gl.GL_RGBA8, gl.GL_COLOR_ATTACHMENT0),
            (gl.GL_DEPTH_COMPONENT24, gl.GL_DEPTH_ATTACHMENT),
        )
        for name, (kind, attachment) in zip(self._renderbuffers, parts, strict=True):
            gl.glBindRenderbuffer(gl.GL_RENDERBUFFER, name)
            gl.glRenderbufferStorageMultisample(
                gl.GL_RENDERBUFFER, self._samples, kind, width, height
            )
            gl.glFramebufferRenderbuffer(gl.GL_FRAMEBUFFER, attachment, gl.GL_RENDERBUFFER, name)
        self._size = (width, height)

    def _resolve(self, width: int, height: int) -> None:
        gl.glBindFramebuffer(gl.GL_READ_FRAMEBUFFER, self._framebuffers[0])
        gl.glBindFramebuffer(gl.GL_DRAW_FRAMEBUFFER, self._framebuffers[1])
        area = (0, 0, width, height)
        gl.glBlitFramebuffer(*area, *area, gl.GL_COLOR_BUFFER_BIT, gl.GL_NEAREST)

    def read_pixels(self) -> np.ndarray:
        """The image drawn last, uint8 [H, W, 3], top row first."""
        with saved_state():
            gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self._framebuffers[1])
            return read_rgb(*self._size)

    def delete(self) -> None:
        """Frees it; further calls do nothing."""
        if not self._program:
            return
        gl.glDeleteProgram(self._program)
        gl.glDeleteVertexArrays(1, [self._vertex_array])
        gl.glDeleteBuffers(4, self._buffers)
        gl.glDeleteFramebuffers(2, self._framebuffers)
        gl.glDeleteRenderbuffers(2, self._renderbuffers)
        gl.glDeleteTextures([self.texture])
        self._program = 0


def _check(
    vertices: np.ndarray, faces: np.ndarray, normals: np.ndarray, colors: np.ndarray | None
) -> None:
    parts = [("vertices", vertices), ("normals", normals), ("faces", faces)]
    if colors is not None:
        parts.append(("colors", colors))
    for name, part in parts:
        if part.ndim != 2 or part.shape[1] != 3:
            raise ValueError(f"Mesh {name} are [N, 3], not {list(part.shape)}.")
        if name in ("normals", "colors") and len(part) != len(vertices):
            raise ValueError(f"{len(vertices)} vertices need as many {name}, not {len(part)}.")
    if faces.size and (int(faces.min()) < 0 or int(faces.max()) >= len(vertices)):
        raise ValueError(f"Mesh faces index vertices 0 to {len(vertices) - 1}, and no others.")
