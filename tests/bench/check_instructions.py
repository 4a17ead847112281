#!/usr/bin/env python3
"""Counts instructions of hot kernels and whole answers with callgrind and compares them with the stored counts.

    check_instructions.py PROGRAM BUILD [--update] [--counts FILE]

PROGRAM is mneme-instructions; BUILD names compiler and flags, as counts differ between them. A case that takes more
than MARGIN beyond its stored count fails; one that takes less by as much asks for an update, and does not fail. Counts
are kept by instruction set: valgrind 3.19 shows programs AVX2 at most, whatever the machine has.

Exit codes: 0 fine, 1 a case became dearer, 77 skipped (no valgrind, or no counts for this build).
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

MARGIN = 0.10
SKIPPED = 77
COUNTED = re.compile(r"Collected\s*:\s*(\d+)")


def count(program, case):
    """(instruction set, instructions) of one case."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--toggle-collect=MeasuredWork", "--callgrind-out-file=/dev/null",
             program, case],
            capture_output=True, text=True, cwd=folder, check=False)
    found = COUNTED.search(done.stderr)
    if done.returncode != 0 or found is None or int(found.group(1)) == 0:
        sys.exit(f"{case}: valgrind counted nothing (exit code {done.returncode}):\n{done.stderr[-2000:]}")
    return done.stdout.strip(), int(found.group(1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("build")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--counts", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "instructions.json"))
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("SKIPPED: no valgrind here, instructions are not counted")
        return SKIPPED
    with open(arguments.counts, encoding="utf-8") as file:
        stored = json.load(file)
    program = os.path.abspath(arguments.program)
    cases = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    failed = False
    known = False
    for case in cases:
        instruction_set, counted = count(program, case)
        of_build = stored.setdefault(f"{instruction_set}, {arguments.build}", {})
        before = of_build.get(case)
        if arguments.update:
            of_build[case] = counted
            print(f"{case}: {counted:,}")
            continue
        if before is None:
            print(f"{case}: {counted:,} instructions; no count is stored for {instruction_set}, {arguments.build}")
            continue
        known = True
        change = counted / before - 1
        verdict = "fine"
        if change > MARGIN:
            verdict, failed = f"DEARER by more than {MARGIN:.0%}: find out why, or store the new count with --update", True
        elif change < -MARGIN:
            verdict = "cheaper: store the new count with --update"
        print(f"{case}: {counted:,} instructions, {change:+.1%} of the stored {before:,}: {verdict}")
    if arguments.update:
        with open(arguments.counts, "w", encoding="utf-8") as file:
            json.dump(stored, file, indent=1, sort_keys=True)
            file.write("\n")
        return 0
    if not known:
        print("SKIPPED: no counts are stored for this build")
        return SKIPPED
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
