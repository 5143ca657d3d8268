"""How many ratings a second the article's neural network learns from in PyTorch.

Usage: train_torch.py BATCH_SIZE dense|sparse [EPOCHS]; prints one JSON object. The work is that of
crates/reco-models/examples/train_speed.rs: 80,000 ratings an epoch of 943 users and 1,682 items, embeddings of 50; `dense` is fused
Adam over whole tables, `sparse` SparseAdam for the tables beside fused Adam. Rows are shuffled and sliced, without a DataLoader.
"""

import json
import sys
import time

import torch
from torch import nn

batch_size, kind = int(sys.argv[1]), sys.argv[2]
epochs = int(sys.argv[3]) if len(sys.argv) > 3 else 2
n, n_users, n_items, size = 80_000, 943, 1_682, 50
torch.manual_seed(1)
users = (torch.rand(n) ** 2 * n_users).long()
items = (torch.rand(n) ** 2 * n_items).long()
targets = 0.5 + 0.5 * torch.rand(n)
sparse = kind == "sparse"


class Neural(nn.Module):
    def __init__(self):
        super().__init__()
        tables = [n_users, n_items, n_users, n_items]
        self.tables = nn.ModuleList(nn.Embedding(rows, size, sparse=sparse) for rows in tables)
        for table in self.tables:
            nn.init.uniform_(table.weight, -0.05, 0.05)
        self.dense, self.out = nn.Linear(2 * size, size // 2), nn.Linear(1 + size // 2, 1)

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


def epoch():
    order, loss = torch.randperm(n), 0.0
    for rows in order.split(batch_size):
        for optimizer in optimizers:
            optimizer.zero_grad()
        error = nn.functional.l1_loss(model(users[rows], items[rows]), targets[rows])
        error.backward()
        for optimizer in optimizers:
            optimizer.step()
        loss += error.detach() * len(rows)
    return loss.item() / n


epoch()
begun = time.perf_counter()
for _ in range(epochs):
    loss = epoch()
seconds = time.perf_counter() - begun
print(json.dumps({"ratings_per_second": n * epochs / seconds, "loss": loss}))
