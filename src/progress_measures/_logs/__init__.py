"""Logs of any program, read by what they hold: one reader per kind, each of which makes a table or runs of it.

- ``reading``: which reader a file is for; gzip, bzip2 and xz are unpacked first
- ``table``: rows and columns as they were read, and the runs that are made of them
- ``text``: CSV and its relatives, with any separator
- ``json_text``: lines of JSON, lists, and objects of lists
- ``arrays``: NumPy's ``.npz`` archives with an axis of steps
- ``parquet``, ``tensorboard``: through the packages that write these files
- ``kinds``: files that hold no log, or none that can be read safely, and how each is converted
- ``cells``, ``steps``, ``rows``, ``runs``: numbers, which column the steps are, rows of one step, several runs
- ``renaming``: new names for columns
"""
