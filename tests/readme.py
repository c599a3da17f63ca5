#!/usr/bin/env python3
"""The C++ in README.md is the body of main() in examples/readme.cpp, which the build compiles."""
import re
import sys
import textwrap
from pathlib import Path

root = Path(__file__).resolve().parent.parent
body = (root / "examples/readme.cpp").read_text().split("int main() {\n")[1].rsplit("}\n", 1)[0]
shown = re.search(r"```cpp\n(.*?)```", (root / "README.md").read_text(), re.DOTALL).group(1)
if textwrap.dedent(body).strip() != shown.strip():
    sys.exit("README.md: its C++ example is not the body of examples/readme.cpp")
