"""Writes what an evaluation is given, so that any program can read it.

Arguments: the ratings in their original order (RecBole's ml-100k.inter or GroupLens' u.data), the file of parts (`row,part`, parts
being train, valid and test), and a folder to write to. Scores are those of popularity: how many training rows an item has. Users
and items are rows in the ascending order of their ids. Genres are read from ml-100k.item beside the ratings.

Writes NumPy files: `scores.npy`, float32 [n_users, n_items]; `seen_offsets.npy` and `seen_items.npy`, what each user met in train
or valid, user u's items being `items[offsets[u]:offsets[u + 1]]`, ascending; `relevant_offsets.npy` and `relevant_items.npy`, the
same of test. Offsets and items are int64. `seen_stars.npy` and `relevant_stars.npy`, float32, the stars of the same rows; `genres.npy`,
float32 [n_items, n_genres], 1 for each genre of an item.
"""

import sys
from pathlib import Path

import numpy as np


def write_lists(folder, name, users, items, stars, n_users):
    order = np.lexsort((items, users))
    np.save(folder / f"{name}_stars.npy", stars[order])
    np.save(folder / f"{name}_offsets.npy", np.searchsorted(users[order], np.arange(n_users + 1)))
    np.save(folder / f"{name}_items.npy", items[order])


def main(ratings, split, folder):
    with open(ratings) as lines:
        rows = [line.split("\t")[:3] for line in lines if not line.startswith("user_id")]
    with open(Path(ratings).with_suffix(".item")) as lines:
        genres_of = {int(row[0]): row[3].split() for row in (line.rstrip("\n").split("\t") for line in list(lines)[1:])}
    with open(split) as lines:
        part = np.array([line.strip().split(",")[1] for line in list(lines)[1:]])
    user_ids, users = np.unique([int(user) for user, *_ in rows], return_inverse=True)
    item_ids, items = np.unique([int(item) for _, item, _ in rows], return_inverse=True)
    stars = np.array([float(row[2]) for row in rows], dtype=np.float32)
    names = sorted({genre for of_item in genres_of.values() for genre in of_item})
    genres = np.array([[name in genres_of[item] for name in names] for item in item_ids], dtype=np.float32)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    counts = np.bincount(items[part == "train"], minlength=len(item_ids)).astype(np.float32)
    np.save(folder / "genres.npy", genres)
    np.save(folder / "scores.npy", np.tile(counts, (len(user_ids), 1)))
    for name, of in [("seen", part != "test"), ("relevant", part == "test")]:
        write_lists(folder, name, users[of], items[of], stars[of], len(user_ids))


main(*sys.argv[1:4])
