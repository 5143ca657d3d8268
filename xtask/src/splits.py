"""Writes the two splits of MovieLens 100K that tests and measurements share with other programs.

Usage: splits.py RATINGS FOLDER; RATINGS are RecBole's ml-100k.inter or GroupLens' u.data. Both files have a line per rating, in the order of
RATINGS, under a header.

- `surprise_folds.csv`, `row,fold`: the fold in which Surprise's own `KFold(n_splits=5, random_state=0)` tests the row, as its
  benchmark does.
- `ratio811.csv`, `row,part`: NumPy's `default_rng(42)` shuffles each user's rows, users in ascending order of their ids; the first
  floor(0.8 n) are `train`, the next floor(0.1 n) `valid`, the rest `test`.

Fails where a file is not what it was on the machine that measured first.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
from surprise import Dataset, Reader
from surprise.model_selection import KFold

DIGESTS = {
    "surprise_folds.csv": "cde681210218cd9746b97a27de4026f31da095b8bb74ec586edf41a499f89596",
    "ratio811.csv": "8d2561bd804c63e56b6dcaae5b0fdefe70c1e73894b8f5a8dc9eb2e940e2e9ec",
}


def surprise_folds(users):
    data = Dataset(Reader())
    # Surprise shuffles rows without looking at them: numbers will do.
    data.raw_ratings = [(row, 0, 1.0, None) for row in range(len(users))]
    folds = np.full(len(users), -1)
    for fold, (_, test) in enumerate(KFold(n_splits=5, random_state=0).split(data)):
        folds[[row for row, *_ in test]] = fold
    return folds


def ratio811(users):
    chance, parts = np.random.default_rng(42), np.full(len(users), "test", dtype=object)
    for user in np.unique(users):
        rows = chance.permutation(np.flatnonzero(users == user))
        train, valid = int(0.8 * len(rows)), int(0.1 * len(rows))
        parts[rows[:train]] = "train"
        parts[rows[train : train + valid]] = "valid"
    return parts


def main(ratings, folder):
    with open(ratings) as lines:
        users = np.array([int(line.split("\t")[0]) for line in lines if not line.startswith("user_id")])
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, column, values in [
        ("surprise_folds.csv", "fold", surprise_folds(users)),
        ("ratio811.csv", "part", ratio811(users)),
    ]:
        text = "".join([f"row,{column}\n", *(f"{row},{value}\n" for row, value in enumerate(values))]).encode()
        digest = hashlib.sha256(text).hexdigest()
        if digest != DIGESTS[name]:
            sys.exit(f"{name} has the sha256 {digest}, not {DIGESTS[name]}: other ratings, or another order of them")
        (folder / name).write_bytes(text)
        print(f"{folder / name}: sha256 {digest}")


main(*sys.argv[1:3])
