"""Stages on a processor: layers by oneDNN, and rays compiled by Numba."""
