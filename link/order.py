#!/usr/bin/env python3
"""Writes the linker script that puts what an agent really runs next to each other.

    link/order.py BINARY CALLGRIND_OUT... > link/first.ld

BINARY has symbols; the others are what callgrind (`--dump-instr=yes`) wrote of runs of it. `make link-order` does it all.

Of 24 MB of code an idle agent runs 2 MB, in functions that lie all over it. The kernel maps 64 KB around each page that is
touched, so that half of the program was resident: 19 MB for an agent with one file. Side by side, they make 9 to 10 MB of that.
"""

import bisect
import collections
import re
import subprocess
import sys

# Code that is put first though it was not run costs nothing but its place; what is left elsewhere costs a piece of 64 KB
# for each function, unless it shares one.
WASTE_BYTES = 48 * 1024

# Longer names are told apart by so much of them.
LONGEST = 240

HEAD = """/* Written by link/order.py: `make link-order`. Functions that an agent runs, as they are called in object files; `*` stands
   for what changes with each version of a crate, and names that no longer exist do no harm. */
SECTIONS
{
  .text.first :
  {
    *libtikv_jemalloc*:*(.text .text.*)
"""
TAIL = """  }
}
INSERT BEFORE .text;
"""


def functions(binary):
    """(address, size, names) of each function, by address: those that came out alike are one, which has the names of all."""
    listing = subprocess.run(["nm", "--print-size", "--defined-only", binary], check=True, capture_output=True, text=True)
    rows = (line.split() for line in listing.stdout.splitlines())
    found = {}
    for row in rows:
        if len(row) == 4 and row[2] in "tTwW":
            found.setdefault(int(row[0], 16), (int(row[1], 16), set()))[1].add(row[3])
    return [(address, size, sorted(names)) for address, (size, names) in sorted(found.items())]


def executed(path, binary_name):
    """Addresses of the instructions that were run, in the binary."""
    objects, here, in_call, address, found = {}, False, False, 0, set()
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            named = re.match(r"c?ob=\((\d+)\)(?: (.*))?", line)
            if named:
                if named[2]:
                    objects[named[1]] = named[2].rstrip().endswith(binary_name)
                if line.startswith("ob="):
                    here = objects[named[1]]
                continue
            if line.startswith("calls="):
                in_call = True
                continue
            place = re.match(r"(0x[0-9a-f]+|[+-]\d+|\*)\s", line)
            if not place:
                continue
            if place[1].startswith("0x"):
                address = int(place[1], 16)
            elif place[1] != "*":
                address += int(place[1])
            if here and not in_call:
                found.add(address)
            in_call = False
    return found


def pattern(name):
    """A name as it will be called in the next version, too."""
    name = re.sub(r"\.llvm\.\d+$", "", name)
    name = re.sub(r"17h[0-9a-f]{16}E.*$", "17h*", name)
    name = re.sub(r"Cs[0-9A-Za-z]{1,13}_(?=\d)", "Cs*_", name)
    name = name.replace("$", "?")
    return name if len(name) <= LONGEST else name[:LONGEST] + "*"


def main():
    binary, outs = sys.argv[1], sys.argv[2:]
    table = functions(binary)
    starts = [address for address, _, _ in table]
    all_of, run_of, count = collections.Counter(), collections.Counter(), collections.Counter()
    for _, size, names in table:
        for key in set(map(pattern, names)):
            all_of[key] += size
    runs, seen = [], set()
    for out in outs:
        run = {bisect.bisect_right(starts, address) - 1 for address in executed(out, binary.rsplit("/", 1)[-1])}
        keys = []
        for at in sorted(run - seen):
            _, size, names = table[at]
            # Which of them its section is called by is anybody's guess.
            for key in sorted(set(map(pattern, names))):
                run_of[key] += size
                count[key] += 1
                keys.append(key)
        seen |= run
        runs.append(keys)
    kept = {}
    # What every agent runs before what only some do.
    for keys in runs:
        new = [key for key in dict.fromkeys(keys) if key not in kept and all_of[key] - run_of[key] < WASTE_BYTES * count[key]]
        # What is run as a whole first, so that it is not pulled apart by what is not.
        kept.update((key, None) for key in new if all_of[key] <= 2 * run_of[key])
        kept.update((key, None) for key in new if all_of[key] > 2 * run_of[key])
    sys.stdout.write(HEAD)
    for key in kept:
        end = "" if key.endswith("*") else "*"
        # What is seldom run, as the compiler thinks, is called so.
        sys.stdout.write(f"    *(.text.{key}{end} .text.unlikely.{key}{end})\n")
    sys.stdout.write(TAIL)
    kilobytes = sum(size for _, size, names in table if any(pattern(name) in kept for name in names)) // 1024
    run_kilobytes = sum(table[at][1] for at in seen) // 1024
    print(f"{len(kept)} names, {kilobytes} KB, of which {run_kilobytes} KB were run", file=sys.stderr)


if __name__ == "__main__":
    main()
