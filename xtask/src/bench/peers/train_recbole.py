"""How many samples a second RecBole's NeuMF learns from: the nearest thing that RecBole has to the article's neural network.

Usage: train_recbole.py BATCH_SIZE; prints one JSON object. 80,000 ratings of 943 users and 1,682 items, embeddings of 50, a hidden
layer of 25, as crates/reco-models/examples/train_speed.rs has them; RecBole learns them as positives, each beside one negative that it
draws, so that an epoch has twice as many samples. Both count. Its optimizer is PyTorch's dense Adam. The second epoch is timed.
"""

import json
import os
import sys
import tempfile
import time

import numpy
import pandas
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.general_recommender import NeuMF
from recbole.trainer import Trainer
from recbole.utils import init_seed

batch_size = int(sys.argv[1])
n, n_users, n_items, size = 80_000, 943, 1_682, 50
work = tempfile.TemporaryDirectory()
os.chdir(work.name)
os.mkdir("ml")
draw = numpy.random.default_rng(1)
columns = [(draw.random(n) ** 2 * rows).astype(int) for rows in (n_users, n_items)]
table = pandas.DataFrame({"user_id:token": columns[0], "item_id:token": columns[1]}).drop_duplicates()
table.to_csv("ml/ml.train.inter", sep="\t", index=False)
for part in ["validation", "test"]:
    table.head(1000).to_csv(f"ml/ml.{part}.inter", sep="\t", index=False)
options = {"data_path": ".", "benchmark_filename": ["train", "validation", "test"], "load_col": None, "use_gpu": False}
options |= {"train_batch_size": batch_size, "mf_embedding_size": size, "mlp_embedding_size": size}
options |= {"mlp_hidden_size": [size // 2], "dropout_prob": 0.0, "state": "ERROR", "show_progress": False}
sys.argv = sys.argv[:1]  # RecBole would read our arguments as its own.
config = Config("NeuMF", "ml", config_dict=options)
init_seed(config["seed"], config["reproducibility"])
dataset = create_dataset(config)
train, _, _ = data_preparation(config, dataset)
model = NeuMF(config, train.dataset)
trainer = Trainer(config, model)
trainer._train_epoch(train, 0)
began = time.perf_counter()
loss = trainer._train_epoch(train, 1)
seconds = time.perf_counter() - began
samples = 2 * len(table)
print(json.dumps({"ratings_per_second": samples / seconds, "samples": samples, "loss": float(loss), "torch": torch.__version__}))
