"""The PV3D model: networks, cameras, rendering, checkpoints and training."""
