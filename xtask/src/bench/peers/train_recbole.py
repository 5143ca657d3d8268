"""Measures how many samples a second RecBole's NeuMF learns from: the nearest thing that RecBole has to the article's neural network.

Usage: train_recbole.py FOLDER BATCH_SIZE threads=N seed=N epochs=N; prints one JSON object. The ratings of crates/reco-models/examples/train_speed.rs,
embeddings of 50, a hidden layer of 25; RecBole learns ratings as positives, each beside one negative that it draws, and each of both counts
as a rating. Its optimizer is PyTorch's dense Adam. It predicts no stars, and so has no error.
"""

import os
import sys
import tempfile

import pandas
import torch
from train_data import SIZE, batch_size, measured, read, seed, threads, timed

sys.argv = sys.argv[:1]  # RecBole would read our arguments as its own.

from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.general_recommender import NeuMF
from recbole.trainer import Trainer
from recbole.utils import init_seed

users, items, _ = read("train")
work = tempfile.TemporaryDirectory()
os.chdir(work.name)
os.mkdir("ml")
table = pandas.DataFrame({"user_id:token": users, "item_id:token": items})
table.to_csv("ml/ml.train.inter", sep="\t", index=False)
for part in ["validation", "test"]:
    table.head(1000).to_csv(f"ml/ml.{part}.inter", sep="\t", index=False)
options = {"data_path": ".", "benchmark_filename": ["train", "validation", "test"], "load_col": None, "use_gpu": False}
options |= {"train_batch_size": batch_size, "mf_embedding_size": SIZE, "mlp_embedding_size": SIZE}
options |= {"mlp_hidden_size": [SIZE // 2], "dropout_prob": 0.0, "state": "ERROR", "show_progress": False, "seed": seed}
config = Config("NeuMF", "ml", config_dict=options)
init_seed(config["seed"], config["reproducibility"])
torch.set_num_threads(threads)
dataset = create_dataset(config)
train, _, _ = data_preparation(config, dataset)
model = NeuMF(config, train.dataset)
trainer = Trainer(config, model)
measured(2 * len(table), timed(lambda: trainer._train_epoch(train, 0)), None)
