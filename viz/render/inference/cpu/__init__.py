"""Stages on a processor: layers by oneDNN; rays and Winograd's transforms compiled by Numba."""
