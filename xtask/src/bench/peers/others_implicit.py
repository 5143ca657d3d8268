"""implicit's alternating least squares with its defaults, learnt from reco's training rows: the 100 best items of every user.

Arguments: the folder that `reco features --out` was given, and the Parquet file to write.
"""

import sys

import numpy
import pandas
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

folder, file = sys.argv[1:3]
train, users, items = (pandas.read_parquet(f"{folder}/features/{name}.parquet") for name in ["train", "users", "items"])

shape = len(users), len(items)
met = csr_matrix((numpy.ones(len(train), "float32"), (train.user, train.item)), shape)
model = AlternatingLeastSquares(random_state=42)
model.fit(met, show_progress=False)
best, scores = model.recommend(numpy.arange(len(users)), met, N=100)
table = {"user": users.user_id.repeat(100), "item": items.item_id.values[best.ravel()], "score": scores.ravel()}
pandas.DataFrame(table).to_parquet(file)
