#!/usr/bin/env python3
"""The C++ in README.md is the body of main() in examples/readme.cpp, which the build compiles; and every
file that README.md and docs/ name is there."""
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = re.compile(r"(?:src|examples|scripts|tests|docs)/[\w/.-]*\w")


def main():
    found = []
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    body = (ROOT / "examples/readme.cpp").read_text(encoding="utf-8").split("int main() {\n")[1].rsplit("}\n", 1)[0]
    shown = re.search(r"```cpp\n(.*?)```", readme, re.DOTALL).group(1)
    if textwrap.dedent(body).strip() != shown.strip():
        found.append("README.md: its C++ example is not the body of examples/readme.cpp")
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        # What is built is not there before the build.
        for name in sorted(set(FILE.findall(re.sub(r"build[\w-]*/\S*", "", text)))):
            if not (ROOT / name).exists():
                found.append(f"{page.relative_to(ROOT)}: names {name}, which is not there")
    print("\n".join(found) if found else "in order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
