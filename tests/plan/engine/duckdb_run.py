"""Runs scripts in DuckDB, each in a database of its own."""
import sys

import duckdb

for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as script:
        text = script.read()
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    try:
        for statement in connection.extract_statements(text):
            connection.execute(statement)
    except Exception as error:
        sys.exit(f"{path}: {error}")
    connection.close()
