"""Compares Parquet with NDJSON, row by row, as pyarrow and as DuckDB read it.

usage: parquet.py FOLDER    with files NAME.TABLE.ndjson and NAME.TABLE.parquet
"""

import base64
import glob
import json
import math
import os
import sys

import duckdb
import pyarrow.parquet as pq

TEXT = ("string", "binary")
# What each column may be in Arrow; bytes are text if all of the column is UTF-8.
TYPES = {
    "db": ("int32",),
    "freq": ("int32",),
    "elements": ("int64",),
    "bytes": ("int64",),
    "memory": ("int64",),
    "idle_s": ("int64",),
    "expire_at_ms": ("int64",),
    "expire_at": ("timestamp[ms, tz=UTC]",),
    "position": ("uint64",),
    "score": ("double",),
    "type": ("string",),
    "encoding": ("string",),
    "state": ("string",),
    "index": ("string",),
    "key": TEXT,
    "family": TEXT,
    "field": TEXT,
    "value": TEXT,
    "member": TEXT,
}
# The years 1 to 9999: other times have no date.
FIRST, LAST = -62135596800000, 253402300799999


def rows_of(path):
    with open(path, "rb") as file:
        return [json.loads(line) for line in file.read().split(b"\n") if line]


def expected(row):
    """The cells of a row of NDJSON as Parquet should have them; text as bytes."""
    out = {}
    for name, cell in row.items():
        if name == "score" and cell is not None:
            cell = float(cell)
        elif name == "value" and row["type"] == "stream":
            pass
        elif isinstance(cell, str):
            cell = cell.encode()
        elif isinstance(cell, dict):
            cell = base64.b64decode(cell["base64"])
        out[name] = cell
        if name == "expire_at_ms":
            out["expire_at"] = cell if cell is not None and FIRST <= cell <= LAST else None
    return out


def found(row):
    out = {}
    for name, cell in row.items():
        if isinstance(cell, str):
            cell = cell.encode()
        if name == "value" and row["type"] in ("stream", b"stream"):
            cell = json.loads(cell)
        out[name] = bytes(cell) if isinstance(cell, (bytearray, memoryview)) else cell
    return out


def same(found, expected):
    if isinstance(expected, float):
        return found == expected and math.copysign(1, found) == math.copysign(1, expected)
    return type(found) is type(expected) and found == expected


def compare(about, rows, wanted):
    assert len(rows) == len(wanted), f"{about}: {len(rows)} and {len(wanted)} rows"
    for at, (row, want) in enumerate(zip(rows, wanted)):
        row = found(row)
        assert list(row) == list(want) and all(same(row[name], want[name]) for name in want), (
            f"{about}, row {at}: {row} and not {want}"
        )


def by_arrow(path, wanted):
    file = pq.ParquetFile(path)
    assert file.metadata.created_by.startswith("rdb-reindex version "), file.metadata.created_by
    for field in file.schema_arrow:
        assert str(field.type) in TYPES[field.name], f"{path}: {field}"
    for group in range(file.metadata.num_row_groups):
        for column in range(file.metadata.num_columns):
            chunk = file.metadata.row_group(group).column(column)
            assert chunk.compression == "ZSTD", path
            assert chunk.is_stats_set, f"{path}: no statistics of {chunk.path_in_schema}"
    table = file.read()
    if "expire_at" in table.column_names:
        at = table.column_names.index("expire_at")
        table = table.set_column(at, "expire_at", table["expire_at"].cast("int64"))
    # A column is text exactly where all of it could be.
    for field in table.schema:
        if str(field.type) in TEXT and TYPES[field.name] == TEXT:
            cells = [want[field.name] for want in wanted]
            assert (str(field.type) == "string") == all(is_text(cell) for cell in cells), f"{path}: {field}"
    compare(f"{path} by pyarrow", table.to_pylist(), wanted)


def is_text(cell):
    if not isinstance(cell, bytes):
        return True
    try:
        cell.decode()
    except UnicodeDecodeError:
        return False
    return True


def by_duckdb(database, path, wanted):
    columns = [name for name, *_ in database.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()]
    cells = ", ".join("epoch_ms(expire_at)" if name == "expire_at" else name for name in columns)
    rows = database.execute(f"SELECT {cells} FROM '{path}'").fetchall()
    compare(f"{path} by DuckDB", [dict(zip(columns, row)) for row in rows], wanted)


def by_filter(database, path, wanted):
    """Statistics leave out no row: the least, the greatest and the longest value of each column are found."""
    types = {name: kind for name, kind, *_ in database.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()}
    for name, kind in types.items():
        cells = [want[name] for want in wanted if isinstance(want[name], (bytes, int, float))]
        if not cells or name == "expire_at":
            continue
        some = {min(cells), max(cells), max(cells, key=lambda cell: len(cell) if isinstance(cell, bytes) else 0)}
        for cell in some:
            value = cell.decode() if kind == "VARCHAR" else cell
            query = f'SELECT count(*) FROM \'{path}\' WHERE "{name}" = ? AND "{name}" >= ? AND "{name}" <= ?'
            count = database.execute(query, [value] * 3).fetchone()[0]
            assert count == cells.count(cell), f"{path}: {count} rows with {name} {cell!r}"


def key_of(database, path):
    """The key as bytes, whichever type the column has."""
    types = {name: kind for name, kind, *_ in database.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()}
    return "encode(key)" if types["key"] == "VARCHAR" else "key"


def join(database, keys, elements, wanted):
    """Every element has its key."""
    left, right = (f"(SELECT *, {key_of(database, path)} AS k FROM '{path}')" for path in (elements, keys))
    count = database.execute(
        f"SELECT count(*) FROM {left} e JOIN {right} k ON e.db = k.db AND e.k = k.k AND e.type = k.type"
    ).fetchone()[0]
    assert count == len(wanted), f"{elements}: {count} of {len(wanted)} rows have a key"


def main(folder):
    database = duckdb.connect(config={"threads": 1})
    count = 0
    for path in sorted(glob.glob(os.path.join(folder, "*.parquet"))):
        wanted = [expected(row) for row in rows_of(path.removesuffix("parquet") + "ndjson")]
        by_arrow(path, wanted)
        by_duckdb(database, path, wanted)
        by_filter(database, path, wanted)
        if path.endswith(".elements.parquet"):
            join(database, path.replace(".elements.", ".keys."), path, wanted)
        count += len(wanted)
    print(f"{count} rows compared")


if __name__ == "__main__":
    main(sys.argv[1])
