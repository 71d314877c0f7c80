"""`python -m training.metrics`; under torchrun the processes share the work."""

from __future__ import annotations

import logging
import sys

from training.checkpoint import CheckpointError
from training.data.source import DatasetError
from training.distributed import DeviceError, world
from training.metrics.detectors import DetectorError
from training.metrics.evaluate import evaluate
from training.metrics.metric_options import MetricsConfig
from training.metrics.metric_session import MetricsError
from training.terminal import parsed, run_command

_PROG = "python -m training.metrics"


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints a table and writes the result; a measurement that cannot be made ends in one
    sentence and status 1."""
    logging.basicConfig(format="%(message)s")
    config = parsed(
        MetricsConfig,
        _PROG,
        arguments,
        "--checkpoint model.safetensors --metrics chamfer,warp",
        "--checkpoint runs/first/generator.safetensors --data clips.zip --metrics swd",
    )
    try:
        with world(config.device) as here:
            report = evaluate(config, here)
            if here.first:
                report.save(config.out_path)
                print(f"{report}\nSaved {config.out_path}")
    except (CheckpointError, DatasetError, DetectorError, DeviceError, MetricsError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.strerror or error}: {error.filename}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    run_command(main)
