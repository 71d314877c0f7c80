"""Stages on a CPU: layers by oneDNN; rays and Winograd's transforms compiled by Numba."""
