"""Writes the files of this folder with the programs that they are named after, as those write them when little is asked of them.

    pip install pandas==3.1.1 polars==2.1.0 duckdb==2.0.1 pyarrow==26.0.1 && python make.py
"""

import csv
import datetime as dt
import os

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

os.chdir(os.path.dirname(os.path.abspath(__file__)))
utc = dt.timezone.utc
times = [
    dt.datetime(2024, 1, 31, 18, 30, 15),
    dt.datetime(2023, 6, 1, 0, 0, 5),
    dt.datetime(2022, 12, 31, 23, 59, 59),
    dt.datetime(2024, 1, 31, 18, 30, 0),
]
seconds = [int(time.replace(tzinfo=utc).timestamp()) for time in times]
users, items, ratings = [7, 7, 9, 12], [10, 20, 10, 30], [4.5, 3.0, 0.5, 5.0]
frame = pd.DataFrame({"user_id": users, "movie_id": items, "rating": ratings, "timestamp": pd.to_datetime(times)})
plain = frame.assign(timestamp=seconds)

frame.to_csv("pandas.csv", index=False)
frame.to_csv("pandas_german.csv", sep=";", decimal=",", encoding="utf-8-sig")
plain.to_csv("pandas.tsv.gz", sep="\t", index=False, compression={"method": "gzip", "mtime": 0})
frame.assign(timestamp=frame.timestamp.astype("datetime64[ns]").dt.tz_localize("UTC")).to_parquet("pandas_ns.parquet")
plain.assign(timestamp=plain.timestamp * 1000).to_parquet("pandas_gzip_ms.parquet", compression="gzip")
frame.to_json("pandas.jsonl", orient="records", lines=True)

table = pa.table({
    "customer": pa.array([str(user) for user in users], pa.large_string()),
    "product": pa.array([str(item) for item in items], pa.large_string()),
    "stars": pa.array([f"{rating:.1f}" for rating in ratings]).cast(pa.decimal128(3, 1)),
    "time": pa.array(times, pa.timestamp("s")),
})
pq.write_table(table, "pyarrow_lz4.parquet", compression="lz4")
pq.write_table(table, "pyarrow_int96.parquet", compression="none", use_deprecated_int96_timestamps=True)

lazy = pl.DataFrame({"userId": users, "itemId": items, "score": ratings, "date": times})
lazy.write_csv("polars.csv")
lazy.write_csv("polars_bars.txt", separator="|", datetime_format="%Y-%m-%dT%H:%M:%S%.3fZ")
lazy.write_ndjson("polars.ndjson")
lazy.with_columns(pl.col("date").dt.date(), pl.col("itemId").cast(pl.String).cast(pl.Categorical)).write_parquet(
    "polars_brotli.parquet", compression="brotli"
)
lazy.with_columns(pl.col("date").dt.epoch("us"), pl.col("score").cast(pl.Float32)).write_parquet(
    "polars_snappy_us.parquet", compression="snappy"
)

base = duckdb.connect()
base.execute("SET TimeZone = 'UTC'")
base.execute("CREATE TABLE r (account VARCHAR, book_id BIGINT, rating DECIMAL(3, 1), rated_at TIMESTAMPTZ)")
for user, item, rating, time in zip(users, items, ratings, times):
    base.execute("INSERT INTO r VALUES (?, ?, ?, ?)", [str(user), item, rating, time.replace(tzinfo=utc)])
base.execute("COPY r TO 'duckdb.csv'")
base.execute("COPY r TO 'duckdb.json.gz' (FORMAT json, COMPRESSION gzip)")
base.execute(
    "COPY (SELECT ('00000000-0000-0000-0000-0000000000' || lpad(account, 2, '0'))::UUID AS account, book_id, rating, rated_at"
    " FROM r) TO 'duckdb.parquet' (FORMAT parquet, COMPRESSION zstd)"
)

with open("python.tsv", "w", newline="") as file:
    rows = csv.writer(file, dialect="excel-tab")
    rows.writerow(["User ID", "title\tand \"name\"", "Item ID", "Rating", "Time"])
    for user, item, rating, time in zip(users, items, ratings, seconds):
        rows.writerow([user, "one\ttwo\nlines", item, rating, time])
