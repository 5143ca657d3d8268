"""Ratings from CSV to Parquet in polars, with the checks of `reco ingest` as far as they can be stated, or without.

Usage: ingest_polars.py checked|bare RATINGS.csv OUT.parquet "in memory"|streaming; prints one JSON object. Seconds are those of the work, without
starting Python and importing polars. A pair of user and item is packed into one integer: a struct of the two takes three times as
long to count. `checked` counts what is wrong and writes all rows; it does not say in which lines, and refuses none.
"""

import json
import resource
import sys
import time

import polars as pl

mode, path, out, engine = sys.argv[1:5]
schema = {"userId": pl.Int64, "movieId": pl.Int64, "rating": pl.Float32, "timestamp": pl.Int64}
parquet = {"compression": "zstd", "compression_level": 1}

begun = time.perf_counter()
counts = {}
streaming = engine == "streaming"
if mode == "bare":
    if streaming:
        pl.scan_csv(path, schema=schema).sink_parquet(out, **parquet)
    else:
        pl.read_csv(path, schema=schema).write_parquet(out, **parquet)
else:
    # Streaming reads the file twice, and holds it never.
    read = pl.scan_csv if streaming else pl.read_csv
    rows = read(path, schema=schema, row_index_name="source_row")
    good = pl.col("rating").is_between(0.5, 5.0) & (pl.col("timestamp") >= 0)
    good = good.fill_null(False) & pl.col("userId").is_not_null() & pl.col("movieId").is_not_null()
    pair = pl.col("userId") * 2**32 + pl.col("movieId")
    counts = (
        rows.lazy()
        .select(
            n_rows=pl.len(),
            n_bad=good.not_().sum(),
            n_users=pl.col("userId").n_unique(),
            n_items=pl.col("movieId").n_unique(),
            n_duplicates=pl.len() - pair.n_unique(),
        )
        .collect(engine="streaming" if streaming else "in-memory")
        .row(0, named=True)
    )
    (rows.sink_parquet if streaming else rows.write_parquet)(out, **parquet)
seconds = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": seconds, "peak": peak, **counts}))
