"""The renderer's own implementation of a generator: the same pictures as `training.networks`,
faster.

`training` holds the networks as they are trained: plain, differentiable, the reference. Here the
same weights are prepared for inference only. Stage by stage:

- `stage_interface`: what `viz.render.renderer` knows of a generator's stages; `select` opens them.
- `stages`: the networks as they are, and the stages prepared for a processor.
- `synthesis`: the networks of convolutions, prepared: which layers run in which order, for whom.
  `cpu.cpu_layers` and `gpu.gpu_layers` compute the layers: channels-last activations in the stage's
  number format; weights modulated once per person, or activations where those are fewer; on a
  processor, bias, gain and activation within the convolution (`convolutions`), and the low-pass
  filter of an up-convolution carries the demodulation.
- `cpu.winograd`: large 3x3 convolutions by less than half the products in bfloat16, by
  `cpu.numba_winograd`, and a quarter in float32, by `cpu.numba_winograd_float`.
- `cpu.int8`, `cpu.numba_int8`: the super-resolution of previews in 8-bit integers.
- `cpu.background`: the threads that share a picture's parts.
- `radiance_field`: the tri-planes as one table of texels. Planes (x, z) and (z, x) are summed
  beforehand, as both are bilinear in the same two coordinates.
- `cpu.rays`, `cpu.numba_rays`: volume rendering on a processor in one compiled pass a ray.
- `gpu`: the same stages on a GPU: `gpu_layers` and `modulation` need few launches, `graphs`
  records each stage and replays it, `kernel` has Triton's kernels for the rays and for what follows
  a convolution, with a way without Triton.
- `plan`, `calibration`: which number format each stage uses is measured once per machine and
  model, and kept.
"""
