from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest
import torch

from training.camera import Camera
from viz.exports.pictures import captures
from viz.render.inference import stages
from viz.render.inference.cpu import rays, winograd
from viz.render.models import load_model
from viz.render.picture.stage_cache import StageCache
from viz.render.renderer import Renderer
from viz.state import layouts
from viz.state.errors import SupersededError, UserError
from viz.state.files import default_checkpoint
from viz.state.jobs import finish
from viz.state.maps.map_settings import MapSettings
from viz.state.person import Latent, Motion
from viz.state.types import (
    LAYOUTS,
    VIEWS,
    Display,
    Orbit,
    Preview,
    Probe,
    ProbeResult,
    Quality,
    RenderRequest,
    SessionState,
)


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture
def renderer(small_generator):
    return Renderer(small_generator)


def request(state: SessionState | None = None, **options) -> RenderRequest:
    state = state or SessionState(t=0.5)
    return RenderRequest(layouts.shots(state), state.quality, **options)


def picture_of(renderer: Renderer, request: RenderRequest) -> np.ndarray:
    """The only picture of a request."""
    (picture,) = renderer.render(request).pictures
    assert picture is not None
    return picture


def runs(renderer: Renderer, before: dict[str, int]) -> set[str]:
    return {name for name, count in renderer.stage_runs.items() if count > before[name]}


def test_the_image_is_the_generator_s(renderer, small_generator):
    G = small_generator
    state = SessionState(t=0.5, orbit=Orbit(yaw=20))
    shown = picture_of(renderer, request(state))
    from viz.render import latents

    z = torch.from_numpy(latents.z_from_seed(0, 16))[None]
    z_motion = torch.from_numpy(latents.motion_code(Motion(), 16))
    c = torch.from_numpy(Camera.orbit(20).numbers())[None]
    image = G(z, z_motion, torch.full((1, 1), 0.5), c).image[0]
    expected = (image * 127.5 + 128).clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    assert np.abs(shown.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("view", [view for view in VIEWS if view != "mesh"])
def test_every_picture_view(renderer, view):
    state = SessionState(t=0.5, display=Display(view=view))
    picture = picture_of(renderer, request(state))
    side = 128 if view == "image" else 16
    assert picture.shape == (side, side, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 0


def test_what_previews_show_while_rays_are_compiled_is_kept_for_no_full_picture(
    small_generator, monkeypatch
):
    compiling: Future[rays.CompiledRays | None] = Future()
    monkeypatch.setattr(stages, "compiled", lambda decoder: compiling)
    renderer = Renderer(small_generator)
    first = renderer.render(request(preview=Preview()))
    early = np.asarray(first.pictures[0])
    assert first.makeshift, "the networks took the place of the compiled functions"
    compiling.set_result(rays.compiled(small_generator.decoder).result())
    before = dict(renderer.stage_runs)
    answer = renderer.render(request())
    full = np.asarray(answer.pictures[0])
    assert not answer.makeshift
    assert runs(renderer, before) == {"render", "superresolution"}
    assert np.array_equal(full, picture_of(Renderer(small_generator), request()))
    assert np.abs(full.astype(int) - early).max() <= 1
    before = dict(renderer.stage_runs)
    picture_of(renderer, request(preview=Preview()))
    assert not runs(renderer, before), "later previews show the full picture that there is"


def test_previews_do_not_wait_for_convolutions_that_are_compiled(small_generator, monkeypatch):
    compiling: Future[winograd.Transforms | None] = Future()
    monkeypatch.setattr(winograd, "compiled", lambda G, dtype: compiling)
    renderer = Renderer(small_generator)
    early = picture_of(renderer, request(preview=Preview()))
    compiling.set_result(None)
    before = dict(renderer.stage_runs)
    full = picture_of(renderer, request())
    assert runs(renderer, before) == {"planes", "render", "superresolution"}
    assert np.abs(full.astype(int) - early).max() <= 1


def test_a_full_picture_that_waits_for_the_compiler_gives_way(small_generator, monkeypatch):
    monkeypatch.setattr(winograd, "compiled", lambda G, dtype: Future())
    checks = []

    def check():
        checks.append(None)
        if len(checks) > 5:
            raise SupersededError

    with pytest.raises(SupersededError):
        Renderer(small_generator).render(request(), check)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_composes(renderer, layout):
    state = SessionState(t=0.5, display=Display(layout=layout, columns=3))
    result = renderer.render(request(state))
    whole = layouts.compose(state, [p for p in result.pictures if p is not None])
    rows, columns = layouts.grid_shape(state)
    assert whole.shape == (128 * rows, 128 * columns, 3)


def test_only_what_changed_is_computed(renderer):
    state = SessionState(t=0.5)
    renderer.render(request(state))
    changes = {
        "orbit": (replace(state, orbit=Orbit(yaw=10)), {"render", "superresolution"}),
        "scrub": (replace(state, t=0.6), {"planes", "render", "superresolution"}),
        "nothing": (state, set()),
        "view": (replace(state, display=Display(view="depth")), set()),
        "normals": (replace(state, display=Display(view="normals")), {"render"}),
        "super-resolution off": (replace(state, quality=Quality(superresolution=False)), set()),
    }
    for name, (changed, expected) in changes.items():
        before = dict(renderer.stage_runs)
        renderer.render(request(changed))
        assert runs(renderer, before) == expected, name


def test_rest_pose_needs_no_motion_code(renderer):
    renderer.render(request(SessionState(t=0.0)))
    for still in (
        SessionState(t=0.0, motion=Motion(x=7)),
        SessionState(t=0.8, motion=Motion(strength=0)),
    ):
        before = dict(renderer.stage_runs)
        renderer.render(request(still))
        assert runs(renderer, before) == set()


def test_four_views_of_one_camera_cost_one_render(renderer):
    state = SessionState(t=0.5, display=Display(layout="grid"))
    result = renderer.render(request(state))
    assert renderer.stage_runs["render"] == 1
    assert len({p.tobytes() for p in result.pictures if p is not None}) == 4


def test_previews_cost_less_and_leave_the_full_picture_alone(renderer):
    full = picture_of(renderer, request())
    shot = SessionState(t=0.5).shot("raw")
    cheap = picture_of(renderer, RenderRequest((shot,), Quality(), Preview(0.5, 0.5)))
    assert cheap.shape == (16, 16, 3), "never below the smallest useful size"
    big = Quality(raw_resolution=64)
    half = picture_of(renderer, RenderRequest((shot,), big, Preview(0.5, 0.5)))
    assert half.shape == (32, 32, 3)
    assert np.array_equal(picture_of(renderer, request()), full)


@pytest.mark.parametrize("reference", [False, True])
def test_a_super_resolution_of_fewer_pixels_shows_the_same_in_the_same_place(reference):
    """With trained weights: what random ones make of a picture depends on its size."""
    renderer = Renderer(
        finish(load_model(default_checkpoint(), torch.device("cpu"))).G, reference=reference
    )
    full = request(SessionState(t=0.6, latent=Latent(x=17.0)))
    sharp = picture_of(renderer, full).astype(float)
    soft = picture_of(renderer, replace(full, preview=Preview(final_scale=0.5))).astype(float)
    assert renderer.stage_runs["render"] == 1
    assert renderer.stage_runs["superresolution"] == 2
    assert soft.shape == sharp.shape
    assert abs(soft.mean() - sharp.mean()) < 4, "it is as bright"

    def away(right: int, down: int) -> float:
        inner = np.roll(soft, (down, right), (0, 1)) - sharp
        return float(np.square(inner[4:-4, 4:-4]).mean())

    moves = [(x, y) for x in (-2, 0, 2) for y in (-2, 0, 2)]
    assert min(moves, key=lambda move: away(*move)) == (0, 0), "it has not moved"
    assert np.array_equal(picture_of(renderer, full), sharp)


def test_depth_colours_are_fixed_by_the_range(renderer):
    state = SessionState(t=0.5, display=Display(view="depth"))
    raw = renderer.raw(state.shot(), Quality())
    shown = picture_of(renderer, request(state, maps=MapSettings(depth_range=(2.0, 4.0))))
    # What is hardly there goes towards the far end.
    solid = np.minimum(raw.opacity[0, 0].numpy() / 0.5, 1.0)
    place = 1 - (1 - np.clip((raw.depth[0, 0].numpy() - 2.0) / 2.0, 0, 1)) * solid
    assert np.array_equal(shown, MapSettings().table("depth")[(place * 255).round().astype(int)])


def test_depth_colours_follow_the_camera_s_distance(renderer):
    def range_at(radius: float) -> tuple[float, float]:
        state = SessionState(orbit=Orbit(radius=radius), display=Display(view="depth"))
        (found,) = renderer.render(request(state)).map_ranges
        assert found is not None
        return found

    assert np.subtract(range_at(5.7), range_at(4.7)) == pytest.approx(1.0, abs=0.05)
    state = SessionState(t=0.5, orbit=Orbit(radius=4.7), display=Display(view="depth"))
    options = renderer.G.config.rendering
    levels, texts = captures.depth_picture(renderer, state)
    assert float(texts["depth_near"]) == pytest.approx(options.ray_start + 2.0)
    assert levels.min() < 65535, "rays are whole"


def test_a_farther_camera_still_sees_the_head(renderer):
    """Rays shift with the camera, or the head would fall out of their range."""
    near = renderer.raw(SessionState(orbit=Orbit()).shot(), Quality())
    far = renderer.raw(SessionState(orbit=Orbit(radius=4.7, fov=7.7)).shot(), Quality())
    assert near.opacity.mean() > 0.05
    assert far.opacity.mean() == pytest.approx(near.opacity.mean().item(), rel=0.3)
    assert (far.depth.mean() - near.depth.mean()).item() == pytest.approx(2.0, abs=0.2)


def test_a_request_can_be_abandoned(renderer):
    calls = []

    def check():
        calls.append(1)
        if len(calls) > 2:
            raise SupersededError

    with pytest.raises(SupersededError):
        renderer.render(request(), check)
    assert picture_of(renderer, request()).shape == (128, 128, 3)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_is_close(renderer, precision):
    exact = picture_of(renderer, request()).astype(float)
    state = SessionState(t=0.5, quality=Quality(precision=precision))
    result = renderer.render(request(state))
    assert result.precision == precision
    (picture,) = result.pictures
    assert picture is not None
    assert np.abs(picture - exact).mean() < 4


def test_every_listed_layer_can_be_looked_into(renderer, small_generator):
    from viz.render.picture.layer_probe import layers

    listed = layers(small_generator)
    assert len(listed) > 20
    for layer in listed:
        found = renderer.render(request(probe=Probe(layer.name, channel=1))).probe
        assert found is not None
        assert found.shape == layer.shape, layer.name
        assert found.picture.shape == (*layer.shape[1:], 3)
        assert found.lo <= found.mean <= found.hi
    with pytest.raises(UserError, match=r"no layer called b7\.conv9"):
        renderer.render(request(probe=Probe("b7.conv9")))


@pytest.mark.parametrize(
    ("layer", "sees_camera"),
    [("backbone.synthesis.b8.conv1", False), ("superresolution.block0.conv1", True)],
)
def test_a_layer_is_computed_anew_only_for_what_it_depends_on(
    renderer, small_generator, layer, sees_camera
):
    calls = []
    hook = small_generator.get_submodule(layer).register_forward_hook(lambda *_: calls.append(1))

    def look(state: SessionState, channel: int = 0, **options) -> ProbeResult:
        calls.clear()
        found = renderer.render(request(state, probe=Probe(layer, channel), **options)).probe
        assert found is not None
        return found

    state = SessionState(t=0.5)
    first = look(state)
    other = look(state, channel=1)
    assert not calls, "another channel of the same activation"
    assert not np.array_equal(first.picture, other.picture)
    turned = look(replace(state, orbit=Orbit(yaw=30)), preview=Preview(scale=0.5))
    assert bool(calls) == sees_camera
    assert np.array_equal(first.picture, turned.picture) != sees_camera
    moved = look(replace(state, t=1.0))
    assert calls
    assert not np.array_equal(first.picture, moved.picture)
    hook.remove()


def test_a_layer_s_spectrum_of_a_flat_channel_is_finite(renderer):
    probe = Probe("backbone.synthesis.b8.conv1", channel=-1, spectrum=True)
    result = renderer.render(request(probe=probe)).probe
    assert result is not None
    assert np.isfinite([result.lo, result.hi]).all()


def test_the_cache_drops_the_oldest():
    cache = StageCache(100)
    for k in range(5):
        cache.put(("ws", k), np.full(30, k, np.uint8))
        cache.get(("ws", 0))
    assert cache.get(("ws", 0)) is not None, "used again and again"
    assert cache.get(("ws", 1)) is None
    assert cache.used_bytes == 90
    cache.put(("ws", "huge"), np.zeros(1000, np.uint8))
    assert cache.keys() == {("ws", "huge")}


def test_memory_is_counted_as_it_is_held():
    cache = StageCache(10**6)
    whole = torch.zeros(1000)
    cache.put(("ws", 1), whole[:10])
    assert cache.used_bytes == 4000, "a view keeps all of it"
    cache.put(("render", 2), (whole, whole[5:], torch.zeros(10)))
    assert cache.used_bytes == 4040, "what is shared counts once"
    cache.drop([("ws", 1)])
    assert cache.used_bytes == 4040
    cache.put(("render", 2), torch.zeros(3))
    assert cache.used_bytes == 12
    cache.clear()
    assert cache.used_bytes == 0


def test_a_stage_keeps_to_its_share_beyond_what_the_latest_request_needs():
    cache = StageCache(10**6, {"planes": 100})
    for _ in range(2):  # a layout of five pictures, as it is turned
        with cache.request():
            for k in range(5):
                if cache.get(("planes", k)) is None:
                    cache.put(("planes", k), np.zeros(40, np.uint8))
    assert cache.used_bytes == 200
    cache.put(("ws", 0), np.zeros(500, np.uint8))
    with cache.request():
        cache.put(("planes", "next"), np.zeros(40, np.uint8))
    assert cache.keys() == {("ws", 0), ("planes", 4), ("planes", "next")}


def test_playing_keeps_no_planes_of_long_ago(small_generator):
    renderer = Renderer(small_generator)
    renderer.render(request())
    one = renderer.cache.used_bytes
    size = StageCache(2**30)
    size.put(("planes", 0), renderer.planes(request().shots[0], Quality()))
    assert one > size.used_bytes > 0
    renderer.cache = StageCache(2**30, {"planes": 3 * size.used_bytes})
    for k in range(12):
        state = SessionState(t=k / 11)
        renderer.render(RenderRequest((state.shot(),)))
    kept = [key for key in renderer.cache.keys() if key[0] == "planes"]  # noqa: SIM118
    assert 2 <= len(kept) <= 6


def test_stage_times_add_up(renderer):
    """A stage that asks for another one does not count its time."""
    result = renderer.render(request())
    assert set(result.stage_ms) == {"mapping", "planes", "render", "superresolution", "copy"}
    assert all(spent > 0 for spent in result.stage_ms.values())
    assert sum(result.stage_ms.values()) <= result.total_ms
