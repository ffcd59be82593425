"""Progress measures side by side, on the same runs: which one moves first, and which one misleads."""
