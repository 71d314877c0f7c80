"""What the renderer draws is where the camera convention says, and nothing else changes it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_fill_holes
from scipy.spatial import KDTree

from training.camera import Camera, rays
from training.synthetic.expression import MOTION_DIM, expr_weights
from training.synthetic.traits import IDENTITY_DIM, Traits, identity_from_u

pytest.importorskip("moderngl", reason="moderngl (the extra 'synthetic') is not installed")

from training.synthetic.baking import bind
from training.synthetic.garment import fit_shirt
from training.synthetic.glasses import fit_glasses
from training.synthetic.head_model import to_world
from training.synthetic.head_renderer import HeadRenderer, background
from training.synthetic.synthetic_clips import DEPTH_RANGE, encode_depth


def _person(seed: int, **changes: object) -> Traits:
    code = np.random.default_rng(seed).standard_normal(IDENTITY_DIM)
    return dataclasses.replace(identity_from_u(code), **changes)


def _motion(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(MOTION_DIM)


def test_bind_meets_the_surface_from_both_sides():
    trimesh = pytest.importorskip("trimesh")
    ball = trimesh.creation.icosphere(subdivisions=3)
    points = np.concatenate([ball.vertices, 2 * ball.vertices]).astype(np.float32)
    faces = np.concatenate([ball.faces, ball.faces + len(ball.vertices)])
    directions = np.random.default_rng(0).standard_normal((200, 3)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for outermost, radius in ((True, 2), (False, 1)):
        bound = bind(points, faces, np.zeros(3, np.float32), directions, outermost=outermost)
        np.testing.assert_allclose(bound.points(points), radius * directions, atol=0.03)


def test_drawing_is_repeatable(renderer: HeadRenderer):
    camera = Camera.orbit(20, 5)
    pictures = []
    for seed in (1, 2, 1):
        renderer.set_identity(_person(seed))
        renderer.set_pose(expr_weights(_motion(seed), 0.8))
        pictures.append(renderer.draw(camera))
    assert np.array_equal(pictures[0].rgba, pictures[2].rgba)
    assert np.array_equal(pictures[0].distance, pictures[2].distance)
    assert not np.array_equal(pictures[0].rgba, pictures[1].rgba)


def test_all_motions_start_from_one_picture(renderer: HeadRenderer):
    renderer.set_identity(_person(3))
    pictures = []
    for seed in range(3):
        renderer.set_pose(expr_weights(_motion(seed), 0.0))
        pictures.append(renderer.draw(Camera.orbit(-10)).rgba)
    assert np.array_equal(pictures[0], pictures[1])
    assert np.array_equal(pictures[0], pictures[2])


def test_distances_lie_on_the_mesh(renderer: HeadRenderer):
    renderer.set_identity(
        _person(4, style="bald", glasses=0.0, beard=np.zeros(3), beard_length=0.0)
    )
    renderer.set_pose(expr_weights(_motion(4), 0.6))
    vertices, triangles = renderer.mesh()
    rng = np.random.default_rng(0)
    weights = rng.dirichlet((1, 1, 1), size=(12, len(triangles))).astype(np.float32)
    surface = np.einsum("ntk,tkd->ntd", weights, vertices[triangles]).reshape(-1, 3)
    tree = KDTree(surface)
    for yaw, pitch in ((0, 0), (35, -10), (-25, 15)):
        camera = Camera.orbit(yaw, pitch)
        frame = renderer.draw(camera)
        origin, directions = rays(torch.from_numpy(camera.numbers())[None], renderer.resolution)
        near, far = DEPTH_RANGE
        stored = near + encode_depth(frame.depth(far)) / 65535 * (far - near)
        points = origin.numpy()[0] + directions.numpy()[0] * stored.reshape(-1, 1)
        head = (frame.alpha.ravel() == 1) & (points[:, 1] > -0.15)  # above the shirt
        assert head.sum() > 0.2 * head.size
        distances, _ = tree.query(points[head])
        assert np.median(distances) < 0.002
        assert np.percentile(distances, 95) < 0.01


def test_landmarks_are_where_they_are_drawn(renderer: HeadRenderer):
    renderer.set_identity(_person(5, style="bald", glasses=0.0))
    renderer.set_pose({})
    camera = Camera.orbit(5, 3)
    marks = renderer.landmarks(camera)
    assert marks.shape == (68, 2)
    assert marks.min() > 0
    assert marks.max() < 1
    nose, left_eye, right_eye = marks[30], marks[42:48].mean(0), marks[36:42].mean(0)
    assert right_eye[0] < nose[0] < left_eye[0]  # its left is on our right
    assert nose[1] > left_eye[1]  # y down
    tip = renderer.mesh()[0][renderer.head.morphable.landmarks[30]]
    x, y = (nose * renderer.resolution).astype(int)
    drawn = renderer.draw(camera).depth(0)[y, x]
    assert drawn == pytest.approx(np.linalg.norm(tip - camera.position), abs=0.005)


def test_coverage_fits_colour_and_depth(renderer: HeadRenderer):
    for seed in range(6):
        renderer.set_identity(_person(seed))
        renderer.set_pose(expr_weights(_motion(seed), 1.0))
        frame = renderer.draw(Camera.orbit(10 * seed - 30))
        empty, full = frame.alpha == 0, frame.alpha == 1
        assert set(np.unique(frame.alpha)) <= {0, 0.25, 0.5, 0.75, 1}
        assert 0.2 < full.mean() < 0.9
        assert (frame.rgba[..., :3].max(-1) <= 255 * frame.alpha + 1).all()
        assert (frame.distance[empty] == 0).all()
        depth = frame.depth(np.inf)
        assert (np.isinf(depth) == empty).all()
        assert DEPTH_RANGE[0] < depth[~empty].min() < depth[~empty].max() < DEPTH_RANGE[1]
        white = frame.over(background("white", _person(seed), renderer.resolution))
        assert (white[empty] == 255).all()
        assert (white[full] == frame.rgba[full][:, :3]).all()


def test_people_stay_in_the_box(renderer: HeadRenderer):
    head = renderer.head
    for seed in range(25):
        traits = _person(seed)
        rest = head.identity_vertices(traits.shape, traits.age)
        shirt = fit_shirt(traits, rest, renderer.baked)
        dressed = shirt.tuck_in(rest, head.skin)
        posed = head.posed(dressed, expr_weights(_motion(seed), 1.0))
        parts = [posed[np.unique(head.triangles)], shirt.points]
        cap = renderer.hair.cap(traits, rest)
        if cap:
            parts.append(cap.points)
        for part in parts:
            assert np.abs(to_world(part)).max() < 0.5, seed


def test_heads_are_whole_from_all_sides(renderer: HeadRenderer):
    """No background shows through behind the ears or from below the shirt; only between the tips of
    hair a few pixels may."""
    for seed in (1, 3):
        renderer.set_identity(_person(seed, glasses=0.0))
        renderer.set_pose({})
        for yaw, pitch in ((0, 0), (90, 20), (120, -35), (180, 35), (-150, 0)):
            solid = renderer.draw(Camera.orbit(yaw, pitch)).alpha > 0.5
            holes = np.asarray(binary_fill_holes(solid)) & ~solid
            assert holes.sum() <= 12, (seed, yaw, pitch)
            assert solid.mean() > 0.2


def test_skin_does_not_stick_out_of_the_shirt(renderer: HeadRenderer):
    """Below the neckline all skin is nearer to the neck's axis than the shirt's rim."""
    head = renderer.head
    for seed in range(20):
        traits = _person(seed)
        rest = head.identity_vertices(traits.shape, traits.age)
        shirt = fit_shirt(traits, rest, renderer.baked)
        dressed = shirt.tuck_in(rest, head.skin)[head.skin]
        low = dressed[dressed[:, 1] < shirt.neckline.min()]
        rim = np.hypot(low[:, 0], low[:, 2] + 2.6)
        assert rim.max() < shirt.opening.max() + 0.1


def _drawn(renderer: HeadRenderer, camera: Camera, **changes: object) -> np.ndarray:
    """A person's picture over grey, float64 [H, W, 3]."""
    plain: dict[str, object] = {
        **{"glasses": 0.0, "style": "short", "pattern": "plain", "lamps": "studio"},
        **dict.fromkeys(("age", "grain", "freckles", "lip_gloss", "sheen"), 0.0),
        "hair": np.array([0.3, 0.2, 0.1]),
        "beard": np.zeros(3),
    }
    renderer.set_identity(_person(3, **plain | changes))
    renderer.set_pose({})
    return renderer.draw(camera).over(np.full(3, 0.5)).astype(float)


def test_a_trait_shows_where_it_belongs(renderer: HeadRenderer):
    camera = Camera.orbit()
    plain = _drawn(renderer, camera)
    marks = renderer.landmarks(camera) * renderer.resolution
    brow, chin = int(marks[17:27, 1].min()), int(marks[8, 1])
    for rows, changes in (
        (slice(brow - 12, int(marks[33, 1])), {"glasses": 1.0}),
        (slice(chin, None), {"pattern": "stripes"}),
        (slice(0, chin), {"grain": 1.0}),
        (slice(brow, chin), {"freckles": 0.6}),
        (slice(int(marks[33, 1]), chin), {"lip_gloss": 1.0}),
        (slice(0, int(marks[30, 1])), {"sheen": 1.0}),
    ):
        change = np.abs(_drawn(renderer, camera, **changes) - plain).max(axis=-1)
        assert (change[rows] > 6).sum() > 10, changes
        change[rows] = 0
        assert change.max() <= 6 or "grain" in changes, changes  # the neck is skin as well
    window = [_drawn(renderer, camera, lamps=f"window {side}") for side in ("left", "right")]
    bright = [picture[brow:chin, : int(marks[30, 0])].mean() for picture in window]
    assert bright[0] < bright[1] - 10, "a person's right is on our left"
    assert not np.array_equal(plain, _drawn(renderer, camera, lamps="evening"))


def test_ages_have_heads_of_their_own(renderer: HeadRenderer):
    head = renderer.head
    marks = head.morphable.landmarks
    zero = np.zeros(len(_person(0).shape))
    child, adult, old = (head.identity_vertices(zero, age)[marks] for age in (-1, 0, 1))

    def face(points: np.ndarray) -> float:
        """How long a face is below the eyes, for the distance of these."""
        eyes = points[36:48].mean(axis=0)
        return (eyes[1] - points[8, 1]) / (points[42:48, 0].mean() - points[36:42, 0].mean())

    assert face(child) < 0.93 * face(adult)
    assert old[[4, 12], 1].max() < adult[[4, 12], 1].max(), "jowls hang"
    pictures = [_drawn(renderer, Camera.orbit(), age=age) for age in (-1.0, 0.0, 1.0)]
    for one, other in ((0, 1), (1, 2)):
        assert np.abs(pictures[one] - pictures[other]).mean() > 0.4


def test_glasses_sit_before_the_eyes(renderer: HeadRenderer):
    head = renderer.head
    for seed in range(12):
        traits = _person(seed)
        rest = head.identity_vertices(traits.shape, traits.age)
        points, normals = fit_glasses(traits, rest[head.morphable.landmarks], rest[head.skin])
        assert np.isfinite(points).all()
        assert np.linalg.norm(normals, axis=1) == pytest.approx(1, abs=1e-4)
        face = rest[(rest[:, 2] > 3) & np.isin(head.labels, (0, 1, 7, 8, 9, 10))]
        rims = points[: 2 * 41 * 6]
        _, nearest = KDTree(face[:, :2]).query(rims[:, :2])
        assert (rims[:, 2] - face[nearest, 2]).min() > -0.3, seed
        assert np.abs(to_world(points)).max() < 0.5


def test_drawing_before_an_identity_is_refused(renderer: HeadRenderer):
    before, renderer.traits = renderer.traits, None
    try:
        with pytest.raises(RuntimeError, match="identity"):
            renderer.draw(Camera.orbit())
    finally:
        renderer.traits = before
