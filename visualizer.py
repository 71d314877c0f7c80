"""PV3D visualizer: look inside 3D-aware portrait video GANs.

python visualizer.py                     the application
python visualizer.py model.ckpt          the application on a model
python visualizer.py render --help       a picture without a window; also frames, video, mesh,
                                         mesh-sequence, points, volume
python visualizer.py doctor              what this machine has, and how to fix what is missing

An installed program is called pv3d-visualizer.
"""


def console() -> None:
    """Runs the command line and ends the program with its status."""
    # Imported here, as the worker's process reads this file once more and needs none of it.
    from training.quick_imports import quick_imports

    with quick_imports():
        from training.terminal import run_command
        from viz.program import main

    run_command(main)


if __name__ == "__main__":
    console()
