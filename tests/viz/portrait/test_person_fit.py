"""Tracks fitted to a person: of the bundled model's own pictures, whose truth is known."""

from __future__ import annotations

import numpy as np
import torch

from training.checkpoint import load_generator
from viz.portrait.camera.own_pictures import OwnPictures
from viz.portrait.camera.self_calibration import expected_face, find_template
from viz.portrait.faces.squares import Square
from viz.portrait.tracks.expressions import eye_opening, face_points
from viz.portrait.tracks.motion_map import find_motion_map
from viz.portrait.tracks.opening_controls import find_controls
from viz.portrait.tracks.person_fit import fitted
from viz.render.renderer import Renderer
from viz.state.driving.motion_track import MotionTrack
from viz.state.files import CHECKPOINTS
from viz.state.jobs import finish
from viz.state.person import Latent
from viz.state.types import SessionState


@torch.inference_mode()
def test_a_track_is_fitted_to_the_person_who_is_the_driver():
    """Two frames with the mouth open, seen from elsewhere than the track says; in a third one the
    eyes are closed, which the fit keeps for everybody."""
    G = load_generator(CHECKPOINTS / "demo.safetensors")
    template = finish(find_template(G))
    rest = finish(find_motion_map(G, template)).rest
    directions = finish(find_controls(G, template, rest)).directions
    state = SessionState(latent=Latent.at(17))
    renderer = Renderer(G)
    ws = renderer.ws(state.shot("image"))
    pictures, square = OwnPictures(G, 0), Square((130.0, 90.0), 150.0, 8.0)

    def points(code: np.ndarray, yaw: float, pitch: float) -> np.ndarray:
        pixels = pictures.picture(ws, torch.from_numpy(code)[None], yaw, pitch)
        face = expected_face(pixels, template, yaw, pitch)
        assert face is not None
        return face_points(face) / pixels.shape[-1]

    seen = points(rest + 0.8 * directions[1], 7.0, -9.0)
    track = MotionTrack(
        codes=np.stack([rest, rest, rest + directions[0]]),
        rest=rest,
        cameras=np.zeros((3, 2), np.float32),
        crops=np.array([(*square.centre, square.side, square.angle)] * 3, np.float32),
        points=np.stack([seen] * 3).astype(np.float32),
        openings=np.zeros((3, 2), np.float32),
        controls=directions,
        amounts=np.array([(0, 0), (0, 0), (1, 0)], np.float32),
        found=np.ones(3, bool),
        fps=25.0,
        size=(260, 180),
        source="a.mp4",
        first=0,
        weights="",
    )
    found = finish(fitted(renderer, state, track, template))

    def error(of: MotionTrack) -> float:
        yaw, pitch = of.cameras[1].tolist()
        return float(np.linalg.norm(points(of.codes[1], yaw, pitch) - of.points[1], axis=1).mean())

    def opening(who: int, code: np.ndarray) -> float:
        shown = renderer.ws(SessionState(latent=Latent.at(who)).shot("image"))
        pixels = pictures.picture(shown, torch.from_numpy(code)[None], 0.0, 0.0)
        face = expected_face(pixels, template, 0.0, 0.0)
        assert face is not None
        return float(eye_opening(face_points(face)))

    for who in (17, 7):
        assert opening(who, found.codes[2]) < 0.75 * opening(who, found.codes[1])
    assert error(found) < 0.003 < 0.01 < error(track)
    assert np.abs(found.cameras[1] - (7, -9)).max() < 2
    place = Square(tuple(found.crops[1, :2].tolist()), *found.crops[1, 2:].tolist())
    assert np.allclose(place.to_picture(found.points[1]), square.to_picture(seen), atol=0.01)
