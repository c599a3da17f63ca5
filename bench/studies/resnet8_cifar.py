#!/usr/bin/python3
"""CIFAR-10 by MLPerf Tiny's ResNet-8 in PyTorch, one thread: the recipe of resnet8_cifar.cpp.

usage: resnet8_cifar.py [epochs=20] [seed=1] [folder; else cifar-10-batches-bin in $SPARLET_DATA] [training samples]
(apt: python3-torch python3-numpy; run with /usr/bin/python3)"""
import os, sys, time
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F

args = sys.argv[1:]
epochs, seed = int(args[0]) if args else 20, int(args[1]) if len(args) > 1 else 1
if len(args) > 2:
    folder = args[2]
elif "SPARLET_DATA" in os.environ:
    folder = os.path.join(os.environ["SPARLET_DATA"], "cifar-10-batches-bin")
else:
    sys.exit("usage: resnet8_cifar.py EPOCHS SEED FOLDER, or set SPARLET_DATA")
torch.set_num_threads(1); torch.manual_seed(seed); torch.set_flush_denormal(True)


def read(name):
    records = np.fromfile(os.path.join(folder, name), np.uint8).reshape(-1, 3073)
    return torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy()).float(), torch.from_numpy(records[:, 0].astype(np.int64))


batches = [f"data_batch_{i}.bin" for i in range(1, 6)]
x, y = (torch.cat(t) for t in zip(*[read(b) for b in batches if os.path.exists(os.path.join(folder, b))]))
if len(args) > 3:
    x, y = x[: int(args[3])], y[: int(args[3])]
x_test, y_test = read("test_batch.bin")
mean, deviation = x.double().mean().round().float(), x.double().std().float()


def conv(i, o, kernel=3, stride=1, bias=False):
    layer = nn.Conv2d(i, o, kernel, stride, bias=bias)
    nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    if bias: nn.init.zeros_(layer.bias)
    return layer


def same(v, stride):  # TensorFlow's padding of a 3x3 kernel on an even map
    return F.pad(v, (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1))


class Block(nn.Module):
    def __init__(s, i, o, stride):
        super().__init__()
        s.stride, s.c1, s.n1, s.c2, s.n2 = stride, conv(i, o, 3, stride), nn.BatchNorm2d(o), conv(o, o), nn.BatchNorm2d(o)
        s.short = conv(i, o, 1, stride, True) if stride != 1 else nn.Identity()

    def forward(s, v):
        u = F.relu(s.n1(s.c1(same(v, s.stride))))
        return F.relu(s.short(v) + s.n2(s.c2(same(u, 1))))


class ResNet8(nn.Module):
    def __init__(s):
        super().__init__()
        s.stem, s.norm = conv(3, 16), nn.BatchNorm2d(16)
        s.blocks = nn.Sequential(Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2))
        s.fc = nn.Linear(64, 10)

    def forward(s, v):
        v = F.relu(s.norm(s.stem(same((v - mean) / deviation, 1))))
        return s.fc(s.blocks(v).mean((2, 3)))


def augmented(v):
    v = torch.where((torch.rand(len(v)) < 0.5)[:, None, None, None], v.flip(3), v)
    padded, moved = F.pad(v, (4, 4, 4, 4)), torch.randint(0, 9, (len(v), 2))
    return torch.stack([padded[i, :, r : r + 32, c : c + 32] for i, (r, c) in enumerate(moved.tolist())])


net, batch = ResNet8(), min(128, len(x))
steps = len(x) // batch
optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps * epochs, cycle_momentum=False)
start = time.time()
for epoch in range(epochs):
    net.train()
    order, total, begin = torch.randperm(len(x)), 0.0, time.time()
    for i in range(steps):
        now = order[i * batch : (i + 1) * batch]
        loss = F.cross_entropy(net(augmented(x[now])), y[now])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        if epoch * steps + i + 1 < epochs * steps: schedule.step()
        total += loss.item()
    print(f"epoch {epoch + 1:>2}: loss {total / steps:.4f}, {time.time() - begin:.1f} s", flush=True)
seconds = time.time() - start
net.eval()
with torch.no_grad():
    right = sum((net(x_test[i : i + 500]).argmax(1) == y_test[i : i + 500]).sum().item() for i in range(0, len(x_test), 500))
print(f"{sum(p.numel() for p in net.parameters())} weights, test accuracy {100 * right / len(x_test):.2f} %, {seconds:.1f} s")
