"""The article's networks in Keras, over several seeds: train, validation and test error after 100 epochs.

Usage: keras_article.py WORKBOOK NETWORK FIRST_SEED LAST_SEED; prints one JSON object a seed.

As the article's code, but for one thing: the gradients of rows that stand twice in a batch are summed before Adam squares
them, as TensorFlow 2.6, PyTorch and the formula do, and Keras 3 on TensorFlow by itself does not.
"""

import json
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from keras import layers, models

workbook, network, first_seed, last_seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)

products = pd.read_excel(workbook, sheet_name="products")
products = products[~products["genres"].isna()]
products["product"] = range(len(products))
years = products["title"].str.extract(r"\((\d{4})\)\s*$")[0].astype(float).fillna(9999)
products["old"] = (years < 2000).astype(int)
genres = sorted({genre for value in products["genres"] for genre in value.split("|")} - {"(no genres listed)"})
features = np.stack(
    [products["old"]] + [products["genres"].str.split("|").apply(lambda value, g=g: int(g in value)) for g in genres], axis=1
).astype("float32")

users = pd.read_excel(workbook, sheet_name="users").head(10000)
users["user"] = users["userId"] - 1
local = pd.to_datetime(users["timestamp"], unit="s", utc=True).dt.tz_convert("Europe/Rome")
users["daytime"] = ((local.dt.hour > 6) & (local.dt.hour < 20)).astype(int)
users["weekend"] = local.dt.day_of_week.isin([5, 6]).astype(int)
users = users.merge(products[["movieId", "product"]], how="left")
n_users, n_items = users["user"].nunique(), len(products)


def pivot(column):
    return users.pivot_table(index="user", columns="product", values=column).reindex(columns=range(n_items)).values


ratings, daytime, weekend = pivot("rating"), pivot("daytime"), pivot("weekend")
with np.errstate(all="ignore"):
    low, high = np.nanmin(ratings, axis=0), np.nanmax(ratings, axis=0)
scale = 0.5 / np.where(high - low == 0, 1, high - low)
scaled = ratings * scale + (0.5 - low * scale)
user, item = np.where(~np.isnan(scaled))
target = scaled[user, item].astype("float32")
context = np.stack([daytime[user, item], weekend[user, item]], axis=1).astype("float32")
train = item < int(0.8 * n_items)
test = ~train


class DenseGradientEmbedding(layers.Embedding):
    """An embedding whose gradient is a whole table, so that rows that stand twice in a batch are summed."""

    def call(self, rows):
        table = tf.convert_to_tensor(self._embeddings.value)
        rows = tf.cast(rows, tf.int32)

        @tf.custom_gradient
        def look_up(table):
            def gradient(upstream):
                upstream = tf.reshape(upstream, (-1, self.output_dim))
                return tf.math.unsorted_segment_sum(upstream, tf.reshape(rows, (-1,)), self.input_dim)

            return tf.gather(table, rows), gradient

        return look_up(table)


def build():
    size = 50

    def embedded(source, n):
        return layers.Reshape((size,))(DenseGradientEmbedding(n, size)(source))

    user_in, item_in = layers.Input((1,)), layers.Input((1,))
    features_in, context_in = layers.Input((features.shape[1],)), layers.Input((2,))
    cosine = layers.Dot(normalize=True, axes=1)([embedded(user_in, n_users), embedded(item_in, n_items)])
    branches = [cosine]
    if network != "collaborative":
        both = layers.Concatenate()([embedded(user_in, n_users), embedded(item_in, n_items)])
        branches.append(layers.Dense(size // 2, activation="relu")(both))
    if network == "hybrid":
        branches.append(layers.Dense(features.shape[1], activation="relu")(features_in))
        branches.append(layers.Dense(2, activation="relu")(context_in))
    joined = layers.Concatenate()(branches) if len(branches) > 1 else cosine
    inputs = [user_in, item_in] + ([features_in, context_in] if network == "hybrid" else [])
    model = models.Model(inputs, layers.Dense(1)(joined))
    model.compile(optimizer="adam", loss="mean_absolute_error")
    return model


def inputs(rows, contexts):
    columns = [user[rows].astype("int32"), item[rows].astype("int32")]
    return columns + ([features[item[rows]], contexts] if network == "hybrid" else [])


for seed in range(first_seed, last_seed + 1):
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    begun = time.time()
    model = build()
    history = model.fit(
        inputs(train, context[train]), target[train], epochs=100, batch_size=128, shuffle=True, verbose=0, validation_split=0.3
    ).history
    # The test's context is a weekday night: 0, 0.
    predicted = model.predict(inputs(test, np.zeros((test.sum(), 2), "float32")), batch_size=1024, verbose=0)[:, 0]
    print(
        json.dumps(
            {
                "seed": seed,
                "train": history["loss"][-1],
                "validation": history["val_loss"][-1],
                "test": float(np.abs(predicted - target[test]).mean()),
                "seconds": time.time() - begun,
            }
        ),
        flush=True,
    )
