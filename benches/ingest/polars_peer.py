"""The work of ingest in polars: read, drop repeats, filter to the 5-core, order, number, split, write."""

import gzip
import sys

import polars as pl

names = {"reviewerID": pl.String, "asin": pl.String, "unixReviewTime": pl.Int64, "summary": pl.String, "reviewText": pl.String}
rows = pl.read_ndjson(gzip.open(sys.argv[1]).read(), schema=names).rename({"reviewerID": "user", "asin": "item", "unixReviewTime": "time"})
rows = rows.sort("user", "time", "item").unique(["user", "item"], keep="first", maintain_order=True)
while True:
    kept = rows.filter(pl.len().over("user") >= 5).filter(pl.len().over("item") >= 5)
    if kept.height == rows.height:
        break
    rows = kept
text = pl.concat_str("summary", "reviewText", separator=". ", ignore_nulls=True).str.replace_all("<[^>]*>", " ")
numbers = [pl.col(name).hash(1).rank("dense").cast(pl.UInt32) - 1 for name in ("user", "item")]
rows = rows.with_columns(text.alias("text"), *numbers).sort("user", "time", "item")
rows = rows.with_columns(pl.int_range(pl.len()).over("user").alias("position"), pl.len().over("user").alias("length"))
is_test = (pl.col("position") == pl.col("length") - 1) & (pl.col("length") >= 3)
rows = rows.with_columns(pl.when(is_test).then(pl.lit("test")).otherwise(pl.lit("train")).alias("split"))
rows.select("user", "item", "position", "time", "split").write_parquet(sys.argv[2] + "/interactions.parquet", compression="zstd")
rows.select("user", "item", "text").write_parquet(sys.argv[2] + "/reviews.parquet", compression="zstd")
print(rows.height)
