"""Parquet files, through pyarrow."""

import io

from progress_measures._formats.names import cut
from progress_measures._logs.table import Path, Table, shown

MAGIC = b"PAR1"


def read_parquet(content: bytes, path: Path) -> Table:
    """The columns of a Parquet file."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError(f"{shown(path)} is a Parquet file, which pyarrow reads: pip install pyarrow") from error
    try:
        table = pq.read_table(io.BytesIO(content))
        names = table.column_names
        if len(set(names)) < len(names):
            raise ValueError("two columns have one name")
        columns = {}
        for name, column in zip(names, table.columns, strict=True):
            plain = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
            cells = column.to_numpy() if plain and column.null_count == 0 else column.to_pylist()
            columns["" if name == "__index_level_0__" else name] = cells
    except (pa.ArrowException, OSError, ValueError) as error:
        why = " ".join(str(error).split()).rstrip(".")
        raise ValueError(f"`path` must be a log that can be read. Got {shown(path)}: {cut(why)}.") from error
    if not columns or table.num_rows == 0:
        raise ValueError(f"`path` must hold at least one step. Got none in {shown(path)}.")
    return Table(path, columns, table.num_rows)
