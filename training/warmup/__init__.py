"""Supervised training on data whose people are known, before any discriminator is asked."""
