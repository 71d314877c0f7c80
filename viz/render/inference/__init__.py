"""The renderer's own way through a generator: the same pictures as `training.networks`, faster.

`training` holds the networks as they are trained: plain, differentiable, the reference. Here the
same weights are prepared for pictures alone. What that means, stage by stage:

- `convolutions`, `synthesis`: channels-last activations in the stage's number format; bias, gain
  and activation within the convolution; weights modulated once per person, or activations where
  those are fewer; the low-pass filter of an up-convolution carries the demodulation.
- `field`: the tri-planes as one table of texels. Planes (x, z) and (z, x) are summed beforehand, as
  both are bilinear in the same two coordinates, and all texels of a point are blended in one pass.
- `rays`: coarse and fine samples merged by rank instead of a sort; features only where a sample
  shows; samples that provably contribute nothing are left out.
- `cuda`: the same stages on a GPU: `modulation` and `blocks` are networks of few launches, `graphs`
  records each stage and replays it, `kernel` has Triton's kernels for the rays and for what follows
  a convolution, with a way without Triton.
- `work`: what the stages compute and move at the least.
- `plan`, `calibration`: which number format and algorithm each stage uses is measured once per
  machine and model, and kept.

`stages.open_stages` gives a generator's stages for a plan; `viz.render.renderer` knows only them.
"""
