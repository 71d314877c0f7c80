"""Exploring what a model has learnt."""
