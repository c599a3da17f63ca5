#!/usr/bin/env python3
"""A module in src/ includes only itself and modules above it in MODULES (docs/design.md); runtime/
includes nothing of ours and of the C++ library nothing but headers that every device has."""
import re
import sys
from pathlib import Path

MODULES = ["runtime", "tensor", "autograd", "data", "nn", "sparse", "quant", "deploy", "cost", "search", "cli"]
FREESTANDING = {"stddef.h", "stdint.h", "string.h", "limits.h", "math.h", "cstddef", "cstdint", "cstring",
                "climits", "cmath", "assert.h", "cassert"}
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)


def violations(files):
    """{path from src/: text} -> messages."""
    found = []
    for path, text in sorted(files.items()):
        module = path.split("/")[0]
        if module not in MODULES:
            found.append(f"{path}: no module '{module}' in tests/layering.py")
            continue
        for kind, target in INCLUDE.findall(text):
            if kind == "<":
                if module == "runtime" and target not in FREESTANDING:
                    found.append(f"{path}: runtime/ includes <{target}>")
                continue
            if target not in files:
                found.append(f'{path}: "{target}" is no file of src/; includes are from src/')
                continue
            other = target.split("/")[0]
            if MODULES.index(other) > MODULES.index(module):
                found.append(f"{path}: {module}/ includes {target}, which is below it")
            elif module == "runtime" and other != "runtime":
                found.append(f"{path}: runtime/ includes {target}")
    return found


def check_the_checker():
    good = {"tensor/a.h": "#include <vector>\n", "nn/b.h": '#include "tensor/a.h"\n', "runtime/r.h": "#include <stdint.h>\n"}
    assert violations(good) == []
    for path, text in (("tensor/c.h", '#include "nn/b.h"'), ("runtime/r.cpp", "#include <vector>"),
                       ("nn/d.cpp", '#include "b.h"'), ("other/e.h", "")):
        assert len(violations({**good, path: text})) == 1, path


def main():
    check_the_checker()
    source = Path(__file__).resolve().parent.parent / "src"
    files = {str(path.relative_to(source)): path.read_text(encoding="utf-8")
             for path in source.rglob("*") if path.suffix in (".h", ".cpp", ".inc")}
    found = violations(files)
    print("\n".join(found) if found else f"{len(files)} files in order")
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main())
