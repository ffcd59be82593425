"""File formats of runs, one codec per format: each reads back the steps and columns that it wrote.

- ``csv``: a line of names, then a line per step
- ``npz``: NumPy's archive of arrays, which keeps the shapes of vectors and tables
- ``jsonl``: a line of JSON per step, in a file that only grows
- ``table``: vectors as columns of numbers, for CSV files, frames and loggers
"""
