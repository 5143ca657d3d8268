"""What all who learn the article's neural network from MovieLens 100K share: what is read, and what is printed.

Does not know who learns. The folder has `train.tsv` and `valid.tsv`: user, item and target, counted from 0, targets from a half to 1.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

N_USERS, N_ITEMS, SIZE = 943, 1_682, 50

folder, batch_size, settings = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]


def read(part):
    """Users, items and targets of a part."""
    users, items, targets = np.loadtxt(folder / f"{part}.tsv", delimiter="\t", unpack=True)
    return users.astype("int32"), items.astype("int32"), targets.astype("float32")


def setting(name):
    """The number that `settings` give as `name=N`."""
    return next((int(word.split("=")[1]) for word in settings if word.startswith(f"{name}=")), 1)


threads, seed, epochs = setting("threads"), setting("seed"), setting("epochs")


def timed(epoch):
    """Seconds of all epochs but the first, which compiles, is learned from and not timed."""
    epoch()
    begun = time.perf_counter()
    for _ in range(epochs - 1):
        epoch()
    return time.perf_counter() - begun


def measured(n, seconds, predict):
    """Prints what came of going over `n` ratings, all epochs but the first in so many seconds. `predict(users, items)`."""
    line = {"ratings_per_second": n * (epochs - 1) / seconds, "error": None}
    if predict:
        users, items, targets = read("valid")
        # Ours answers on the scale, too.
        line["error"] = float(np.abs(np.clip(predict(users, items), 0.5, 1) - targets).mean())
    print(json.dumps(line))
