#!/usr/bin/python3
"""MNIST by LeNet-5 in PyTorch, one thread: the recipe of lenet_mnist.cpp.

usage: lenet_mnist.py [epochs=5] [seed=1] [folder; else mnist in $SPARLET_DATA]
(apt: python3-torch python3-numpy; run with /usr/bin/python3)"""
import gzip, os, resource, sys, time
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F

args = sys.argv[1:]
epochs, seed = int(args[0]) if args else 5, int(args[1]) if len(args) > 1 else 1
folder = args[2] if len(args) > 2 else os.path.join(os.environ.get("SPARLET_DATA", "."), "mnist")
if not os.path.isdir(folder):
    sys.exit(f"skipped: no folder {folder}; give it as argument 3, or set SPARLET_DATA")
torch.set_num_threads(1); torch.manual_seed(seed); torch.set_flush_denormal(True)


def read(part):
    with gzip.open(os.path.join(folder, f"{part}-images-idx3-ubyte.gz")) as f:
        x = torch.from_numpy(np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28).copy())
    with gzip.open(os.path.join(folder, f"{part}-labels-idx1-ubyte.gz")) as f:
        return x, torch.from_numpy(np.frombuffer(f.read(), np.uint8, offset=8).astype(np.int64))


(x, y), (x_test, y_test) = read("train"), read("t10k")
mean, deviation = x.double().mean().round().float(), x.double().std().float()
net = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
steps = len(x) // 64
optimizer = torch.optim.Adam(net.parameters(), 3e-3)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps * epochs, cycle_momentum=False)
start = time.time()
for epoch in range(epochs):
    order, total = torch.randperm(len(x)), 0.0
    for i in range(steps):
        now = order[i * 64 : (i + 1) * 64]
        loss = F.cross_entropy(net((x[now].float() - mean) / deviation), y[now])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        if epoch * steps + i + 1 < epochs * steps: schedule.step()
        total += loss.item()
seconds = time.time() - start
with torch.no_grad():
    right = sum((net((x_test[i : i + 500].float() - mean) / deviation).argmax(1) == y_test[i : i + 500]).sum().item()
                for i in range(0, len(x_test), 500))
print(f"PyTorch: {sum(p.numel() for p in net.parameters())} weights, loss {total / steps:.4f}, test {100 * right / len(x_test):.2f} %, "
      f"{seconds:.1f} s, peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024e-6:.1f} MB")
