#!/usr/bin/env python3
"""symbols.py FILE...: fails when an archive or program refers to the heap, to exceptions or to RTTI."""
import re
import subprocess
import sys

FORBIDDEN = re.compile(r'^(operator (new|delete)|(malloc|calloc|realloc|free|aligned_alloc)(@|$)|__cxa_|_Unwind_|__gxx_|'
                       r'vtable for __cxxabiv1|typeinfo )')
FOUND_ANYWHERE = re.compile(r'sparlet::rt::run\(')  # a listing without it was not of the runtime

bad = False
for path in sys.argv[1:]:
    listing = subprocess.run(['nm', '-C', path], capture_output=True, text=True, check=True).stdout
    names = [re.sub(r'^[0-9a-f]*\s+[a-zA-Z]\s+', '', line) for line in listing.splitlines()]
    if not any(FOUND_ANYWHERE.match(n) for n in names):
        sys.exit(f'{path}: no runtime in here')
    # The C start-up code registers its own destructors; it brings no heap.
    hits = sorted({n for n in names if FORBIDDEN.match(n) and not n.startswith('__cxa_finalize')})
    for hit in hits:
        print(f'{path}: refers to {hit}', file=sys.stderr)
    bad = bad or bool(hits)
sys.exit(1 if bad else 0)
