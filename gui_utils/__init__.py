"""Window, drawing and control building blocks over GLFW, OpenGL 3.3 and Dear ImGui."""

# This goes before any import of glfw: it makes the glfw package load the very library that the
# Dear ImGui backends use.
import imgui_bundle
