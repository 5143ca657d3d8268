"""The best ten of a catalogue for every user by dot products, masked, as crates/reco-eval/examples/dot_product.rs finds them.

Usage: dot_product.py numpy|implicit USERS ITEMS FACTORS FILE; writes one JSON object. NumPy goes tile by tile through OpenBLAS, a mask and
argpartition, of which ties go to whichever item it takes; implicit runs its own `topk` on as many threads as there are cores. Embeddings and
what is seen are those of that program, so that the lists are, too; the first of them are told.
"""

import json
import os
import sys
import time

import numpy as np

program, file = sys.argv[1], sys.argv[5]
n_users, n_items, n_factors = map(int, sys.argv[2:5])
k, n_seen, turns = 10, 144, 3


def chance(at):
    """As `reco_core::testing::chance`."""
    mixed = (at + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


def drawn(n, width, stride, start, make, kind):
    """A row for each of `n`, in pieces, so that what is made on the way takes no memory."""
    rows, columns = np.empty((n, width), kind), np.arange(width, dtype=np.uint64)
    for first in range(0, n, 4096):
        at = np.arange(first, min(first + 4096, n), dtype=np.uint64)[:, None] * np.uint64(stride)
        rows[first : first + 4096] = make(chance(at + columns + np.uint64(start)))
    return rows


def embeddings(n, start):
    return drawn(n, n_factors, n_factors, start, lambda values: values.astype(np.float32) - np.float32(0.5), np.float32)


users, items = embeddings(n_users, 0), embeddings(n_items, 1 << 40)
# Those at the front of the catalogue are seen more often.
seen = drawn(n_users, n_seen, 1000, 0, lambda values: values**2 * n_items, np.int32)


def with_numpy():
    columns, tile = items.T.copy(), max(1, 4_000_000 // n_items)
    lists = np.empty((n_users, k), np.int64)
    for first in range(0, n_users, tile):
        rows = slice(first, min(first + tile, n_users))
        scores = users[rows] @ columns
        np.put_along_axis(scores, seen[rows], -np.inf, 1)
        best = np.argpartition(-scores, k, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
        lists[rows] = np.take_along_axis(best, order, 1)
    return lists


def with_implicit():
    from implicit.cpu.topk import topk

    return topk(items, users, k, filter_query_items=met, num_threads=os.cpu_count())[0]


if program == "implicit":
    from scipy.sparse import csr_matrix

    met = csr_matrix(
        (np.ones(seen.size, np.float32), seen.ravel(), np.arange(0, seen.size + 1, n_seen)), (n_users, n_items)
    )
    met.sum_duplicates()
run = {"numpy": with_numpy, "implicit": with_implicit}[program]
seconds = []
for _ in range(turns):
    begun = time.perf_counter()
    lists = run()
    seconds.append(time.perf_counter() - begun)
with open(file, "w") as out:
    json.dump({"median": sorted(seconds)[turns // 2], "lists": lists[:20].tolist()}, out)
