"""A user's data: rows of tokens in any container, and their places among the inputs of an operation."""
