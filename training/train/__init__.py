"""Adversarial training: the step, the loop around it, and a run's folder."""
