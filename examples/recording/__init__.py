"""A run that is recorded while it trains: ``python -m examples.recording --output runs/mine``."""
