"""File formats of runs. Each codec reads back the steps and columns that it wrote.

- ``csv``: a line of names, then a line per step
- ``npz``: NumPy's archive of arrays, which keeps the shapes of vectors and tables
- ``jsonl``: a line of JSON per step, in an append-only file; ``recording``: the rows and errors in it
- ``table``: vectors as columns of numbers, for CSV files, frames and loggers
"""
