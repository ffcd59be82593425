"""The paper's transformer on modular addition: its model, data, training, checkpoints and measures.

``python -m examples.modular_addition`` measures the bundled checkpoints and draws the three phases of grokking.
``python -m examples.modular_addition.train`` trains them again, or trains other runs.
"""
