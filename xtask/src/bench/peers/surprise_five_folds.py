"""Measures how fast, and how well, Surprise predicts MovieLens 100K over its five folds.

Arguments and lines are those of five_folds.py; `score` is the time of predicting the test rows alone. Training rows are sorted by user and item: of neighbours that are as near, Surprise takes
those whose rows come first.
"""

import time

import numpy
from five_folds import measure, read
from surprise import SVD, BaselineOnly, Dataset, KNNBaseline, KNNBasic, KNNWithMeans, Reader

rows, fold_of = read()
data = Dataset(Reader(rating_scale=(1, 5)))

quiet = {"verbose": False}


def knn(make, similarity, user_based):
    return lambda: make(sim_options={"name": similarity, "user_based": user_based}, **quiet)


MODELS = [
    ("baseline", "–", "–", lambda: BaselineOnly(**quiet)),
    ("user-knn", "basic", "msd", knn(KNNBasic, "msd", True)),
    ("user-knn", "with-means", "msd", knn(KNNWithMeans, "msd", True)),
    ("user-knn", "with-baseline", "msd", knn(KNNBaseline, "msd", True)),
    ("user-knn", "with-baseline", "pearson-baseline", knn(KNNBaseline, "pearson_baseline", True)),
    ("item-knn", "with-baseline", "msd", knn(KNNBaseline, "msd", False)),
    ("item-knn", "with-baseline", "pearson-baseline", knn(KNNBaseline, "pearson_baseline", False)),
    ("svd", "–", "–", lambda: SVD(random_state=0)),
]


def of_fold(make, fold):
    train = sorted((row for row, of in zip(rows, fold_of) if of != fold), key=lambda row: row[:2])
    test = [row for row, of in zip(rows, fold_of) if of == fold]
    trainset = data.construct_trainset([(*row, None) for row in train])
    model = make()
    begun = time.perf_counter()
    model.fit(trainset)
    fitted = time.perf_counter()
    predictions = model.test(test)
    scored = time.perf_counter()
    errors = numpy.array([prediction.est - prediction.r_ui for prediction in predictions])
    return errors, fitted - begun, {"one core, all it uses": scored - fitted}


measure(MODELS, fold_of, of_fold)
