"""What becomes of a good file of scores when it is written a little wrong?

Arguments: the folder that `reco features --out` was given, a Parquet file of the scores of all pairs, and a folder to write to:
one Parquet file for each way of going wrong.
"""

import sys

import pandas

folder, file, to = sys.argv[1:4]
train, users, items = (pandas.read_parquet(f"{folder}/features/{name}.parquet") for name in ["train", "users", "items"])
scores = pandas.read_parquet(file).astype({"user": "int64", "item": "int64"})
met = pandas.DataFrame({"user": users.user_id.values[train.user], "item": items.item_id.values[train.item]})
unseen = scores.merge(met, how="left", indicator=True).query("_merge == 'left_only'").drop(columns="_merge")
ranked = unseen.sort_values(["user", "score"], ascending=[True, False], kind="stable")
row_of_user, row_of_item = (dict(zip(ids, range(len(ids)))) for ids in [users.user_id, items.item_id])

for name, table in {
    "all items": scores,
    "items unseen in training": ranked,
    "the 100 best of these": ranked.groupby("user").head(100),
    "the 10 best of these": ranked.groupby("user").head(10),
    "row numbers for ids": scores.assign(user=scores.user.map(row_of_user), item=scores.item.map(row_of_item)),
    "two decimals": scores.assign(score=scores.score.round(2)),
}.items():
    table.to_parquet(f"{to}/{name}.parquet")
