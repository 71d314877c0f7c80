"""What a model has learnt, explored."""
