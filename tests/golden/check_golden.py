"""Today's mnemed serves data of every earlier version.

usage: check_golden.py PROGRAMS
"""
import json
import math
import pathlib
import subprocess
import sys
import tarfile
import tempfile

from golden import Daemon

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 1e-5  # of recalls: another kernel may sum in another order


def differences(expected, got):
    for memory, answers in expected.items():
        if answers["lists"] != got[memory]["lists"]:
            yield f"{memory}: lists {got[memory]['lists']}, expected {answers['lists']}"
        for i, (a, b) in enumerate(zip(answers["recalls"], got[memory]["recalls"], strict=True)):
            if not all(math.isclose(x, y, rel_tol=TOLERANCE, abs_tol=TOLERANCE) for x, y in zip(a, b, strict=True)):
                yield f"{memory}: recall {i} is {b}, expected {a}"


def check(programs, archive):
    expected = json.loads(archive.with_name(archive.name.replace(".tar.gz", ".json")).read_text(encoding="utf-8"))
    found = []
    with tempfile.TemporaryDirectory() as work:
        with tarfile.open(archive) as tar:
            tar.extractall(work)
        told = subprocess.run([programs / "mnemed", "upgrade-check", f"{work}/data", "--json"], capture_output=True, text=True, check=False)
        if told.returncode != 0 or not json.loads(told.stdout)["served"]:
            found.append(f"upgrade-check: {told.stdout}{told.stderr}")
        with Daemon(programs, work, "--http.listen=none") as daemon:
            found += differences(expected, daemon.answers(expected))
            # Written anew by today's version, and read back.
            daemon.ctl("memory", "update", "auto", "--description", "changed")
            daemon.ctl("store", "auto", "-", text='{"id": "new", "key": [9, 9, 9, 9]}')
            daemon.ctl("items", "delete", "auto", "new")
        with Daemon(programs, work, "--http.listen=none") as daemon:
            found += differences(expected, daemon.answers(expected))
            if "changed" not in daemon.ctl("memory", "describe", "auto", "--json"):
                found.append("auto: the new description is gone")
    return found


def main():
    programs = pathlib.Path(sys.argv[1])
    archives = sorted((HERE / "data").glob("v*.tar.gz"))
    if not archives:
        raise SystemExit("no golden data")
    failed = False
    for archive in archives:
        found = check(programs, archive)
        print(f"{archive.name}: {'served' if not found else found}")
        failed = failed or bool(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
