"""LensKit's item neighbours for implicit feedback, learnt from reco's training rows: every unseen item that it can score.

Arguments: the folder that `reco features --out` was given, and the Parquet file to write. Prints what LensKit measures itself.
"""

import json
import os
import sys

import pandas
import structlog
from lenskit.batch import recommend
from lenskit.data import ItemListCollection, from_interactions_df
from lenskit.knn import ItemKNNScorer
from lenskit.metrics import NDCG, Hit, LogRankWeight, Precision, Recall, RecipRank, RunAnalysis
from lenskit.pipeline import topn_pipeline

# It logs on the output, which is for the lines.
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))

folder, file = sys.argv[1:3]
names = ["train", "validation", "test", "users", "items"]
train, validation, test, users, items = (pandas.read_parquet(f"{folder}/features/{name}.parquet") for name in names)


def with_ids(rows):
    return pandas.DataFrame({"user_id": users.user_id.values[rows.user], "item_id": items.item_id.values[rows.item]})


pipeline = topn_pipeline(ItemKNNScorer(k=20, feedback="implicit"))
pipeline.train(from_interactions_df(with_ids(train)))
lists = recommend(pipeline, users.user_id.tolist(), n_jobs=os.cpu_count()).to_df()
lists.rename(columns={"user_id": "user", "item_id": "item"})[["user", "item", "score"]].to_parquet(file)

# LensKit's lists have items of the validation part, which reco takes out.
taken_out = lists.merge(with_ids(validation), how="left", indicator=True)._merge == "both"
analysis = RunAnalysis()
for metric in [Recall, NDCG, RecipRank, Hit, Precision]:
    analysis.add_metric(metric(10))
# Its NDCG lets the first two places weigh the same; this is the usual one.
analysis.add_metric(NDCG(10, weight=LogRankWeight(offset=1)), "NDCG+1@10")
for name, kept in [("validation items left out", lists[~taken_out]), ("validation items ranked", lists)]:
    kept = kept.assign(rank=kept.groupby("user_id").cumcount() + 1)
    kept = ItemListCollection.from_df(kept, ["user_id"])
    measured = analysis.measure(kept, ItemListCollection.from_df(with_ids(test), ["user_id"]))
    print(json.dumps({name: measured.list_summary()["mean"].to_dict()}))
