"""The same ratings in the order of their times.

Usage: ingest_by_time.py RATINGS.csv OUT.csv
"""

import sys

import polars as pl

path, out = sys.argv[1:3]
pl.read_csv(path).sort("timestamp", maintain_order=True).write_csv(out, float_precision=1)
