"""Runs the queries of a document and compares their results with the tables behind them.

usage: document.py DOCUMENT           in the folder that has the files
       document.py DOCUMENT --write   writes the tables instead
"""

import sys

import duckdb


def cell(value):
    text = "" if value is None else str(value)
    return text.replace("|", "\\|")


def table(cursor):
    """The result of a query in Markdown."""
    header = [column[0] for column in cursor.description]
    rows = [header, ["---"] * len(header)] + [[cell(value) for value in row] for row in cursor.fetchall()]
    return ["| " + " | ".join(row) + " |" for row in rows]


def main(path, write):
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    database = duckdb.connect(config={"threads": 1})
    database.execute("SET TimeZone = 'UTC'")
    out, count, at = [], 0, 0
    while at < len(lines):
        out.append(lines[at])
        at += 1
        if out[-1] != "```sql":
            continue
        end = lines.index("```", at)
        query = "\n".join(lines[at:end])
        out += lines[at : end + 1] + [""]
        at = end + 1
        while at < len(lines) and lines[at] == "":
            at += 1
        written = []
        while at < len(lines) and lines[at].startswith("|"):
            written.append(lines[at])
            at += 1
        found = table(database.execute(query))
        count += 1
        if not write and found != written:
            sys.exit(f"{query}\n\ngives\n\n" + "\n".join(found) + "\n\nand not\n\n" + "\n".join(written))
        out += found
        if at < len(lines) and lines[at] != "":
            out.append("")
    if write:
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(out))
    print(count)


if __name__ == "__main__":
    main(sys.argv[1], "--write" in sys.argv[2:])
