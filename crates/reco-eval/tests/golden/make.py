"""What should `reco_eval::evaluate` say? Evaluators that share no code with it do, on small cases that are easy to get wrong.

Argument: the file to write; left out, `golden.json` beside this script. Runs with what `requirements.txt` names: numpy 2.4.6,
ranx 0.3.21, scikit-learn 1.9.1, scipy 1.17.1. `cargo xtask golden` makes an environment with them, and compares what this
writes with what is committed.

The order of a list is ours: greater scores first, equal ones (0 and -0 among them) in catalogue order. It is made here by
numpy.lexsort, and ranx is given strictly decreasing scores, so that its own way with ties does not matter. Where two evaluators
have a metric, both are asked, and differing answers are an error.

Invariant: the same versions write the same bytes; every score and rating is a number of single precision.
"""

import json
import math
import re
import sys
import warnings
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
import ranx
import scipy.stats
from sklearn import metrics as sk

# The cases are read once: what Python would keep of them is in the way of git.
sys.dont_write_bytecode = True
from cases import CASES, Case  # noqa: E402

# Where each value comes from; `@k` at each length of the case.
SOURCES = {
    "mae": "scikit-learn mean_absolute_error",
    "rmse": "scikit-learn root_mean_squared_error",
    "mape": "scikit-learn mean_absolute_percentage_error",
    "r2": "scikit-learn r2_score",
    "explained_variance": "scikit-learn explained_variance_score",
    "auc": "scikit-learn roc_auc_score of all users' rated test rows",
    "user_auc": "scikit-learn roc_auc_score of each user's candidates",
    "precision@k": "ranx precision@k",
    "recall@k": "ranx recall@k",
    "capped_recall@k": "ranx recall@k times |T| / min(k, |T|)",
    "ndcg@k": "ranx ndcg@k of binary judgements, scikit-learn dcg_score",
    "graded_ndcg@k": "ranx ndcg@k of fourfold stars, scikit-learn dcg_score",
    "mrr@k": "ranx mrr@k",
    "hit@k": "ranx hit_rate@k",
    "uncapped_map@k": "ranx map@k",
    "map@k": "ranx map@k times |T| / min(k, |T|)",
    "r_precision": "ranx r-precision",
    "novelty@k": "numpy formula",
    "diversity@k": "scikit-learn cosine_similarity",
    "serendipity@k": "ranx precision@k of relevant items without popular ones",
    "average_popularity@k": "numpy formula",
    "popularity_lift@k": "numpy formula",
    "miscalibration@k": "scipy entropy of two distributions",
    "coverage@k": "numpy formula",
    "gini@k": "numpy formula, scipy rankdata",
    "entropy@k": "scipy entropy",
    "scaled_mae": "scikit-learn mean_absolute_error of users with five rated test rows",
    "scaled_mape": "scikit-learn mean_absolute_percentage_error of users with five rated test rows",
    "hit_share": "ranx precision@5 of the five rated best",
    "article_accuracy": "scikit-learn accuracy_score of the five rated and predicted best",
    "article_mrr": "ranx mrr of each of the five rated best",
    "mrr": "ranx mrr of the five rated best",
}


@dataclass
class User:
    """One user with test rows."""

    row: int
    candidates: np.ndarray
    """Ranked: the candidates that have a score, best first."""
    ranked: np.ndarray
    """Relevant test items and their stars, 1 for an event."""
    relevant: dict = field(default_factory=dict)


def best_first(items, scores):
    """`items` by their scores, greater ones first, ties in catalogue order."""
    items = np.asarray(items, dtype=int)
    return items[np.lexsort((items, -np.asarray(scores, dtype=np.float64)))]


def agreed(name, one, other):
    """Two evaluators' answers, as one."""
    if not math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12):
        raise RuntimeError(f"evaluators differ on {name}: {one} and {other}")
    return one


def mean(values):
    """Of those there are; None of none."""
    values = [float(value) for value in values if value is not None]
    return float(np.mean(values)) if values else None


def of_ranx(judged, lists, names):
    """ranx' values, by metric, of one list per key of `judged`, which maps items to whole numbers above zero."""
    if any(gain != int(gain) for of in judged.values() for gain in of.values()):
        raise RuntimeError("ranx would cut a gain to a whole number")
    judged = {key: {f"d{item}": int(gain) for item, gain in of.items()} for key, of in judged.items()}
    runs = {key: {f"d{item}": float(len(of) - at) for at, item in enumerate(of)} for key, of in lists.items() if len(of)}
    if not judged:
        return {name: {} for name in names}
    if not runs:
        return {name: dict.fromkeys(judged, 0.0) for name in names}
    run = ranx.Run.from_dict(runs)
    ranx.evaluate(ranx.Qrels.from_dict(judged), run, names, make_comparable=True, save_results_in_run=True)
    scores = {name: run.scores[name] for name in names}
    for name in names:
        if set(scores[name]) != set(judged):
            raise RuntimeError(f"ranx answered {name} for other users")
    return scores


def users_of(case: Case):
    users = []
    for row in dict.fromkeys(user for user, _, _ in case.test):
        scores = case.scores[row]
        candidates = [item for item in range(case.n_items) if item not in case.seen[row]]
        scored = [item for item in candidates if scores[item] is not None]
        relevant = {
            item: 1.0 if stars is None else stars
            for user, item, stars in case.test
            if user == row and (stars is None or stars >= case.relevance_threshold)
        }
        ranked = best_first(scored, [scores[item] for item in scored])
        users.append(User(row, np.array(candidates, dtype=int), ranked, relevant))
    return users


def of_stars(case: Case):
    values = dict.fromkeys(["mae", "rmse", "mape", "r2", "explained_variance"])
    rows = [(stars, case.scores[user][item]) for user, item, stars in case.test if stars is not None]
    if case.predicts != "stars" or not rows or any(yhat is None for _, yhat in rows):
        return values
    y, yhat = np.array(rows).T
    values["mae"] = sk.mean_absolute_error(y, yhat)
    values["rmse"] = sk.root_mean_squared_error(y, yhat)
    if (y != 0).all():
        values["mape"] = sk.mean_absolute_percentage_error(y, yhat)
    if (y != y[0]).any():
        values["r2"] = sk.r2_score(y, yhat)
        values["explained_variance"] = sk.explained_variance_score(y, yhat)
    return values


def lowest(scores):
    """Scores with a number below all others where there is none."""
    known = [score for score in scores if score is not None]
    floor = min(known, default=0.0) - 1.0
    return [floor if score is None else score for score in scores]


def auc(is_relevant, scores):
    return sk.roc_auc_score(is_relevant, lowest(scores)) if len(set(is_relevant)) == 2 else None


def of_ranks(case: Case, users):
    """Metrics of relevant items; users without any are left out."""
    users = [user for user in users if user.relevant]
    lists = {str(user.row): user.ranked for user in users}
    binary = {str(user.row): dict.fromkeys(user.relevant, 1) for user in users}
    # ranx takes whole numbers; a factor that all gains have in common cancels out.
    fourfold = {str(user.row): {item: max(4 * stars, 0) for item, stars in user.relevant.items()} for user in users}
    graded = {key: gains for key, gains in fourfold.items() if any(gains.values())}
    values = {"r_precision": mean(of_ranx(binary, lists, ["r-precision"])["r-precision"].values())}
    for k in case.k:
        names = [f"{name}@{k}" for name in ["precision", "recall", "ndcg", "mrr", "hit_rate", "map"]]
        of_users = of_ranx(binary, lists, names)
        for name in ["precision", "recall", "ndcg", "mrr"]:
            values[f"{name}@{k}"] = mean(of_users[f"{name}@{k}"].values())
        values[f"hit@{k}"] = mean(of_users[f"hit_rate@{k}"].values())
        values[f"uncapped_map@{k}"] = mean(of_users[f"map@{k}"].values())
        capped = {str(user.row): len(user.relevant) / min(k, len(user.relevant)) for user in users}
        values[f"map@{k}"] = mean(value * capped[key] for key, value in of_users[f"map@{k}"].items())
        values[f"capped_recall@{k}"] = mean(value * capped[key] for key, value in of_users[f"recall@{k}"].items())
        of_graded = of_ranx(graded, {key: lists[key] for key in graded}, [f"ndcg@{k}"])[f"ndcg@{k}"]
        values[f"graded_ndcg@{k}"] = mean(of_graded.values())
        for gains, answers in [(binary, of_users[f"ndcg@{k}"]), (graded, of_graded)]:
            for key, answer in answers.items():
                agreed(f"ndcg@{k}", answer, ndcg(gains[key], lists[key], k))
        # Relevant, and not among the most popular.
        counts = case.counts()
        surprising = {}
        for user in users:
            popular = best_first(user.candidates, counts[user.candidates])[:k]
            surprising[str(user.row)] = {item: 1 for item in user.relevant if item not in popular}
        found = {key: items for key, items in surprising.items() if items}
        precisions = of_ranx(found, {key: lists[key] for key in found}, [f"precision@{k}"])[f"precision@{k}"]
        has_list = [str(user.row) for user in users if len(user.ranked)]
        values[f"serendipity@{k}"] = mean(precisions.get(key, 0.0) for key in has_list)
    return values


def ndcg(gains, ranked, k):
    """By scikit-learn's dcg_score, which would rank seen items too: they are judged in the ideal list alone."""
    ideal = np.array(sorted(gains.values(), reverse=True), dtype=np.float64)
    found = np.array([gains.get(item, 0) for item in ranked], dtype=np.float64)
    dcg = lambda gains: sk.dcg_score([gains], [-np.arange(len(gains))], k=k) if len(gains) > 1 else float(gains.sum())
    return dcg(found) / dcg(ideal)


def user_auc(case: Case, users):
    def one(user):
        is_relevant = [item in user.relevant for item in user.candidates]
        return auc(is_relevant, [case.scores[user.row][item] for item in user.candidates])

    return mean(one(user) for user in users)


def genre_shares(case: Case, items):
    shares = np.zeros(len(case.genres))
    columns = [case.feature_names.index(genre) for genre in case.genres]
    for item in items:
        has = np.array([case.features[item][column] for column in columns], dtype=np.float64)
        if has.any():
            shares += has / has.sum()
    return shares / shares.sum() if shares.any() else None


def of_lists(case: Case, users):
    """What lists are like; users without one are left out, those without relevant items are not."""
    users = [user for user in users if len(user.ranked)]
    counts = case.counts()
    n_train_users = max(len({user for user, _ in case.train}), 1)
    popularity = counts / n_train_users
    profiles = {user.row: [item for rated_by, item in case.train if rated_by == user.row] for user in users}
    values = {}
    for k in case.k:
        lists = {user.row: user.ranked[:k] for user in users}
        values[f"novelty@{k}"] = mean(
            np.mean(-np.log2(np.maximum(counts[items], 1) / n_train_users)) for items in lists.values()
        )
        values[f"average_popularity@{k}"] = mean(np.mean(popularity[items]) for items in lists.values())
        lifts = []
        for row, items in lists.items():
            if profiles[row]:
                taste = np.mean(popularity[profiles[row]])
                lifts.append((np.mean(popularity[items]) - taste) / taste)
        values[f"popularity_lift@{k}"] = mean(lifts)
        values[f"diversity@{k}"] = None
        if case.feature_names:
            values[f"diversity@{k}"] = mean(diversity(case, items) for items in lists.values() if len(items) > 1)
        divergences = []
        for row, items in lists.items():
            p, q = genre_shares(case, profiles[row]), genre_shares(case, items)
            if p is not None and q is not None:
                divergences.append(scipy.stats.entropy(p, 0.99 * q + 0.01 * p))
        values[f"miscalibration@{k}"] = mean(divergences)
        shown = np.bincount(np.concatenate([*lists.values(), np.array([], dtype=int)]), minlength=case.n_items)
        together = dict.fromkeys(["coverage", "gini", "entropy"])
        if shown.any():
            x, n = np.sort(shown), case.n_items
            gini = np.sum((2 * np.arange(1, n + 1) - n - 1) * x) / (n * np.sum(x))
            # Equal counts may share their places.
            by_places = np.sum((2 * scipy.stats.rankdata(shown) - n - 1) * shown) / (n * np.sum(shown))
            together = {
                "coverage": np.count_nonzero(shown) / n,
                "gini": agreed("gini", float(gini), float(by_places)),
                "entropy": scipy.stats.entropy(shown),
            }
        values |= {f"{name}@{k}": value for name, value in together.items()}
    return values


def diversity(case: Case, items):
    similar = sk.pairwise.cosine_similarity(np.array([case.features[item] for item in items], dtype=np.float64))
    return np.mean(1.0 - similar[np.triu_indices(len(items), 1)])


def of_the_article(case: Case):
    """Metrics of users with five rated test rows or more."""
    names = ["scaled_mae", "scaled_mape", "hit_share", "article_accuracy", "article_mrr", "mrr"]
    values = dict.fromkeys(names)
    rated = {}
    for user, item, stars in case.test:
        if stars is not None:
            rated.setdefault(user, []).append((item, stars, case.scores[user][item]))
    rated = {user: rows for user, rows in rated.items() if len(rows) >= 5}
    if not rated:
        return values
    of_users = {name: [] for name in names[2:]}
    for rows in rated.values():
        items, y, yhat = [row[0] for row in rows], [row[1] for row in rows], lowest([row[2] for row in rows])
        if case.predicts == "stars":
            yhat = np.round(yhat, 6)
        best, predicted = best_first(items, y)[:5], best_first(items, yhat)[:5]
        reciprocals = of_ranx({str(item): {item: 1} for item in best}, {str(item): predicted for item in best}, ["mrr"])
        five = of_ranx({"one": dict.fromkeys(best, 1)}, {"one": predicted}, ["precision@5", "mrr"])
        of_users["hit_share"].append(five["precision@5"]["one"])
        of_users["article_accuracy"].append(sk.accuracy_score(best, predicted))
        of_users["article_mrr"].append(mean(reciprocals["mrr"].values()))
        of_users["mrr"].append(five["mrr"]["one"])
    values |= {name: mean(of) for name, of in of_users.items()}
    pairs = [(stars, yhat) for rows in rated.values() for _, stars, yhat in rows]
    if case.predicts == "stars" and all(yhat is not None for _, yhat in pairs):
        y, yhat = np.round(np.array(pairs).T, 6)
        values["scaled_mae"] = sk.mean_absolute_error(y, yhat)
        if (y != 0).all():
            values["scaled_mape"] = sk.mean_absolute_percentage_error(y, yhat)
    return values


def expected(case: Case):
    users = users_of(case)
    rated = [(stars >= case.relevance_threshold, case.scores[user][item]) for user, item, stars in case.test if stars is not None]
    values = of_stars(case) | of_ranks(case, users) | of_lists(case, users) | of_the_article(case)
    values["auc"] = auc([is_relevant for is_relevant, _ in rated], [score for _, score in rated])
    values["user_auc"] = user_auc(case, users)
    known = {name.replace("@k", f"@{k}") for name in SOURCES for k in case.k}
    if set(values) != known:
        raise RuntimeError(f"{case.name}: {sorted(set(values) ^ known)} are either without a value or without a source")
    return {name: None if values[name] is None else float(values[name]) for name in sorted(values)}


def with_versions(source):
    named = lambda library: f"{library[0]} {version(library[0])}"
    return re.sub("ranx|scikit-learn|scipy|numpy", named, source)


def main():
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("golden.json")
    # A constant list of scores, or one row, is what we want to know about.
    warnings.simplefilter("ignore")
    lines = [json.dumps(case.inputs() | {"expected": expected(case)}, allow_nan=False) for case in CASES]
    sources = json.dumps({name: with_versions(source) for name, source in SOURCES.items()}, indent=1)
    path.write_text(f'{{\n"sources": {sources},\n"cases": [\n' + ",\n".join(lines) + "\n]\n}\n", encoding="utf-8")


main()
