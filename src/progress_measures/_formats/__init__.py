"""Files of runs, one codec a format: steps and columns in, and the same steps and columns out.

- ``csv``: a line of names, then a line per step
- ``npz``: NumPy's archive of arrays, which keeps the shapes of vectors and tables
- ``jsonl``: a line of JSON per step, in a file that only grows
- ``table``: vectors as columns of numbers, for CSV files, frames and loggers
"""
