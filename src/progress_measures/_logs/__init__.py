"""Logs of any program: one reader per kind of content, each of which returns a table or runs.

- ``reading``: chooses the reader of a file; gzip, bzip2 and xz are unpacked first
- ``table``: rows and columns as they were read, and the runs made from them
- ``text``: CSV and similar tables, with any separator
- ``json_text``: JSON lines, lists, and objects of lists
- ``arrays``: NumPy's ``.npz`` archives with an axis of steps
- ``parquet``, ``tensorboard``: through the packages that write these files
- ``kinds``: files that hold no log, or none that can be read safely, and how to convert each
- ``cells``, ``steps``, ``rows``, ``runs``: numbers, the column of steps, rows of one step, several runs
- ``renaming``: new names for columns
"""
