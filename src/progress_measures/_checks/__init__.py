"""Checks of numbers, tensors and callables that several rooms share."""
