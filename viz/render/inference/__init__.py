"""The renderer's own way through a generator: the same pictures as `training.networks`, faster.

`training` holds the networks as they are trained: plain, differentiable, the reference. Here the
same weights are prepared for pictures alone. What that means, stage by stage:

- `stage_interface`: what `viz.render.renderer` knows of a generator's stages; `select` opens them.
- `stages`: the networks as they are, and the stages prepared for a processor.
- `convolutions`, `synthesis`: channels-last activations in the stage's number format; bias, gain
  and activation within the convolution; weights modulated once per person, or activations where
  those are fewer; the low-pass filter of an up-convolution carries the demodulation.
- `radiance_field`: the tri-planes as one table of texels. Planes (x, z) and (z, x) are summed
  beforehand, as both are bilinear in the same two coordinates.
- `rays`, `numba_rays`: volume rendering on a processor in one compiled pass a ray.
- `gpu`: the same stages on a GPU: `gpu_blocks` and `modulation` are networks of few launches,
  `graphs` records each stage and replays it, `kernel` has Triton's kernels for the rays and for
  what follows a convolution, with a way without Triton.
- `plan`, `calibration`: which number format each stage uses is measured once per machine and
  model, and kept.
"""
