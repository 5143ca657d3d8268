"""What is an evaluation given, written so that any program can read it?

Arguments: the ratings in their original order (RecBole's ml-100k.inter or GroupLens' u.data), the file of parts (`row,part`, parts
being train, valid and test), and a folder to write to. Scores are those of popularity: how many training rows an item has. Users
and items are rows in the ascending order of their ids.

Writes NumPy files: `scores.npy`, float32 [n_users, n_items]; `seen_offsets.npy` and `seen_items.npy`, what each user met in train
or valid, user u's items being `items[offsets[u]:offsets[u + 1]]`, ascending; `relevant_offsets.npy` and `relevant_items.npy`, the
same of test. Offsets and items are int64.
"""

import sys
from pathlib import Path

import numpy as np


def write_lists(folder, name, users, items, n_users):
    order = np.lexsort((items, users))
    np.save(folder / f"{name}_offsets.npy", np.searchsorted(users[order], np.arange(n_users + 1)))
    np.save(folder / f"{name}_items.npy", items[order])


def main(ratings, split, folder):
    with open(ratings) as lines:
        rows = [line.split("\t")[:2] for line in lines if not line.startswith("user_id")]
    with open(split) as lines:
        part = np.array([line.strip().split(",")[1] for line in list(lines)[1:]])
    user_ids, users = np.unique([int(user) for user, _ in rows], return_inverse=True)
    item_ids, items = np.unique([int(item) for _, item in rows], return_inverse=True)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    counts = np.bincount(items[part == "train"], minlength=len(item_ids)).astype(np.float32)
    np.save(folder / "scores.npy", np.tile(counts, (len(user_ids), 1)))
    for name, of in [("seen", part != "test"), ("relevant", part == "test")]:
        write_lists(folder, name, users[of], items[of], len(user_ids))


main(*sys.argv[1:4])
