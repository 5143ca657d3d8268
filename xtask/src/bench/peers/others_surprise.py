"""Surprise's SVD with its defaults, learnt from the training rows of one of reco's folds: stars of the test rows.

Arguments: the folder of the fold, as `target/five/split.fold=0`, and the Parquet file to write. Prints what Surprise
measures itself.
"""

import json
import sys

import pandas
from surprise import SVD, Dataset, Reader
from surprise.accuracy import mae, rmse

folder, file = sys.argv[1:3]
names = ["train", "test", "users", "items"]
train, test, users, items = (pandas.read_parquet(f"{folder}/features/{name}.parquet") for name in names)


def with_ids(rows):
    ids = {"user": users.user_id.values[rows.user], "item": items.item_id.values[rows.item]}
    return pandas.DataFrame(ids | {"stars": rows.rating})


data = Dataset.load_from_df(with_ids(train), Reader(rating_scale=(1, 5)))
model = SVD(random_state=42)
model.fit(data.build_full_trainset())
predictions = model.test(list(with_ids(test).itertuples(index=False, name=None)))
table = {"user": [one.uid for one in predictions], "item": [one.iid for one in predictions]}
pandas.DataFrame(table | {"score": [one.est for one in predictions]}).to_parquet(file)

print(json.dumps({"stars of test rows": {"rmse": rmse(predictions, verbose=False), "mae": mae(predictions, verbose=False)}}))
