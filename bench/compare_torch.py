#!/usr/bin/python3
"""sparlet beside PyTorch on the reference nets: both in turns on one pinned core, the smallest of all rounds.

usage: compare_torch.py [--bench build/bench/bench_nn] [--rounds N] [--only REGEX] [--core K] [--budget SECONDS]
                        [--kernels NAME] [--markdown]                 (apt: python3-torch; run with /usr/bin/python3)

stock    PyTorch as it comes. On CPUs that OpenBLAS does not know this is its AVX2 code.
best     the fastest of stock and the expert settings of torch_baseline.py (AVX-512 cores, channels_last or not, malloc).
ratio    PyTorch's time / sparlet's: above 1, sparlet is faster.
Both sides count processor time of one thread: other work on the machine then disturbs through caches and clock only.
"""
import argparse, json, os, re, subprocess, sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXPERT = dict(OPENBLAS_CORETYPE="SkylakeX", ATEN_CPU_CAPABILITY="avx512", MALLOC_MMAP_THRESHOLD_="1073741824",
              MALLOC_TRIM_THRESHOLD_="1073741824", MALLOC_TOP_PAD_="268435456", SPARLET_CL="1")
NETS = ("lenet", "tiny", "lstm", "mlp", "chain", "resnet8", "gru")
CASES = [f"train_step/{net}/b{b}" for net in NETS for b in (1, 32, 128)] + [f"infer/{net}/b{b}" for net in NETS for b in (1, 32)]


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bench", default="build/bench/bench_nn")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--only", default=".")
    p.add_argument("--core", type=int)
    p.add_argument("--budget", type=float, default=0.3)
    p.add_argument("--kernels", default="")
    p.add_argument("--markdown", action="store_true")
    return p.parse_args()


def ours(args, only):
    env = {**os.environ, "OMP_NUM_THREADS": "1", "SPARLET_KERNELS": args.kernels}
    out = subprocess.run([args.bench, f"--benchmark_filter={only}", "--benchmark_format=json",
                          f"--benchmark_min_time={args.budget}"], env=env, capture_output=True, text=True, check=True)
    return {b["name"]: b["cpu_time"] for b in json.loads(out.stdout)["benchmarks"]}


def torch(args, only, extra):
    env = {**os.environ, "OMP_NUM_THREADS": "1", **extra}
    out = subprocess.run(["/usr/bin/python3", HERE / "torch_baseline.py", "--only", only, "--budget", str(args.budget)],
                         env=env, capture_output=True, text=True, check=True)
    return json.loads(out.stdout)


def main():
    args = arguments()
    if args.core is not None:
        os.sched_setaffinity(0, {args.core})
    cases = [c for c in CASES if re.search(args.only, c)]
    if not cases:
        sys.exit(f"compare_torch.py: no case matches '{args.only}', there are {', '.join(CASES)}")
    without = {k: v for k, v in EXPERT.items() if k != "SPARLET_CL"}
    least = {name: {} for name in ("sparlet", "stock", "best")}

    def keep(name, times):
        for case, us in times.items():
            least[name][case] = min(us, least[name].get(case, us))

    for case in cases:  # in turns, so that both see the same machine
        only = f"^{case}$"
        for _ in range(args.rounds):
            keep("sparlet", ours(args, only))
            stock = torch(args, only, {})
            keep("stock", stock)
            for times in (stock, torch(args, only, EXPERT), torch(args, only, without)):
                keep("best", times)
        a, b, c = (least[name][case] for name in ("sparlet", "stock", "best"))
        row = (case, f"{a:.1f}", f"{b:.0f}", f"{c:.0f}", f"{b / a:.1f}", f"{c / a:.1f}")
        if case == cases[0]:
            head = ("case", "sparlet us", "stock us", "best us", "x stock", "x best")
            print("| " + " | ".join(head) + " |\n|" + "---|" * 6 if args.markdown
                  else "{:22}{:>12}{:>12}{:>12}{:>10}{:>10}".format(*head))
        print("| " + " | ".join(row) + " |" if args.markdown else "{:22}{:>12}{:>12}{:>12}{:>10}{:>10}".format(*row), flush=True)


if __name__ == "__main__":
    main()
