"""Generates interactions, items and users for a service of many users: `generate.py USERS ITEMS INTERACTIONS_FOLDER ITEMS_FOLDER USERS_FOLDER`.

Each user has two training items and a test item, drawn evenly with a fixed seed. It needs numpy and polars.
"""

import json
import sys
from pathlib import Path

import numpy
import polars

HISTORY = 3


def main() -> None:
    users, items = int(sys.argv[1]), int(sys.argv[2])
    interactions, of_items, of_users = map(Path, sys.argv[3:6])
    random = numpy.random.default_rng(1)
    first = random.integers(0, items, users, dtype=numpy.uint32)
    # Steps to the second and the third item that lead to no item twice.
    steps = random.integers(1, items // 2, (users, HISTORY - 1), dtype=numpy.uint32)
    drawn = numpy.column_stack([first, first + steps[:, 0], first + steps[:, 0] + steps[:, 1]]) % items
    count = users * HISTORY
    split = numpy.tile(numpy.array(["train", "train", "test"]), users)
    table = polars.DataFrame(
        {
            "user": numpy.repeat(numpy.arange(users, dtype=numpy.uint32), HISTORY),
            "item": drawn.astype(numpy.uint32).reshape(-1),
            "position": numpy.tile(numpy.arange(HISTORY, dtype=numpy.uint32), users),
            "time": numpy.tile(numpy.arange(HISTORY, dtype=numpy.int64) * 86400, users),
            "split": polars.Series(split).cast(polars.String),
        }
    )
    table.write_parquet(interactions / "interactions.parquet", row_group_size=262_144)
    dataset = {"users": users, "items": items, "interactions": count, "max_history": HISTORY}
    (interactions / "dataset.json").write_text(json.dumps({**dataset, "holdout": "last", "split_digest": ""}))
    numbers = polars.Series("item", numpy.arange(items, dtype=numpy.uint32))
    empty = polars.lit("")
    named = polars.DataFrame(numbers).with_columns(
        ("I" + numbers.cast(polars.String)).alias("id"),
        ("Item " + numbers.cast(polars.String)).alias("title"),
        empty.alias("description"),
        empty.alias("brand"),
        empty.alias("categories"),
    )
    named.write_parquet(of_items / "items.parquet")
    numbers = polars.Series("user", numpy.arange(users, dtype=numpy.uint32))
    known = polars.DataFrame(numbers).with_columns(("U" + numbers.cast(polars.String)).alias("id"))
    known.write_parquet(of_users / "users.parquet", row_group_size=262_144)


main()
