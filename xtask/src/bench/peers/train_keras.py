"""How many ratings a second the article's neural network learns from in Keras.

Usage: train_keras.py BATCH_SIZE [EPOCHS]; prints one JSON object. The work is that of crates/reco-models/examples/train_speed.rs:
80,000 ratings an epoch of 943 users and 1,682 items, embeddings of 50, Adam; the first epoch, which compiles, is not counted.
"""

import json
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from keras import layers, models

batch_size, epochs = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2
n, n_users, n_items, size = 80_000, 943, 1_682, 50
keras.utils.set_random_seed(1)
chance = np.random.default_rng(1)
users = (chance.random(n) ** 2 * n_users).astype("int32")
items = (chance.random(n) ** 2 * n_items).astype("int32")
targets = (0.5 + 0.5 * chance.random(n)).astype("float32")


def embedded(source, rows):
    return layers.Reshape((size,))(layers.Embedding(rows, size)(source))


user, item = layers.Input((1,)), layers.Input((1,))
cosine = layers.Dot(normalize=True, axes=1)([embedded(user, n_users), embedded(item, n_items)])
dense = layers.Dense(size // 2, activation="relu")(
    layers.Concatenate()([embedded(user, n_users), embedded(item, n_items)])
)
model = models.Model([user, item], layers.Dense(1)(layers.Concatenate()([cosine, dense])))
model.compile(optimizer="adam", loss="mean_absolute_error")
model.fit([users, items], targets, batch_size=batch_size, epochs=1, verbose=0)
begun = time.perf_counter()
history = model.fit([users, items], targets, batch_size=batch_size, epochs=epochs, verbose=0)
seconds = time.perf_counter() - begun
print(json.dumps({"ratings_per_second": n * epochs / seconds, "loss": history.history["loss"][-1]}))
