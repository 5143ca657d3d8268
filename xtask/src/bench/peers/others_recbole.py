"""RecBole's BPR with its defaults but for fewer epochs, learnt from reco's training rows: every item for every user.

Arguments: the folder that `reco features --out` was given, and the Parquet file to write. Prints what RecBole measures itself.
"""

import json
import os
import sys
import tempfile

import numpy
import pandas
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.general_recommender import BPR
from recbole.trainer import Trainer
from recbole.utils import init_seed

folder, file = (os.path.abspath(path) for path in sys.argv[1:3])
parts = ["train", "validation", "test"]
names = parts + ["users", "items"]
tables = {name: pandas.read_parquet(f"{folder}/features/{name}.parquet") for name in names}
users, items = tables["users"].user_id.values, tables["items"].item_id.values

# RecBole reads tab-separated files of its own, a folder for each data set, and leaves logs where it stands.
work = tempfile.TemporaryDirectory()
os.chdir(work.name)
os.mkdir("ml")
for part in parts:
    ids = {"user_id:token": users[tables[part].user], "item_id:token": items[tables[part].item]}
    pandas.DataFrame(ids).to_csv(f"ml/ml.{part}.inter", sep="\t", index=False)
options = {"data_path": ".", "benchmark_filename": parts, "load_col": None, "epochs": 50, "use_gpu": False}
options |= {"metrics": ["Recall", "NDCG", "MRR", "Hit", "MAP", "Precision"], "metric_decimal_place": 16}
sys.argv = sys.argv[:1]  # RecBole would read our arguments as its own.
config = Config("BPR", "ml", config_dict=options)
init_seed(config["seed"], config["reproducibility"])
dataset = create_dataset(config)
train, _, test = data_preparation(config, dataset)
model = BPR(config, train.dataset)
trainer = Trainer(config, model)
trainer.fit(train, saved=False, verbose=False)

# Its number 0 is padding, and its numbers are not reco's.
user_ids, item_ids = (dataset.field2id_token[name][1:] for name in ["user_id", "item_id"])
with torch.no_grad():
    scores = model.user_embedding.weight[1:] @ model.item_embedding.weight[1:].T
table = {"user": user_ids.repeat(len(item_ids)), "item": numpy.tile(item_ids, len(user_ids)), "score": scores.ravel()}
pandas.DataFrame(table).to_parquet(file)

print(json.dumps({"validation items left out": trainer.evaluate(test, load_best_model=False)}))
