#!/usr/bin/env python3
"""What each search method finds on MNIST in the same time: hypervolume of the front (validation error, size, working
memory; the box of examples/mnist.toml) minute by minute.

usage: mnist_methods.py MNIST_FOLDER [--out runs/mnist_methods] [--minutes 8] [--workers 2] [--seeds 1,2,3]
                        [--methods auto,sparse,random,aging,auto-without-morphs] [--tool build/src/cli/sparlet]

Runs one search after another, those that --out has no result of, and looks at its database every two seconds. Paused
trials of successive halving count: they are nets that were measured as they would ship. Then writes methods.csv and
methods.svg there and prints the table. All methods train up to 7 epochs; `sparse` has 24 Sobol trials, 48 of the Gaussian
process, then morphs until the time is over. Smoke: --minutes 0.3 --seeds 1
"""
import argparse
import json
import math
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BOX = {"error": (0.008, 0.04), "size": (1500, 4000), "memory": (1500, 4000)}  # ideal, reference: examples/mnist.toml
LOGARITHMIC = {"size", "memory"}  # as the search compares them
EVERY = ["--trials", "100000"]
METHODS = {
    "auto": ["--method", "auto", *EVERY],
    "sparse": ["--method", "sparse", "--set", "search.r1=24", "--set", "search.r2=48", "--set", "search.r3=10000", *EVERY],
    "random": ["--method", "random", *EVERY],
    "aging": ["--method", "aging", *EVERY],
    "auto-without-morphs": ["--method", "auto", "--set", "search.morphisms=false", *EVERY],
}
COLOURS = {"auto": "#c02020", "sparse": "#e09020", "random": "#808080", "aging": "#2060c0", "auto-without-morphs": "#c080c0"}


def hypervolume(points):
    """Of points in the unit cube (three smaller-is-better numbers) to (1, 1, 1): slices along the last, exact."""
    points = sorted((p for p in points if max(p) < 1), key=lambda p: p[2])
    volume = 0.0
    for i, p in enumerate(points):
        top = points[i + 1][2] if i + 1 < len(points) else 1.0
        area, lowest = 0.0, 1.0
        for x, y in sorted((q[0], q[1]) for q in points[:i + 1]):
            if y < lowest:
                area += (1 - x) * (lowest - y)
                lowest = y
        volume += area * (top - p[2])
    return volume


def scaled(name, value):
    """0 at the ideal (and below: no better), 1 at the reference."""
    ideal, reference = BOX[name]
    if name in LOGARITHMIC:
        ideal, reference, value = math.log(ideal), math.log(reference), math.log(value)
    return max(0.0, (value - ideal) / (reference - ideal))


def found(database):
    """Nets measured so far, and the hypervolume of their front."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10) as db:
        rows = db.execute(f"SELECT {', '.join(BOX)} FROM trials WHERE status IN ('done', 'paused', 'running') "
                          "AND error IS NOT NULL").fetchall()
    return len(rows), hypervolume([tuple(map(scaled, BOX, row)) for row in rows])


def run(args, method, seed):
    """[[seconds, nets, hypervolume], ...] of one search; kept in a file."""
    result = args.out / f"{method}-{seed}.json"
    key = {"minutes": args.minutes, "workers": args.workers}
    if result.exists():
        kept = json.loads(result.read_text())
        if kept["options"] == key:
            return kept["found"]
    folder = args.out / f"{method}-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    command = [args.tool, "search", HERE.parent.parent / "examples/mnist.toml", "--set", f"data.path={args.mnist}", "--out",
               folder, "--seed", seed, "--minutes", args.minutes, "--workers", args.workers, *METHODS[method]]
    with open(args.out / f"{method}-{seed}.log", "w") as log:
        start, trace = time.monotonic(), []
        search = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log)
        while search.poll() is None:
            time.sleep(2)
            if (folder / "run.db").exists():
                try:
                    trace.append([time.monotonic() - start, *found(folder / "run.db")])
                except sqlite3.Error:  # being made
                    pass
    if search.returncode != 0:
        sys.exit(f"mnist_methods.py: {method}, seed {seed}: exit {search.returncode}, see {log.name}")
    trace.append([time.monotonic() - start, *found(folder / "run.db")])
    result.write_text(json.dumps({"options": key, "found": trace}))
    return trace


def at(trace, seconds):
    before = [row for row in trace if row[0] <= seconds]
    return (before[-1][1], before[-1][2]) if before else (0, 0.0)


def svg(curves, minutes):
    """Lines of means over time; `curves`: by method, [(minute, mean, least, most)]."""
    top = max(most for curve in curves.values() for _, _, _, most in curve) or 1
    place = lambda m, v: f"{60 + 560 * m / minutes:.1f},{340 - 300 * v / top:.1f}"
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="820" height="400" font-family="sans-serif" font-size="13">',
           '<rect width="820" height="400" fill="white"/>',
           f'<path d="M60,40 V340 H620" fill="none" stroke="black"/>',
           '<text x="60" y="25">hypervolume (mean; shade: least and most of the seeds)</text>']
    for tick in range(6):
        out.append(f'<text x="52" y="{344 - 60 * tick}" text-anchor="end">{top * tick / 5:.2f}</text>')
    for tick in range(9):
        out.append(f'<text x="{60 + 70 * tick}" y="360" text-anchor="middle">{minutes * tick / 8:g}</text>')
    out.append('<text x="340" y="382" text-anchor="middle">minutes</text>')
    for number, (method, curve) in enumerate(curves.items()):
        band = [place(m, most) for m, _, _, most in curve] + [place(m, least) for m, _, least, _ in reversed(curve)]
        out.append(f'<path d="M{" L".join(band)} Z" fill="{COLOURS[method]}" opacity="0.12"/>')
        out.append(f'<path d="M{" L".join(place(m, v) for m, v, _, _ in curve)}" fill="none" stroke="{COLOURS[method]}" '
                   'stroke-width="2"/>')
        out.append(f'<text x="636" y="{60 + 22 * number}" fill="{COLOURS[method]}">{method}</text>')
    return "\n".join(out + ["</svg>", ""])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("mnist", type=Path)
    p.add_argument("--out", type=Path, default=Path("runs/mnist_methods"))
    p.add_argument("--minutes", type=float, default=8)
    p.add_argument("--workers", type=int, default=2)
    p.add_argument("--seeds", default="1,2,3")
    p.add_argument("--methods", default=",".join(METHODS))
    p.add_argument("--tool", type=Path, default=Path("build/src/cli/sparlet"))
    args = p.parse_args()
    if not args.mnist.is_dir():
        print(f"skipped: no folder {args.mnist} with the MNIST files")
        return
    methods, seeds = args.methods.split(","), [int(s) for s in args.seeds.split(",")]
    for method in methods:
        if method not in METHODS:
            p.error(f"--methods: '{method}' is none of {', '.join(METHODS)}")
    args.out.mkdir(parents=True, exist_ok=True)
    traces = {method: [] for method in methods}
    for seed in seeds:  # a cut study has all methods of the first seeds
        for method in methods:
            traces[method].append(run(args, method, seed))
    marks = [args.minutes * k / 8 for k in range(1, 9)]
    print("| minute | " + " | ".join(methods) + " |\n|" + "---|" * (len(methods) + 1))
    lines = ["method,seed,minute,nets,hypervolume"]
    for mark in marks:
        cells = []
        for method in methods:
            values = [at(trace, 60 * mark)[1] for trace in traces[method]]
            spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.3f}{spread}")
        print(f"| {mark:g} | " + " | ".join(cells) + " |")
    print("| nets | " + " | ".join(f"{statistics.mean(trace[-1][1] for trace in traces[m]):.0f}" for m in methods) + " |")
    for method in methods:
        for seed, trace in zip(seeds, traces[method]):
            for k in range(1, 33):
                nets, volume = at(trace, 60 * args.minutes * k / 32)
                lines.append(f"{method},{seed},{args.minutes * k / 32:g},{nets},{volume:.5f}")
    curves = {}
    for method in methods:
        curves[method] = []
        for k in range(65):
            values = [at(trace, 60 * args.minutes * k / 64)[1] for trace in traces[method]]
            curves[method].append((args.minutes * k / 64, statistics.mean(values), min(values), max(values)))
    (args.out / "methods.csv").write_text("\n".join(lines) + "\n")
    (args.out / "methods.svg").write_text(svg(curves, args.minutes))
    print(f"{args.out}: methods.csv, methods.svg")


if __name__ == "__main__":
    main()
