"""Which cases are worth asking about? Small ones, each with something that evaluators do differently or forget.

Knows no metric. Chance comes from numpy's PCG64 with a seed per case, integers alone.

Invariant: every score and rating is a number of single precision; no pair of user and item is twice in train or in test.
"""

from dataclasses import dataclass

import numpy as np


@dataclass
class Case:
    """What an evaluation is given."""

    name: str
    """Per user, one score per item; None where there is none."""
    scores: list
    """(user, item, stars), None for an event."""
    test: list
    """(user, item)"""
    train: list
    """Per user, the items that are no candidates."""
    seen: list
    predicts: str = "order"
    k: tuple = (1, 3, 10)
    scale: tuple = (1, 5)
    relevance_threshold: float = 4
    feature_names: tuple = ()
    """Per item, 0 or 1 for each feature."""
    features: list = ()
    """Those of the features that are genres."""
    genres: tuple = ()

    @property
    def n_items(self):
        return len(self.scores[0])

    def counts(self):
        """Training rows of each item."""
        return np.bincount([item for _, item in self.train], minlength=self.n_items)

    def inputs(self):
        numbers = [score for row in self.scores for score in row if score is not None]
        numbers += [stars for _, _, stars in self.test if stars is not None]
        assert all(float(np.float32(number)) == number for number in numbers), self.name
        assert len({row[:2] for row in self.test}) == len(self.test), self.name
        assert len(set(self.train)) == len(self.train), self.name
        return dict(vars(self))


FEATURES = ("old", "decade-1990", "Action", "Comedy", "Drama", "Film-Noir")


def drawn(name, seed, n_users, n_items, score, *, stars=(1, 2, 3, 4, 5), n_test=8, events=0.0, featured=True, **options):
    """A case by chance. `score` makes a score of a generator of random numbers."""
    rng = np.random.default_rng(seed)
    scores = [[score(rng) for _ in range(n_items)] for _ in range(n_users)]
    train, test, seen = [], [], []
    for user in range(n_users):
        items = [int(item) for item in rng.permutation(n_items)]
        n_train = int(rng.integers(0, max(n_items // 3, 1)))
        # The squares favour the first items, so that some are popular.
        favourites = {int(rng.integers(n_items)) * int(rng.integers(n_items)) // n_items for _ in range(n_train)}
        train += [(user, item) for item in sorted(favourites)]
        met = sorted(favourites | set(items[: int(rng.integers(0, 3))]))
        seen.append(met)
        # Now and then a test item was seen all the same.
        unseen = [item for item in items if item not in met or rng.integers(8) == 0]
        for item in unseen[: int(rng.integers(1, n_test + 1))]:
            is_event = rng.integers(1000) < 1000 * events
            test.append((user, item, None if is_event else float(stars[rng.integers(len(stars))])))
    test = [test[at] for at in rng.permutation(len(test))]
    if featured:
        features = [[int(rng.integers(3) == 0) for _ in FEATURES] for _ in range(n_items)]
        options = {"feature_names": FEATURES, "features": features, "genres": FEATURES[2:]} | options
    return Case(name, scores, test, train, seen, **options)


def fractions(low, high):
    """Whole multiples of 1/256."""
    return lambda rng: int(rng.integers(256 * low, 256 * high + 1)) / 256


def of_levels(*levels):
    return lambda rng: levels[rng.integers(len(levels))]


def single(low, high):
    """All bits of single precision."""
    return lambda rng: float(np.float32(low + (high - low) * (int(rng.integers(2**40)) / 2**40)))


HALVES = tuple(n / 2 for n in range(1, 11))
TINY = float(np.float32(1e-45))
LARGEST = float(np.finfo(np.float32).max)


CASES = [
    drawn("predicted stars", 1, 12, 40, fractions(1, 5), predicts="stars", k=(1, 5, 10)),
    drawn("an order, with all bits of single precision", 2, 12, 40, single(-1, 1), k=(2, 10, 20)),
    drawn("predicted stars, with all bits of single precision", 3, 10, 20, single(0.5, 5.5), predicts="stars", n_test=12),
    drawn("ratings with halves", 4, 12, 30, fractions(0, 5), predicts="stars", stars=HALVES, scale=(0.5, 5), relevance_threshold=3.5),
    drawn("scores of three levels", 5, 12, 40, of_levels(0.25, 0.5, 0.75), k=(1, 5, 10)),
    drawn("stars of three levels", 6, 12, 40, of_levels(3.0, 3.5, 4.0), predicts="stars", k=(1, 5, 10), n_test=14),
    drawn("all scores equal", 7, 9, 40, of_levels(3.0), predicts="stars", k=(1, 5, 10), n_test=12),
    drawn("lists longer than the catalogue", 8, 8, 9, fractions(0, 1), k=(5, 9, 10, 50)),
    drawn("two items", 9, 10, 2, fractions(0, 1), k=(1, 2, 3), n_test=2, relevance_threshold=2),
    drawn("negative scores", 10, 10, 25, fractions(-9, -1), k=(1, 5, 10)),
    drawn("zero and minus zero tie", 11, 10, 25, of_levels(0.0, -0.0, TINY, -TINY), k=(1, 5, 10)),
    drawn("the largest numbers", 12, 8, 20, of_levels(-LARGEST, LARGEST, 0.0), k=(1, 5, 10)),
    drawn("events alone", 13, 10, 25, fractions(0, 1), predicts="stars", events=1.0),
    drawn("events among ratings", 14, 10, 25, fractions(1, 5), predicts="stars", events=0.3, n_test=12),
    drawn("constant ratings", 15, 8, 20, fractions(1, 5), predicts="stars", stars=(4,), n_test=12),
    drawn("constant ratings of which none is relevant", 16, 8, 20, fractions(1, 5), predicts="stars", stars=(3,)),
    drawn("a scale from zero", 17, 10, 20, fractions(0, 5), predicts="stars", stars=(0, 0, 1, 2, 5), scale=(0, 5), relevance_threshold=0, n_test=12),
    drawn("a scale around zero", 18, 10, 20, fractions(-10, 10), predicts="stars", stars=(-10, -2.5, -1, 3.25, 10), scale=(-10, 10), relevance_threshold=-2.5, n_test=12),
    drawn("predictions far from the scale", 19, 8, 20, fractions(65000, 65005), predicts="stars", n_test=12),
    drawn("one test row per user", 20, 12, 30, fractions(0, 1), stars=(5,), n_test=1),
    drawn("no features", 21, 6, 15, fractions(0, 1), featured=False),
    drawn("features, but no genres", 22, 6, 15, fractions(0, 1), genres=()),
    drawn("an order without some items", 23, 10, 20, of_levels(None, None, 0.25, 0.5), k=(1, 5, 10), n_test=12),
    drawn("stars of some items only", 24, 10, 20, of_levels(None, 3.0, 4.0, 4.5), predicts="stars", n_test=12),
    drawn("no item has a score", 25, 5, 12, of_levels(None), n_test=12),
    Case(
        "a catalogue of one item",
        scores=[[0.5], [0.5], [0.5]],
        test=[(0, 0, 5.0), (1, 0, 2.0), (2, 0, 5.0)],
        train=[(2, 0)],
        seen=[[], [], [0]],
        predicts="stars",
        k=(1, 2, 10),
        feature_names=("Drama",),
        features=[[1]],
        genres=("Drama",),
    ),
    Case(
        "all items seen but one, or none at all",
        scores=[[0.5, 0.25, 1.0, 0.75, 0.0]] * 3,
        test=[(0, 4, 5.0), (1, 4, 1.0), (2, 4, 5.0)],
        train=[(0, 0), (0, 1), (0, 2), (1, 0), (2, 2)],
        seen=[[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3, 4]],
        k=(1, 2, 10),
        feature_names=("Comedy", "Drama"),
        features=[[1, 0], [0, 1], [1, 1], [0, 0], [0, 1]],
        genres=("Comedy", "Drama"),
    ),
    Case(
        "nobody has anything relevant",
        scores=[[0.5, 0.25, 1.0, 0.75, 0.0]] * 3,
        test=[(0, 4, 1.0), (1, 3, 2.0), (2, 0, 3.0)],
        train=[(0, 0), (1, 1), (1, 2)],
        seen=[[0], [1, 2], []],
        predicts="stars",
        k=(1, 2, 10),
    ),
    Case(
        "nobody has training rows",
        scores=[[0.5, 0.25, 1.0, 0.75, 0.0], [0.0, 0.0, 0.0, 1.0, 1.0]],
        test=[(0, 4, 5.0), (1, 3, 4.0), (0, 0, 1.0)],
        train=[],
        seen=[[2], []],
        k=(1, 2, 10),
        feature_names=("Comedy", "Drama"),
        features=[[1, 0], [0, 1], [1, 1], [0, 0], [0, 1]],
        genres=("Comedy", "Drama"),
    ),
    Case(
        "relevant items that were seen cannot be hit",
        scores=[[5.0, 4.0, 3.0, 2.0, 1.0, 0.0]] * 3,
        test=[(0, 0, 5.0), (0, 1, 4.0), (0, 3, 5.0), (1, 0, 5.0), (2, 5, 4.0), (2, 0, 5.0), (2, 2, 1.0)],
        train=[(0, 0), (0, 1), (1, 0), (2, 0)],
        seen=[[0, 1], [0], [0, 2]],
        predicts="stars",
        k=(1, 2, 4),
    ),
    Case(
        "all items are relevant",
        scores=[[0.5, 0.25, 1.0, 0.75, 0.0, 0.5], [0.0] * 6],
        test=[(user, item, 4.0 + (item % 2)) for user in (1, 0) for item in range(6)],
        train=[],
        seen=[[], []],
        k=(1, 3, 6, 10),
    ),
    Case(
        "one relevant item, at the front, at the end and beyond the list",
        scores=[[6.0, 5.0, 4.0, 3.0, 2.0, 1.0]] * 3,
        test=[(0, 0, 5.0), (1, 2, 5.0), (2, 5, 5.0)],
        train=[(0, 5), (1, 5), (2, 4)],
        seen=[[5], [5], [4]],
        k=(1, 3, 5),
        feature_names=("old", "Comedy", "Drama"),
        features=[[1, 0, 0], [0, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1], [0, 1, 1]],
        genres=("Comedy", "Drama"),
    ),
    Case(
        "perfect predictions",
        scores=[[1.0, 2.0, 3.0, 4.0, 5.0, 5.0], [5.0, 4.0, 3.0, 2.0, 1.0, 1.0]],
        test=[(0, item, float(min(item + 1, 5))) for item in range(6)] + [(1, item, float(max(5 - item, 1))) for item in range(6)],
        train=[],
        seen=[[], []],
        predicts="stars",
        k=(1, 3, 10),
    ),
    Case(
        "users without test rows have no list",
        scores=[[0.5, 0.25, 1.0], [1.0, 0.5, 0.25], [0.25, 1.0, 0.5]],
        test=[(2, 0, 4.0)],
        train=[(0, 0), (1, 0), (1, 1)],
        seen=[[0], [0, 1], []],
        k=(1, 2, 3),
        feature_names=("Comedy", "Drama"),
        features=[[1, 0], [0, 1], [1, 1]],
        genres=("Comedy", "Drama"),
    ),
    *[
        drawn(
            f"by chance, {seed}",
            100 + seed,
            2 + 3 * seed % 11,
            3 + 7 * seed % 31,
            of_levels(*(level / 8 for level in range(2 + seed * 3))),
            predicts=("stars", "order")[seed % 2],
            stars=HALVES,
            scale=(0.5, 5),
            relevance_threshold=(1.5, 3, 4.5)[seed % 3],
            n_test=4 + 2 * seed,
            events=(0.0, 0.0, 0.2)[seed % 3],
            k=(1 + seed % 3, 5 + seed),
        )
        for seed in range(8)
    ],
]
