"""Measures how many ratings a second the article's neural network learns from in PyTorch, and how well.

Usage: train_torch.py FOLDER BATCH_SIZE threads=N seed=N epochs=N [sparse] [compile]; prints one JSON object. Network and data are those of
crates/reco-models/examples/train_speed.rs. Fused Adam over whole tables, or with `sparse` SparseAdam for the tables beside it; with
`compile` forward and backward pass are compiled. Rows are shuffled and sliced, without a DataLoader.
"""

import torch
from torch import nn
from train_data import N_ITEMS, N_USERS, SIZE, batch_size, measured, read, seed, settings, threads, timed

torch.set_num_threads(threads)
torch.manual_seed(seed)
users, items, targets = (torch.from_numpy(column) for column in read("train"))
n, sparse = len(users), "sparse" in settings


class Neural(nn.Module):
    def __init__(self):
        super().__init__()
        tables = [N_USERS, N_ITEMS, N_USERS, N_ITEMS]
        self.tables = nn.ModuleList(nn.Embedding(rows, SIZE, sparse=sparse) for rows in tables)
        for table in self.tables:
            nn.init.uniform_(table.weight, -0.05, 0.05)
        self.dense, self.out = nn.Linear(2 * SIZE, SIZE // 2), nn.Linear(1 + SIZE // 2, 1)

    def forward(self, user, item):
        a, b, c, d = (table(rows) for table, rows in zip(self.tables, [user, item, user, item]))
        cosine = nn.functional.cosine_similarity(a, b).unsqueeze(1)
        hidden = torch.relu(self.dense(torch.cat([c, d], 1)))
        return self.out(torch.cat([cosine, hidden], 1)).squeeze(1)


model = Neural()
dense = list(model.dense.parameters()) + list(model.out.parameters())
if sparse:
    optimizers = [torch.optim.SparseAdam(list(model.tables.parameters())), torch.optim.Adam(dense, fused=True)]
else:
    optimizers = [torch.optim.Adam(model.parameters(), fused=True)]


def error_of(users, items, targets):
    return nn.functional.l1_loss(model(users, items), targets)


if "compile" in settings:
    error_of = torch.compile(error_of)


def epoch():
    for rows in torch.randperm(n).split(batch_size):
        for optimizer in optimizers:
            optimizer.zero_grad()
        error_of(users[rows], items[rows], targets[rows]).backward()
        for optimizer in optimizers:
            optimizer.step()


@torch.no_grad()
def predict(users, items):
    return model(torch.from_numpy(users), torch.from_numpy(items)).numpy()


measured(n, timed(epoch), predict)
