"""What all who predict MovieLens 100K over Surprise's five folds share: what is read, and what is printed.

Does not know who predicts.
"""

import json
import sys

import numpy


def read():
    """The ratings `(user, item, stars)` in their original order, and the fold of each.

    Arguments of the program: the ratings (RecBole's ml-100k.inter or GroupLens' u.data), and the file of folds (`row,fold`).
    """
    ratings, folds = sys.argv[1:3]
    with open(ratings) as lines:
        rows = [line.split("\t")[:3] for line in lines if not line.startswith("user_id")]
    with open(folds) as lines:
        fold_of = numpy.array([int(line.split(",")[1]) for line in list(lines)[1:]])
    return [(int(user), int(item), float(stars)) for user, item, stars in rows], fold_of


def measure(models, fold_of, of_fold):
    """Prints a JSON line per model, as `cargo run -p reco-classic --example five_folds` does.

    `models`: name, variant, similarity, and what makes one; `of_fold(make, fold)` gives the errors of the fold's rows, the
    seconds of fitting and, for each setting that was tried, those of predicting; the setting that is fastest over all folds is told.
    """
    for name, variant, similarity, make in models:
        rmse, mae, fit, score = [], [], 0.0, {}
        for fold in sorted(set(fold_of)):
            errors, fitting, predicting = of_fold(make, fold)
            fit += fitting
            score = {setting: score.get(setting, 0.0) + seconds for setting, seconds in predicting.items()}
            rmse.append(float(numpy.sqrt((errors**2).mean())))
            mae.append(float(numpy.abs(errors).mean()))
        setting = min(score, key=score.get)
        line = {
            "approach": name,
            "variant": variant,
            "similarity": similarity,
            "rmse": float(numpy.mean(rmse)),
            "mae": float(numpy.mean(mae)),
            "fit": fit,
            "score": score[setting],
            "setting": setting,
        }
        print(json.dumps(line), flush=True)
