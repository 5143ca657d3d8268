"""How fast, and how well, does Surprise predict MovieLens 100K over its five folds?

Arguments: the ratings in their original order (RecBole's ml-100k.inter or GroupLens' u.data), and the file of folds
(`row,fold`). Prints a JSON line per model, as `cargo run -p reco-classic --example five_folds` does; `score` is the time of
predicting the test rows alone. Training rows are sorted by user and item: of neighbours that are as near, Surprise takes
those whose rows come first.
"""

import json
import sys
import time

import numpy
from surprise import SVD, BaselineOnly, Dataset, KNNBaseline, KNNBasic, KNNWithMeans, Reader

ratings, folds = sys.argv[1:3]
with open(ratings) as lines:
    rows = [line.split("\t")[:3] for line in lines if not line.startswith("user_id")]
with open(folds) as lines:
    fold_of = [int(line.split(",")[1]) for line in list(lines)[1:]]
rows = [(int(user), int(item), float(stars)) for user, item, stars in rows]
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
for name, variant, similarity, make in MODELS:
    rmse, mae, fit, score = [], [], 0.0, 0.0
    for fold in sorted(set(fold_of)):
        train = sorted((row for row, of in zip(rows, fold_of) if of != fold), key=lambda row: row[:2])
        test = [row for row, of in zip(rows, fold_of) if of == fold]
        trainset = data.construct_trainset([(*row, None) for row in train])
        model = make()
        begun = time.perf_counter()
        model.fit(trainset)
        fitted = time.perf_counter()
        predictions = model.test(test)
        fit, score = fit + fitted - begun, score + time.perf_counter() - fitted
        errors = numpy.array([prediction.est - prediction.r_ui for prediction in predictions])
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
