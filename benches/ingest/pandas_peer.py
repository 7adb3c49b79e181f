"""The work of ingest in pandas: read, drop repeats, filter to the 5-core, order, number, split, write."""

import hashlib
import sys

import pandas as pd


def number(ids: pd.Series) -> pd.Series:
    order = sorted(ids.unique(), key=lambda name: hashlib.blake2b(name.encode()).digest())
    return ids.map({name: place for place, name in enumerate(order)})


rows = pd.read_json(sys.argv[1], lines=True, compression="gzip", convert_dates=False)
rows = rows.rename(columns={"reviewerID": "user", "asin": "item", "unixReviewTime": "time"})
rows = rows.sort_values(["user", "time", "item"], kind="stable").drop_duplicates(["user", "item"])
while True:
    before = len(rows)
    rows = rows[rows.groupby("user")["item"].transform("size") >= 5]
    rows = rows[rows.groupby("item")["user"].transform("size") >= 5]
    if len(rows) == before:
        break
rows["text"] = (rows["summary"].fillna("") + ". " + rows["reviewText"].fillna("")).str.replace(r"<[^>]*>", " ", regex=True)
rows["user"], rows["item"] = number(rows["user"]), number(rows["item"])
rows = rows.sort_values(["user", "time", "item"], kind="stable")
rows["position"] = rows.groupby("user").cumcount()
length = rows.groupby("user")["item"].transform("size")
rows["split"] = "train"
rows.loc[(rows["position"] == length - 1) & (length >= 3), "split"] = "test"
rows[["user", "item", "position", "time", "split"]].to_parquet(sys.argv[2] + "/interactions.parquet", compression="zstd")
rows[["user", "item", "text"]].to_parquet(sys.argv[2] + "/reviews.parquet", compression="zstd")
print(len(rows))
