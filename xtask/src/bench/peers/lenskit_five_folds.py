"""Measures how fast, and how well, LensKit predicts MovieLens 100K over Surprise's five folds.

Arguments and lines are those of five_folds.py; `score` is the time of predicting the test rows alone, a user at a time, in one thread or in one per core. Who cannot be predicted gets LensKit's own fallback, its bias.
"""

import os
import time
import warnings

import numpy
import pandas
import structlog
from five_folds import measure, read
from lenskit.als import BiasedMFScorer
from lenskit.basic import BiasScorer
from lenskit.batch import predict
from lenskit.data import ItemListCollection, from_interactions_df
from lenskit.knn import ItemKNNScorer, UserKNNScorer
from lenskit.pipeline import predict_pipeline
from lenskit.training import TrainingOptions

warnings.simplefilter("ignore")
# It logs on the output, which is for the lines.
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
rows, fold_of = read()
rows = pandas.DataFrame(rows, columns=["user_id", "item_id", "rating"])

MODELS = [
    ("baseline", "BiasScorer", "–", lambda: BiasScorer()),
    ("user-knn", "UserKNNScorer", "cosine", lambda: UserKNNScorer(k=40, feedback="explicit")),
    ("item-knn", "ItemKNNScorer", "cosine", lambda: ItemKNNScorer(k=40, feedback="explicit")),
    ("svd", "BiasedMFScorer", "–", lambda: BiasedMFScorer(embedding_size=100)),
]


def of_fold(make, fold):
    data = from_interactions_df(rows[fold_of != fold])
    test = ItemListCollection.from_df(rows[fold_of == fold], ["user_id"])
    pipeline = predict_pipeline(make())
    begun = time.perf_counter()
    pipeline.train(data, TrainingOptions(rng=0))
    fitted = time.perf_counter()
    seconds = {}
    for n_jobs in sorted({1, os.cpu_count()}):
        started = time.perf_counter()
        predictions = predict(pipeline, test, n_jobs=n_jobs)
        seconds[f"n_jobs={n_jobs}"] = time.perf_counter() - started
    both = predictions.to_df().merge(rows[fold_of == fold], on=["user_id", "item_id"], suffixes=("", "_true"))
    stars = both.rating_true if "rating_true" in both else both.rating
    errors = (both.score - stars).to_numpy()
    assert len(errors) == (fold_of == fold).sum() and numpy.isfinite(errors).all(), make
    return errors, fitted - begun, seconds


measure(MODELS, fold_of, of_fold)
