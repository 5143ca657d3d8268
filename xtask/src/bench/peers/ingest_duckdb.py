"""Ratings from CSV to Parquet in DuckDB, with the checks of `reco ingest` as far as they can be stated, or without.

Usage: ingest_duckdb.py checked|bare RATINGS.csv OUT.parquet "in order"|"in any order"; prints one JSON object. Seconds are those of the work, without
starting Python and importing DuckDB. Rows are kept in a table, since reading the file twice takes longer; a pair of user and item
is packed into one integer, and distinct ones are counted as groups, which are the fastest ways tried. `checked` counts what is wrong
and writes all rows; it does not say in which lines, and refuses none.
"""

import json
import resource
import sys
import time

import duckdb

mode, path, out, order = sys.argv[1:5]
columns = "{'userId': 'BIGINT', 'movieId': 'BIGINT', 'rating': 'FLOAT', 'timestamp': 'BIGINT'}"
source = f"read_csv('{path}', header = true, auto_detect = false, delim = ',', columns = {columns})"
target = f"to '{out}' (format parquet, compression zstd, compression_level 1)"

begun = time.perf_counter()
counts = {}
database = duckdb.connect()
database.execute(f"set preserve_insertion_order = {order == 'in order'}")
if mode == "bare":
    database.execute(f"copy (select * from {source}) {target}")
else:
    database.execute(f"create table ratings as select * from {source}")
    good = "rating between 0.5 and 5 and timestamp >= 0 and userId is not null and movieId is not null"
    ask = lambda query: database.execute(query).fetchone()
    counts["n_rows"], counts["n_bad"] = ask(f"select count(*), count(*) filter (({good}) is not true) from ratings")
    distinct = lambda what: ask(f"select count(*) from (select distinct {what} from ratings)")[0]
    counts["n_users"], counts["n_items"] = distinct("userId"), distinct("movieId")
    counts["n_duplicates"] = counts["n_rows"] - distinct("userId << 32 | movieId")
    database.execute(f"copy (select *, rowid as source_row from ratings) {target}")
seconds = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": seconds, "peak": peak, **counts}))
