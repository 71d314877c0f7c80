import pickle
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.data.tiny_frames import SIDE, frame_camera, frame_picture
from training.data import ClipError, DatasetError, open_source
from training.data.check import CheckOptions, check
from training.data.picture_files import decode_gray, decode_rgb, encode_png, pick, resize


@pytest.mark.parametrize("packed", [False, True])
def test_folder_and_zip_give_the_frames_back(write_set, zip_set, packed):
    path = write_set(clips=3, extras=True)
    source = open_source(zip_set(path) if packed else path)
    assert source.names == ["000000", "000001", "000002"]
    notes, pictures = source.annotations(2), source.pictures(2, [3, 11])
    assert np.array_equal(pictures.images, [frame_picture(2, k) for k in (3, 11)])
    assert np.array_equal(notes.cameras[11], frame_camera(2, 11).numbers())
    assert notes.identity is not None
    assert notes.identity.tolist() == [2, 1, 2]
    assert pictures.depth is not None
    assert pictures.mask is not None
    assert np.allclose(pictures.depth[0, 5], np.linspace(2, 3, SIDE), atol=2e-5)
    assert pictures.mask[1, 0].tolist() == [255] * 8 + [0] * 8


def test_one_zip_serves_threads_and_spawned_processes(write_set, zip_set):
    source = open_source(zip_set(write_set(clips=4)))
    source.pictures(0, [0])
    copy = pickle.loads(pickle.dumps(source))
    jobs = [(clip, frame) for frame in range(16) for clip in range(4)] * 3

    def right(job: tuple[int, int]) -> bool:
        return np.array_equal(copy.pictures(job[0], [job[1]]).images[0], frame_picture(*job))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(right, jobs))


@pytest.mark.parametrize("name", ["../x.png", "/etc/x.png", "a/../../x.png", "a\\..\\x.png", "", 3])
def test_names_that_leave_the_data_set_are_refused(write_set, name):
    path = write_set(clips=1, change=lambda i: i["clips"][0]["frames"].__setitem__(0, name))
    with pytest.raises(DatasetError, match=r"names (a|the) file"):
        open_source(path)


def test_compressed_zip_is_refused_with_the_remedy(write_set, zip_set):
    path = zip_set(write_set(clips=1), zipfile.ZIP_DEFLATED)
    with pytest.raises(DatasetError, match=r"compressed.*zip -0 -r"):
        open_source(path)


def test_cut_zip_is_refused(write_set, zip_set):
    path = zip_set(write_set(clips=1))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DatasetError, match="not a complete zip"):
        open_source(path)


def test_zip_of_the_folder_itself_is_explained(write_set, tmp_path):
    folder = write_set(clips=1)
    with zipfile.ZipFile(tmp_path / "nested.zip", "w") as archive:
        archive.write(folder / "dataset.json", "set/dataset.json")
    with pytest.raises(DatasetError, match="top level"):
        open_source(tmp_path / "nested.zip")


@pytest.mark.parametrize(
    "text,words",
    [
        (None, "has no dataset.json"),
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "format"),
        ('{"format": "pv3d-clips", "version": 9}', "version 9"),
        ('{"format": "pv3d-clips", "version": 1, "resolution": "big"}', "resolution"),
        ('{"format": "pv3d-clips", "version": 1, "resolution": 64}', "list of clips"),
        ('{"format": "pv3d-clips", "version": 1, "resolution": 64, "clips": []}', "no usable"),
    ],
)
def test_broken_index_ends_in_one_sentence(tmp_path, text, words):
    if text is not None:
        (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(DatasetError, match=words) as caught:
        open_source(tmp_path)
    assert "\n" not in str(caught.value)


def test_nothing_there(tmp_path):
    with pytest.raises(DatasetError, match="no data set at"):
        open_source(tmp_path / "missing")


@pytest.mark.parametrize(
    "change,words",
    [
        (lambda clip: clip.pop("frames"), "no frames"),
        (lambda clip: clip["cameras"].pop(), "25 camera numbers"),
        (lambda clip: clip["cameras"][3].pop(), "table of numbers"),
        (lambda clip: clip["cameras"].__setitem__(0, "here"), "table of numbers"),
        (lambda clip: clip.update(name="000000"), "same name"),
        (lambda clip: clip.update(t=[0.5] * 15), "16 numbers from 0 to 1"),
        (lambda clip: clip.update(t=[1 - k / 15 for k in range(16)]), "ascending order"),
        (lambda clip: clip.update(mask=["a.png"]), "list of 16"),
        (lambda clip: clip.update(identity=[1.0]), "other optional parts"),
    ],
)
def test_a_malformed_clip_is_left_out_and_reported(write_set, change, words):
    source = open_source(write_set(clips=3, change=lambda index: change(index["clips"][1])))
    assert source.names == ["000000", "000002"]
    assert len(source.problems) == 1
    assert words in source.problems[0].reason


def test_check_finds_what_is_wrong(write_set):
    def spoil(index):
        index["clips"][1]["cameras"][4][0] = 7.0
        index["clips"][2]["cameras"] = index["clips"][2]["cameras"][:-1]

    path = write_set(clips=6, change=spoil)
    (path / "000003/009.png").unlink()
    spoiled = bytearray((path / "000004/011.png").read_bytes())
    spoiled[-20] ^= 1
    (path / "000004/011.png").write_bytes(spoiled)
    report = check(CheckOptions(path))
    reasons = {p.clip: p.reason for p in report.problems}
    assert set(reasons) == {"000001", "000002", "000003", "000004"}
    assert "frame 4" in reasons["000001"]
    assert "is not a rotation" in reasons["000001"]
    assert "000003/009.png is missing" in reasons["000003"]
    assert "000004/011.png is damaged" in reasons["000004"]
    assert "4 problems" in str(report)
    assert "4 decoded" not in str(report)
    assert len(check(CheckOptions(path, sample=2)).problems) == 3, "a sample misses the damage"


def test_a_damaged_member_of_a_zip_is_found(write_set, zip_set):
    path = zip_set(write_set(clips=3))
    data = bytearray(path.read_bytes())
    frame = data.index(b"\x89PNG", data.index(b"000001/005.png"))
    data[frame + 50] ^= 4
    path.write_bytes(data)
    (problem,) = check(CheckOptions(path)).problems
    assert problem.clip == "000001"
    assert "005.png is damaged" in problem.reason


def test_a_zip_that_may_not_be_read_says_why(write_set, zip_set, monkeypatch):
    path = zip_set(write_set(clips=1))

    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(zipfile, "ZipFile", denied)
    with pytest.raises(DatasetError, match=r"set\.zip cannot be read: permission denied\."):
        open_source(path)


def test_check_describes_a_good_set(write_set):
    report = check(CheckOptions(write_set(clips=4)))
    assert report.problems == []
    text = str(report)
    assert "64 frames, 16 to 16 a clip; 64 decoded" in text
    assert "field of view 13.4 degrees" in text
    assert "radius 2.7" in text
    assert "look at (0.000, 0.000, 0.200)" in text


@pytest.mark.parametrize(
    "spoil,words",
    [
        (lambda data: data[:-30], "cut off"),
        (lambda data: data[:20], "not a PNG"),
        (lambda data: b"", "not a PNG"),
        (lambda data: data[:60] + bytes([data[60] ^ 4]) + data[61:], "damaged"),
        (lambda data: data[:16] + (60_000).to_bytes(4, "big") + data[20:], "60000 x 16 pixels"),
    ],
)
def test_spoiled_png_is_noticed(spoil, words):
    with pytest.raises(ClipError, match=words):
        decode_rgb(spoil(encode_png(frame_picture(1, 2))), SIDE)


def test_every_kind_of_png_becomes_rgb():
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(decode_rgb(encode_png(grey), 16), np.stack([grey] * 3, -1))
    alpha = np.dstack([frame_picture(5, 6), grey])
    assert np.array_equal(decode_rgb(encode_png(alpha), 16), frame_picture(5, 6))
    deep = (np.arange(256) * 257).astype(np.uint16).reshape(16, 16) + 3
    assert np.array_equal(decode_gray(encode_png(deep), 16), deep)


def test_resizing_averages_areas_and_picks_depths():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (16, 16, 3), np.uint8)
    means = picture.reshape(4, 4, 4, 4, 3).mean((1, 3))
    assert np.abs(resize(picture, 4).astype(float) - means).max() <= 0.5
    depth = rng.random((1, 16, 16), np.float32)
    assert np.array_equal(pick(depth, 8), depth[:, 1::2, 1::2])
