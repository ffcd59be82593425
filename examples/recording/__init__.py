"""A run that is recorded during training: ``python -m examples.recording --output runs/mine``."""
