"""The stages on a GPU: CUDA graphs, and Triton kernels where Triton works."""
