"""How long do evaluators in Python take to measure lists of ten, scores being ready?

Argument: a folder with the files that `ruler_inputs.py` describes. Prints a JSON line per evaluator: `seconds` is the fastest and
`median` the median of several evaluations in one process, `first` is the first one, which compiles where an evaluator does so;
`parts` say where the fastest one spent them. What is read from disk is read before.

- `numpy argpartition`: vectorised, a tile of users at a time, as one would write it for speed. Of items that tie for the last
  places it takes any, so that its values differ where scores do.
- `numpy argsort`: the same with a stable sort of whole rows, which ranks equal scores in catalogue order, as reco does.
- `ranx`: lists found by the first, then handed over as ranx wants them, by names.

`map@10` divides by min(10, |T|), as reco and RecBole do, `uncapped_map@10` by |T|, as ranx does.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np

K = 10
TILE = 256
REPEATS = 25


class Given:
    def __init__(self, folder):
        read = lambda name: np.load(Path(folder) / f"{name}.npy")
        self.scores = read("scores")
        self.seen = read("seen_offsets"), read("seen_items")
        self.relevant = read("relevant_offsets"), read("relevant_items")
        # Users without relevant items are left out of every mean.
        self.users = np.flatnonzero(np.diff(self.relevant[0]))


def pairs(lists, first, last):
    """(row within the tile, item) of all items of users `first` to `last`."""
    offsets, items = lists
    return np.repeat(np.arange(last - first), np.diff(offsets[first : last + 1])), items[offsets[first] : offsets[last]]


def by_argpartition(negative):
    """The columns of the smallest `K` of each row, in order."""
    if negative.shape[1] > K:
        top = np.argpartition(negative, K, axis=1)[:, :K]
        # Ascending columns, so that a stable sort leaves ties in catalogue order.
        top.sort(axis=1)
    else:
        top = np.broadcast_to(np.arange(negative.shape[1]), negative.shape)
    order = np.argsort(np.take_along_axis(negative, top, axis=1), axis=1, kind="stable")
    return np.take_along_axis(top, order, axis=1)


def by_argsort(negative):
    return np.argsort(negative, axis=1, kind="stable")[:, :K]


def top_lists(given, select):
    """[n_users, K] items, and whether there are as many candidates."""
    n_users = len(given.scores)
    tops, valid = [], []
    for first in range(0, n_users, TILE):
        last = min(first + TILE, n_users)
        negative = -given.scores[first:last]
        negative[pairs(given.seen, first, last)] = np.inf
        top = select(negative)
        tops.append(top)
        valid.append(np.isfinite(np.take_along_axis(negative, top, axis=1)))
    return np.concatenate(tops), np.concatenate(valid)


def of_numpy(select):
    def evaluate(given, clock):
        top, valid = top_lists(given, select)
        clock("rank")
        n_users, n_items = given.scores.shape
        is_relevant = np.zeros((n_users, n_items), dtype=bool)
        is_relevant[pairs(given.relevant, 0, n_users)] = True
        hits = (np.take_along_axis(is_relevant, top, axis=1) & valid)[given.users]
        n_relevant = np.diff(given.relevant[0])[given.users]
        most = np.minimum(n_relevant, K)
        places = np.arange(1, hits.shape[1] + 1)
        discounts = 1 / np.log2(np.arange(1, K + 1) + 1)
        n_hits = hits.sum(axis=1)
        precisions = (hits * hits.cumsum(axis=1) / places).sum(axis=1)
        is_hit = n_hits > 0
        values = {
            "precision": n_hits / K,
            "recall": n_hits / n_relevant,
            "ndcg": (hits * discounts[: hits.shape[1]]).sum(axis=1) / discounts.cumsum()[most - 1],
            "mrr": np.where(is_hit, 1 / (hits.argmax(axis=1) + 1), 0.0),
            "hit": is_hit,
            "map": precisions / most,
            "uncapped_map": precisions / n_relevant,
        }
        values = {f"{name}@{K}": float(of.mean()) for name, of in values.items()}
        clock("measure")
        return values

    return evaluate


def of_ranx(given, clock):
    import ranx

    top, valid = top_lists(given, by_argpartition)
    clock("rank")
    offsets, items = given.relevant
    qrels = {str(user): {str(item): 1 for item in items[offsets[user] : offsets[user + 1]]} for user in given.users}
    run = {
        str(user): {str(item): float(K - place) for place, item in enumerate(top[user][valid[user]])}
        for user in given.users
    }
    qrels, run = ranx.Qrels.from_dict(qrels), ranx.Run.from_dict(run)
    clock("build")
    names = {"precision": "precision", "recall": "recall", "ndcg": "ndcg", "mrr": "mrr", "hit_rate": "hit", "map": "uncapped_map"}
    values = ranx.evaluate(qrels, run, [f"{name}@{K}" for name in names], save_results_in_run=False)
    clock("measure")
    return {f"{ours}@{K}": float(values[f"{theirs}@{K}"]) for theirs, ours in names.items()}


def timed(evaluate, given):
    """Values, seconds, and the seconds of each part."""
    parts, last = {}, time.perf_counter()
    begun = last

    def clock(part):
        nonlocal last
        now = time.perf_counter()
        parts[part] = now - last
        last = now

    values = evaluate(given, clock)
    return values, time.perf_counter() - begun, parts


EVALUATORS = {
    "numpy argpartition": of_numpy(by_argpartition),
    "numpy argsort": of_numpy(by_argsort),
    "ranx": of_ranx,
}


def main():
    given = Given(sys.argv[1])
    for name, evaluate in EVALUATORS.items():
        runs = [timed(evaluate, given) for _ in range(REPEATS)]
        values, seconds, parts = min(runs, key=lambda run: run[1])
        line = {
            "evaluator": name,
            "n_users": len(given.users),
            "n_items": given.scores.shape[1],
            "seconds": seconds,
            "median": statistics.median(run[1] for run in runs),
            "first": runs[0][1],
            "parts": parts,
            "values": values,
        }
        print(json.dumps(line), flush=True)


main()
