"""Measures how many ratings a second the article's neural network learns from in Keras, and how well.

Usage: train_keras.py FOLDER BATCH_SIZE threads=N seed=N epochs=N [jit_compile] [steps_per_execution=N]; prints one JSON object. Network and data
are those of crates/reco-models/examples/train_speed.rs.
"""

import os
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import tensorflow as tf
from keras import layers, models
from train_data import N_ITEMS, N_USERS, SIZE, batch_size, epochs, measured, read, seed, setting, settings, threads

tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
keras.utils.set_random_seed(seed)
users, items, targets = read("train")


def embedded(source, rows):
    return layers.Reshape((SIZE,))(layers.Embedding(rows, SIZE)(source))


user, item = layers.Input((1,)), layers.Input((1,))
cosine = layers.Dot(normalize=True, axes=1)([embedded(user, N_USERS), embedded(item, N_ITEMS)])
dense = layers.Dense(SIZE // 2, activation="relu")(
    layers.Concatenate()([embedded(user, N_USERS), embedded(item, N_ITEMS)])
)
model = models.Model([user, item], layers.Dense(1)(layers.Concatenate()([cosine, dense])))
model.compile(
    optimizer="adam",
    loss="mean_absolute_error",
    jit_compile="jit_compile" in settings,
    steps_per_execution=setting("steps_per_execution"),
)


class Clock(keras.callbacks.Callback):
    """When the first epoch, which compiles, was over."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:
            self.begun = time.perf_counter()


clock = Clock()
model.fit([users, items], targets, batch_size=batch_size, epochs=epochs, verbose=0, callbacks=[clock])
seconds = time.perf_counter() - clock.begun
measured(len(users), seconds, lambda users, items: model.predict([users, items], batch_size=1024, verbose=0)[:, 0])
