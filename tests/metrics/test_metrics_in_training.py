"""Scores of a generator in training are those that the command measures."""

from dataclasses import replace

import pytest

from tests.training.train.tiny_run import CONFIG
from training.distributed import World
from training.metrics import MetricsConfig, MetricsError, evaluate
from training.train.score import Score
from training.train.train_config import ScoreConfig

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


@pytest.mark.parametrize(
    ("metric", "detector", "option"),
    [("swd", None, ""), ("fid", "image", "image_detector"), ("fvd", "video", "video_detector")],
)
def test_a_score_is_the_metric(
    tmp_path, tiny_generator, write_clips, scripts, metric, detector, option
):
    data = write_clips([16, 16, 20])
    path = scripts[detector] if detector else None
    options = ScoreConfig(metric, 4, str(path or ""), run_torchscript=True)
    run = replace(CONFIG, data=str(data), score=options, seed=3)
    score = Score(run, World(), tmp_path, tiny_generator)
    first = score()
    assert score() == first
    assert score.of == f"{metric} of 4 samples, seed 3"
    assert list((tmp_path / "statistics").glob(f"{metric}-*.safetensors"))

    measured = MetricsConfig(
        tmp_path / "G.safetensors",
        data=data,
        metrics=metric,
        clips=4,
        pictures=4,
        seed=3,
        batch=2,
        run_torchscript=True,
        cache=tmp_path / "cache",
    )
    if path is not None:
        measured = replace(measured, **{option: path})
    report = evaluate(measured, World(), G=tiny_generator)
    assert report.results[metric].value == pytest.approx(first, rel=1e-6)


def test_a_score_compares_with_what_training_leaves_out(tmp_path, tiny_generator, write_clips):
    data = write_clips([16] * 12)
    run = replace(CONFIG, data=str(data), score=ScoreConfig(samples=4, held_out_share=0.5))
    held_out = Score(run, World(), tmp_path, tiny_generator)
    everything = Score(
        replace(run, score=ScoreConfig(samples=4)), World(), tmp_path, tiny_generator
    )
    assert held_out() != everything()
    assert held_out.of == "swd of 4 samples, seed 0, 0.5 held out"
    measured = MetricsConfig(
        tmp_path / "G.safetensors",
        data=data,
        held_out_share=0.5,
        metrics="swd",
        pictures=4,
        batch=2,
        cache=tmp_path / "cache",
    )
    report = evaluate(measured, World(), G=tiny_generator)
    assert report.results["swd"].value == pytest.approx(held_out(), rel=1e-6)


def test_a_score_s_detector_must_be_given(tmp_path, tiny_generator):
    run = replace(CONFIG, score=ScoreConfig("fvd"))
    with pytest.raises(MetricsError, match=r"The score fvd needs --score\.detector"):
        Score(run, World(), tmp_path, tiny_generator)
