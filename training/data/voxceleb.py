"""Reads PV3D's published VoxCeleb layout: videos, each with a JSON file of cameras.

    recrop_faces/NAME.mp4                  square, 25 frames a second
    smoothed_camera2world/NAME.json        a list, per frame [..., the 25 camera numbers]
    voxceleb.list                          file names, one a line (optional)

Reading it directly takes a seek and decoding from the last key frame for each sample; converting
it once (`python -m training.dataset convert`) makes training several times faster.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.data.source import Annotations, ClipError, DatasetError, Pictures, Problem
from training.data.storage import require_safe_name
from training.data.video import Video, frame_count, open_video
from training.reasons import reason

logger = logging.getLogger(__name__)

VIDEO_FOLDER = "recrop_faces"
CAMERA_FOLDER = "smoothed_camera2world"
LIST_NAME = "voxceleb.list"


def fit_cameras(cameras: np.ndarray, frames: int) -> np.ndarray:
    """Cameras [frames, 25] for a video from those of its file, [F, 25].

    Some published files have one camera too few or too many. As in the published training, the last
    one is then repeated or dropped.

    Raises:
        ClipError: when the counts differ by more, as the cameras then belong to other frames.
    """
    if abs(len(cameras) - frames) > 1 or not len(cameras):
        raise ClipError(f"has {frames} frames but {len(cameras)} cameras")
    return np.concatenate([cameras, cameras[-1:]])[:frames]


def read_cameras(path: Path) -> np.ndarray:
    """Cameras of a video, float32 [F, 25], from the published JSON.

    Raises:
        ClipError: when the file is missing or malformed.
    """
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ClipError(f"the cameras {path.name} are missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ClipError(f"the cameras {path.name} are not valid JSON ({error})") from error
    try:
        cameras = np.asarray([entry[1] for entry in data], np.float32)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise ClipError(f"the cameras {path.name} are not a list of [name, numbers]") from error
    if cameras.ndim != 2 or cameras.shape[1] != 25:
        raise ClipError(f"the cameras {path.name} are not 25 numbers a frame")
    return cameras


class VoxCelebClips:
    """Videos with cameras; the module describes the layout, ClipSource the methods."""

    def __init__(self, path: Path) -> None:
        self.path = path
        videos = _stems(path / VIDEO_FOLDER, ".mp4")
        cameras = _stems(path / CAMERA_FOLDER, ".json")
        self.names: list[str] = []
        self.problems: list[Problem] = []
        for name in _listed(path / LIST_NAME) or sorted(videos):
            if name not in videos:
                self.problems.append(Problem(name, f"the video {name}.mp4 is missing"))
            elif name not in cameras:
                self.problems.append(Problem(name, f"the cameras {name}.json are missing"))
            else:
                self.names.append(name)
        self.notes: list[Problem] = []
        self.resolution = self._first_resolution()
        self._frame_counts: dict[int, int] = {}

    def annotations(self, clip: int) -> Annotations:
        cameras = read_cameras(self.path / CAMERA_FOLDER / f"{self.names[clip]}.json")
        known = clip in self._frame_counts
        if not known:
            self._frame_counts[clip] = frame_count(self._video(clip))
        count = self._frame_counts[clip]
        fitted = fit_cameras(cameras, count)
        if len(cameras) != count and not known:
            change = "the last one is repeated" if len(cameras) < count else "the last is ignored"
            problem = f"has {count} frames but {len(cameras)} cameras: {change}"
            if not self.notes:
                logger.warning(
                    "The clip %s %s (only the first such clip is reported).",
                    self.names[clip],
                    problem,
                )
            self.notes.append(Problem(self.names[clip], problem))
        return Annotations(fitted)

    def pictures(self, clip: int, frames: Sequence[int]) -> Pictures:
        with open_video(self._video(clip)) as video:
            if (video.width, video.height) != (self.resolution, self.resolution):
                raise ClipError(
                    f"is {video.width} x {video.height} pixels instead of "
                    f"{self.resolution} x {self.resolution}"
                )
            self._require_frames(clip, video)
            return Pictures(np.stack(list(video.frames(frames))))

    def verify(self, clip: int) -> None:
        with open_video(self._video(clip)) as video:
            self._require_frames(clip, video)

    def _require_frames(self, clip: int, video: Video) -> None:
        annotated = self.annotations(clip).frame_count
        if video.frame_count != annotated:
            raise ClipError(f"has {video.frame_count} frames; its header says {annotated}")

    def _video(self, clip: int) -> Path:
        return self.path / VIDEO_FOLDER / f"{self.names[clip]}.mp4"

    def _first_resolution(self) -> int:
        """Side of the first video that can be opened."""
        problem = "there are no videos with cameras"
        for clip in range(min(len(self.names), 100)):
            try:
                with open_video(self._video(clip)) as video:
                    return video.height
            except ClipError as error:
                problem = f"{self.names[clip]} {error}"
        raise DatasetError(f"{self.path} has no usable video: {problem}.")


def _stems(folder: Path, suffix: str) -> set[str]:
    """Names of a folder's files that end in `suffix`, without it."""
    if not folder.is_dir():
        raise DatasetError(f"The folder {folder} is missing.")
    return {file.name.removesuffix(suffix) for file in folder.iterdir() if file.suffix == suffix}


def _listed(path: Path) -> list[str]:
    """The names in the list file, without suffixes; empty if there is no such file."""
    try:
        lines = path.read_text("utf-8").split("\n")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"The list {path} cannot be read: {reason(error)}.") from error
    names = (require_safe_name(line.strip()) for line in lines if line.strip())
    stems = (name.removesuffix(".mp4").removesuffix(".json") for name in names)
    return list(dict.fromkeys(stems))
