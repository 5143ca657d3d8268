"""How fast, and how well, does LensKit predict MovieLens 100K over Surprise's five folds?

Arguments: the ratings in their original order (RecBole's ml-100k.inter or GroupLens' u.data), and the file of folds
(`row,fold`). Prints a JSON line per model, as `cargo run -p reco-classic --example five_folds` does; `score` is the time of
predicting the test rows alone, a user at a time, in one process. Who cannot be predicted gets LensKit's own fallback, its bias.
"""

import json
import sys
import time
import warnings

import numpy
import pandas
from lenskit.als import BiasedMFScorer
from lenskit.basic import BiasScorer
from lenskit.batch import predict
from lenskit.data import ItemListCollection, from_interactions_df
from lenskit.knn import ItemKNNScorer, UserKNNScorer
from lenskit.pipeline import predict_pipeline
from lenskit.training import TrainingOptions

warnings.simplefilter("ignore")
ratings, folds = sys.argv[1:3]
with open(ratings) as lines:
    rows = [line.split("\t")[:3] for line in lines if not line.startswith("user_id")]
rows = pandas.DataFrame(rows, columns=["user_id", "item_id", "rating"])
rows = rows.astype({"user_id": int, "item_id": int, "rating": float})
fold_of = pandas.read_csv(folds).fold.to_numpy()

MODELS = [
    ("baseline", "BiasScorer", "–", lambda: BiasScorer()),
    ("user-knn", "UserKNNScorer", "cosine", lambda: UserKNNScorer(k=40, feedback="explicit")),
    ("item-knn", "ItemKNNScorer", "cosine", lambda: ItemKNNScorer(k=40, feedback="explicit")),
    ("svd", "BiasedMFScorer", "–", lambda: BiasedMFScorer(embedding_size=100)),
]
for name, variant, similarity, make in MODELS:
    rmse, mae, fit, score = [], [], 0.0, 0.0
    for fold in sorted(set(fold_of)):
        data = from_interactions_df(rows[fold_of != fold])
        test = ItemListCollection.from_df(rows[fold_of == fold], ["user_id"])
        pipeline = predict_pipeline(make())
        begun = time.perf_counter()
        pipeline.train(data, TrainingOptions(rng=0))
        fitted = time.perf_counter()
        predictions = predict(pipeline, test, n_jobs=1)
        fit, score = fit + fitted - begun, score + time.perf_counter() - fitted
        both = predictions.to_df().merge(rows[fold_of == fold], on=["user_id", "item_id"], suffixes=("", "_true"))
        stars = both.rating_true if "rating_true" in both else both.rating
        errors = (both.score - stars).to_numpy()
        assert len(errors) == (fold_of == fold).sum() and numpy.isfinite(errors).all(), name
        rmse.append(float(numpy.sqrt((errors**2).mean())))
        mae.append(float(numpy.abs(errors).mean()))
    line = {
        "approach": name,
        "variant": variant,
        "similarity": similarity,
        "rmse": float(numpy.mean(rmse)),
        "mae": float(numpy.mean(mae)),
        "fit": fit,
        "score": score,
    }
    print(json.dumps(line), flush=True)
