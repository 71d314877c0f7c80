"""The network's layers, and the activation of any of them."""

from __future__ import annotations

from collections.abc import Sequence

from imgui_bundle import icons_fontawesome_6 as icons
from imgui_bundle import imgui

from gui_utils import controls
from gui_utils.controls import layout, registry, style
from gui_utils.controls.style import printable
from viz.app.commands import Commands
from viz.app.panels.map_controls import probe_colors
from viz.app.panels.setting_controls import slider, toggle
from viz.app.panels.widgets import Button, button_row, end_of, times
from viz.state.interface import Interface
from viz.state.maps.colormaps import color_table
from viz.state.settings import setting
from viz.state.types import LayerInfo, Probe, ProbeResult

_ROWS_SHOWN = 8


def draw(commands: Commands) -> None:
    """List of layers with a filter, and the activation of the one chosen."""
    model = commands.model
    if model is None or not model.layers:
        controls.hint("The layers are listed here when a model is loaded.")
        return
    _, commands.interface.layer_filter = controls.text_input(
        "##Filter",
        commands.interface.layer_filter,
        placeholder="Filter: b16, conv, ToRGB …",
        tooltip=setting(Interface, "layer_filter").sentence,
    )
    shown = matching(model.layers, commands.interface.layer_filter)
    _table(shown, commands.interface)
    total = len(model.layers)
    count = f"{total} layers" if len(shown) == total else f"{len(shown)} of {total} layers"
    probe = commands.interface.probe
    if probe is None:
        controls.hint(f"{count}. Click one to see its activation.")
        return
    controls.hint(f"{count}.")
    layer = next((layer for layer in model.layers if layer.name == probe.layer), None)
    if layer is not None:
        _probe(layer, probe, commands.result.probe if commands.result else None, commands)


def matching(layers: Sequence[LayerInfo], words: str) -> list[LayerInfo]:
    """Layers whose name or kind contains every word, ignoring case."""
    wanted = words.lower().split()
    return [
        layer
        for layer in layers
        if all(word in f"{layer.name} {layer.kind}".lower() for word in wanted)
    ]


def _table(layers: Sequence[LayerInfo], interface: Interface) -> None:
    flags = (
        imgui.TableFlags_.scroll_y
        | imgui.TableFlags_.row_bg
        | imgui.TableFlags_.borders_outer
        | imgui.TableFlags_.sizing_stretch_prop
    )
    with style.font("body", style.SMALL_SIZE):
        line = imgui.get_text_line_height() + 2 * imgui.get_style().cell_padding.y
        height = line * (_ROWS_SHOWN + 1) + 2
        if not imgui.begin_table("layers", 2, flags, (0.0, height)):
            return
        shape_width = imgui.calc_text_size(times(512, 256, 256)).x
        imgui.table_setup_scroll_freeze(0, 1)
        imgui.table_setup_column("Layer", imgui.TableColumnFlags_.width_stretch)
        imgui.table_setup_column("Output", imgui.TableColumnFlags_.width_fixed, shape_width)
        imgui.table_headers_row()
        clipper = imgui.ListClipper()
        clipper.begin(len(layers))
        while clipper.step():
            for layer in layers[clipper.display_start : clipper.display_end]:
                _table_row(layer, interface)
        imgui.end_table()


def _table_row(layer: LayerInfo, interface: Interface) -> None:
    imgui.table_next_row()
    imgui.table_next_column()
    chosen = interface.probe is not None and interface.probe.layer == layer.name
    room = imgui.get_content_region_avail().x
    imgui.push_id(printable(layer.name))
    clicked, _ = imgui.selectable(
        end_of(layer.name, room), chosen, imgui.SelectableFlags_.span_all_columns
    )
    imgui.pop_id()
    registry.record(layer.name)
    parameters = f"{layer.parameters:,} parameters".replace(",", " ")
    layout.tooltip(None, layer.name, layer.kind, parameters)
    if clicked:
        interface.probe = None if chosen else Probe(layer.name)
    imgui.table_next_column()
    imgui.text_unformatted(times(*layer.shape))


def _probe(layer: LayerInfo, probe: Probe, seen: ProbeResult | None, commands: Commands) -> None:
    texture = commands.layer_picture
    here = seen if seen is not None and seen.probe.layer == probe.layer else None
    if isinstance(texture, imgui.ImTextureRef) and here is not None:
        width = imgui.get_content_region_avail().x
        rows, columns = here.picture.shape[:2]
        imgui.image(texture, (width, min(width * rows / max(columns, 1), 2 * width)))
        registry.record("Activation")
        controls.colorbar(color_table(here.probe.colors), here.lo, here.hi)
    else:
        controls.hint("The activation appears with the next picture.")
    if here is not None:
        _numbers(here)
    channels = here.shape[0] if here is not None else layer.shape[0]
    probe = slider("Channel", probe, "channel", ends=(-1, max(channels - 1, 0)))
    probe = probe_colors(toggle("Spectrum", probe, "spectrum"), here)
    commands.interface.probe = probe

    def close() -> None:
        commands.interface.probe = None

    button_row(
        Button("Close", close, "Stops showing this layer's activation.", icon=icons.ICON_FA_XMARK)
    )


def _numbers(seen: ProbeResult) -> None:
    """Min, max, mean and standard deviation side by side."""
    low = imgui.get_cursor_screen_pos()
    width = imgui.get_content_region_avail().x / 4
    draw_list = imgui.get_window_draw_list()
    colors = style.palette()
    numbers = (("Min", seen.least), ("Max", seen.most), ("Mean", seen.mean), ("Std", seen.std))
    with style.font("body", style.SMALL_SIZE):
        line = imgui.get_text_line_height()
        for index, (name, number) in enumerate(numbers):
            x = low.x + index * width
            draw_list.add_text((x, low.y), layout.ink(colors.text_dim), name)
            draw_list.add_text((x, low.y + line), layout.ink(colors.text), f"{number:.3g}")
        imgui.dummy((4 * width, 2 * line))
    registry.record("Numbers")
