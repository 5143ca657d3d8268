"""A full ranking of many users by dot products in NumPy, tile by tile, as crates/reco-eval/examples/full_ranking.rs does it.

Usage: full_ranking_numpy.py USERS ITEMS FACTORS FILE; writes one JSON object. Six metrics of lists of ten; ties go to whichever item
argpartition takes.
"""

import json
import sys
import time

import numpy as np

n_users, n_items, n_factors, file = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
k, n_train, n_test, tile = 10, 116, 29, max(1, 4_000_000 // n_items)
chance = np.random.default_rng(1)
users = chance.random((n_users, n_factors), dtype=np.float32) - 0.5
items = (chance.random((n_items, n_factors), dtype=np.float32) - 0.5).T.copy()
# Even items train and odd ones test, those at the front of the catalogue more often.
seen = (chance.random((n_users, n_train), dtype=np.float32) ** 2 * (n_items // 2)).astype(np.int32) * 2
relevant = (chance.random((n_users, n_test), dtype=np.float32) ** 2 * (n_items // 2)).astype(np.int32) * 2 + 1
discounts = 1 / np.log2(np.arange(2, k + 2))
ideal = np.concatenate([[0], np.cumsum(discounts)])

begun = time.perf_counter()
sums, scoring = np.zeros(6), 0.0
for first in range(0, n_users, tile):
    rows = slice(first, min(first + tile, n_users))
    begun_scoring = time.perf_counter()
    scores = users[rows] @ items
    scoring += time.perf_counter() - begun_scoring
    at = np.arange(len(scores))[:, None]
    scores[at, seen[rows]] = -np.inf
    best = np.argpartition(-scores, k, axis=1)[:, :k]
    best = np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable"), 1)
    is_relevant = np.zeros(scores.shape, dtype=bool)
    is_relevant[at, relevant[rows]] = True
    hits, n_relevant = np.take_along_axis(is_relevant, best, 1), is_relevant.sum(1)
    found, capped = hits.sum(1), np.minimum(n_relevant, k)
    precisions = np.cumsum(hits, 1) / np.arange(1, k + 1)
    sums += [
        (found / k).sum(),
        (found / n_relevant).sum(),
        ((hits * discounts).sum(1) / ideal[capped]).sum(),
        np.where(hits.any(1), 1 / (hits.argmax(1) + 1), 0).sum(),
        hits.any(1).sum(),
        ((hits * precisions).sum(1) / capped).sum(),
    ]
evaluate = time.perf_counter() - begun
with open(file, "w") as out:
    json.dump({"n_test": n_users * n_test, "score": scoring, "evaluate": evaluate, "ndcg@10": sums[2] / n_users}, out)
