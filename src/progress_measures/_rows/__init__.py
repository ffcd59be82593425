"""Somebody's data: rows of tokens in whatever container, and where they stand among the inputs of an operation."""
