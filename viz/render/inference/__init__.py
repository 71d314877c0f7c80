"""The renderer's own implementation of a generator: the same pictures as `training.networks`,
faster.

`training` holds the networks as they are trained: plain, differentiable, the reference. Here the
same weights are prepared for inference only. Stage by stage:

- `stage_interface`: what `viz.render.renderer` knows of a generator's stages; `select` opens them.
- `stages`: the networks as they are, and the stages prepared for a processor.
- `synthesis`: the convolutional networks, prepared: which layers run in which order, and the w that
  each takes. `cpu.cpu_layers` and `gpu.gpu_layers` compute the layers: channels-last activations in
  the stage's number format; weights are modulated once per person, or the activations if those are
  fewer. On a processor, bias, gain and activation are part of the convolution (`convolutions`), and
  the low-pass filter of an up-convolution applies the demodulation.
- `cpu.winograd`: large 3x3 convolutions with less than half the products in bfloat16
  (`cpu.numba_winograd`), and a quarter of them in float32 (`cpu.numba_winograd_float`).
- `cpu.int8`, `cpu.numba_int8`: the super-resolution of previews in 8-bit integers.
- `cpu.background`: the threads that share a picture's parts.
- `cpu.compiled_functions`: calls what the files `cpu.numba_*` compile, and keeps it on disk;
  `cpu.numba_compiler` compiles it, for the processor that `cpu.processor` describes.
- `radiance_field`: the tri-planes as one table of texels. Planes (x, z) and (z, x) are summed
  beforehand, as both are bilinear in the same two coordinates.
- `cpu.rays`, `cpu.numba_rays`: volume rendering on a processor in one compiled pass per ray.
- `gpu`: the same stages on a GPU: `gpu_layers` and `modulation` need few launches, `graphs`
  records each stage and replays it, `kernel` has Triton's kernels for the rays and for what follows
  a convolution, and the same without Triton.
- `plan`, `calibration`: the number format of each stage, measured once per machine and model, and
  kept.
"""
