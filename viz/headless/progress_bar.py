"""The progress of long work on a terminal."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TypeVar

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from viz.state.jobs import Report, ReportingSteps

T = TypeVar("T")

_FORMAT = "{{l_bar}}{{bar}}| {{elapsed}}<{}{{postfix}}"
"""tqdm's format of the bar, with a place for the time left."""


def shown(steps: ReportingSteps[T], name: str, show: bool = True) -> T:
    """Drives steps to their end and returns their result. Progress is shown after a name, if at
    all; where output goes into a file, every ten seconds."""
    interval = 0.2 if sys.stderr.isatty() else 10
    with (
        closing(steps),
        logging_redirect_tqdm(),  # warnings get lines of their own
        tqdm(
            total=1.0,
            desc=name,
            disable=not show,
            mininterval=interval,
            bar_format=_FORMAT.format("{remaining}"),
        ) as bar,
    ):
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                bar.update(1.0 - bar.n)
                return end.value
            report = step if isinstance(step, Report) else Report(*step)
            left = report.seconds_left
            ahead = "{remaining}" if left is None else tqdm.format_interval(left)
            bar.bar_format = _FORMAT.format(ahead)
            bar.set_postfix_str(report.detail, refresh=False)
            bar.update(max((report.fraction or 0.0) - bar.n, 0.0))
