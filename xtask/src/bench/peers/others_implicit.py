"""implicit's alternating least squares with its defaults, learnt from reco's training rows: the 100 best items of every user.

Arguments: the folder that `reco features --out` was given, and the Parquet file to write. Prints what implicit measures itself.
"""

import json
import sys

import numpy
import pandas
from implicit.als import AlternatingLeastSquares
from implicit.evaluation import ranking_metrics_at_k
from scipy.sparse import csr_matrix

folder, file = sys.argv[1:3]
names = ["train", "validation", "test", "users", "items"]
train, validation, test, users, items = (pandas.read_parquet(f"{folder}/features/{name}.parquet") for name in names)


def matrix(rows):
    return csr_matrix((numpy.ones(len(rows), "float32"), (rows.user, rows.item)), (len(users), len(items)))


model = AlternatingLeastSquares(random_state=42)
model.fit(matrix(train), show_progress=False)
best, scores = model.recommend(numpy.arange(len(users)), matrix(train), N=100)
table = {"user": users.user_id.repeat(100), "item": items.item_id.values[best.ravel()], "score": scores.ravel()}
pandas.DataFrame(table).to_parquet(file)

# Masked as reco does, and with the validation items left in.
for name, met in [("validation items left out", pandas.concat([train, validation])), ("validation items ranked", train)]:
    print(json.dumps({name: ranking_metrics_at_k(model, matrix(met), matrix(test), K=10, show_progress=False)}))
