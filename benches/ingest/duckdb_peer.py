"""The work of ingest in DuckDB: read, drop repeats, filter to the 5-core, order, number, split, write."""

import sys

import duckdb

source, folder = sys.argv[1:]
db = duckdb.connect()
db.execute(f"""
create table rows as
select user, item, time, text from (
    select "reviewerID" as user, asin as item, "unixReviewTime" as time,
        regexp_replace(concat_ws('. ', summary, "reviewText"), '<[^>]*>', ' ', 'g') as text,
        row_number() over (partition by "reviewerID", asin order by "unixReviewTime") as occurrence
    from read_ndjson('{source}', columns = {{'reviewerID': 'varchar', 'asin': 'varchar', 'unixReviewTime': 'bigint',
        'summary': 'varchar', 'reviewText': 'varchar'}}))
where occurrence = 1
""")
while True:
    before = db.execute("select count(*) from rows").fetchone()
    db.execute("delete from rows where user in (select user from rows group by user having count(*) < 5)")
    db.execute("delete from rows where item in (select item from rows group by item having count(*) < 5)")
    if db.execute("select count(*) from rows").fetchone() == before:
        break
db.execute("create table users as select user, row_number() over (order by hash(user)) - 1 as number from (select distinct user from rows)")
db.execute("create table items as select item, row_number() over (order by hash(item)) - 1 as number from (select distinct item from rows)")
db.execute("""
create table numbered as
select users.number as user, items.number as item, time, text,
    row_number() over (partition by users.number order by time, items.number) - 1 as position,
    count(*) over (partition by users.number) as length
from rows join users using (user) join items using (item)
""")
db.execute(f"""
copy (select user, item, position, time,
    case when position = length - 1 and length >= 3 then 'test' else 'train' end as split
    from numbered order by user, position) to '{folder}/interactions.parquet' (compression zstd)
""")
db.execute(f"copy (select user, item, text from numbered order by user, position) to '{folder}/reviews.parquet' (compression zstd)")
print(db.execute("select count(*) from numbered").fetchone()[0])
