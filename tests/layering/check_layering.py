#!/usr/bin/env python3
"""Compares every #include, and a few other habits, with the rules below. Prints each breach and exits with 1.

    check_layering.py [ROOT]     ROOT is the repository; by default the one this file is in

A folder that has no row in LAYERS is a breach too: whoever adds one says here what it may use.
"""

import functools
import os
import re
import sys
from dataclasses import dataclass

# The one table. A folder may include itself and what stands right of it, nothing else: first our own folders, then
# libraries. Standard and system headers are free.
BASE = ["core/base"]
MATH = ["core/math", *BASE]
# The laws are pure functions, so that a model may ask them (is this load past collapse?).
MODELS = ["core/models", "core/models/index", "core/learning", "core/theory", *MATH]
ENGINE = ["core/analysis", "core/dynamics", "core/engine", "core/federation", "core/filter", "core/storage", *MODELS]
CLIENT = ["client/cpp", "proto"]
ALL_LIBRARIES = ["absl", "cli11", "grpc", "gtest", "json", "openblas", "openssl", "rocksdb", "spdlog", "xxhash", "yaml"]

LAYERS = {
    # folder              our own                                          libraries
    "core/base":         ([],                                              ["absl"]),
    "core/math":         ([*BASE],                                         ["absl", "hwy", "openblas"]),
    "core/learning":     ([*MATH],                                         ["absl"]),
    "core/models":       ([*MODELS],                                       ["absl"]),
    "core/models/index": ([*MODELS],                                       ["absl", "hnswlib"]),
    "core/theory":       ([*MATH],                                         ["absl"]),
    "core/dynamics":     ([*MODELS],                                       ["absl"]),
    "core/analysis":     (["core/dynamics", *MODELS],                      ["absl"]),
    "core/federation":   ([*MODELS],                                       ["absl"]),
    "core/filter":       ([*BASE],                                         ["absl"]),
    "core/storage":      ([*BASE],                                         ["absl", "rocksdb"]),
    "core/engine":       ([*ENGINE],                                       ["absl"]),
    "server/config":     ([*BASE, "core/engine", "core/federation", "core/storage"], ["absl", "cli11", "yaml"]),
    "server/observe":    ([*BASE, "core/engine", "server/config"],         ["absl", "prometheus", "spdlog", "systemd"]),
    "server/auth":       ([*BASE, "server/config", "proto"],               ["absl", "grpc", "json", "openssl", "spdlog", "yaml"]),
    "server/tracing":    ([*BASE, "core/engine", "server/auth", "server/config", "server/observe"], ["absl", "grpc"]),
    "server/net":        ([*BASE, "server/observe"],                       ["absl", "grpc", "json"]),
    "server/rpc":        (["server/auth", "server/config", "server/net", "server/observe", "server/tracing", "proto", *ENGINE], ["absl", "grpc", "xxhash"]),
    "server/peer":       (["server/auth", "server/config", "server/net", "server/observe", "server/rpc", "proto", *ENGINE], ["absl", "grpc"]),
    "server/http":       ([*BASE, "core/engine", "server/net", "server/observe", "server/rpc", "proto"],
                                                                           ["absl", "grpc", "json", "microhttpd", "prometheus"]),
    "server/offline":    (["server/config", *ENGINE],                       ["absl", "json"]),
    "server":            (["server/auth", "server/config", "server/http", "server/net", "server/observe", "server/offline", "server/peer", "server/rpc", "server/tracing", *ENGINE],
                                                                           ["absl", "cli11", "grpc", "spdlog"]),
    "client":            ([*CLIENT],                                       ["absl", "grpc"]),
    "client/cpp":        (["proto"],                                       ["absl", "grpc"]),
    "client/plot":       ([],                                              ["absl"]),
    "client/cli":        (["client/plot", *CLIENT],                        ["absl", "cli11", "grpc", "json", "openssl"]),
    "client/demo":       (["client/cli", *CLIENT],                         ["absl", "cli11", "json"]),
    "tests/lab":         (["client/plot", *ENGINE],                        ["absl", "cli11", "json"]),
    "tests/papers":      ([],                                              ["gtest", "json"]),
    "tests/integration": (["tests/support", *ENGINE, *CLIENT],             ["absl", "grpc", "gtest", "json", "openssl"]),
    "tests/faults":      (["tests/integration", "tests/support", *ENGINE, *CLIENT],
                                                                           ["absl", "grpc", "gtest", "json", "rocksdb"]),
    "tests/sim":         (["core/federation", *MATH],                      ["absl", "gtest"]),
    "tests/fuzz":        (["client/cli", "server/auth", "server/config", "server/net", "server/observe", "server/peer", "server/rpc", *ENGINE, *CLIENT], ALL_LIBRARIES),
    "tests/install":     (["client/cpp", "proto"],                         ["absl", "grpc"]),
    "tests/support":     ([*BASE, *CLIENT],                                ["absl", "grpc", "gtest", "json", "openssl", "rocksdb"]),
    "tests/bench":       (["client/plot", "tests/support", "server/rpc", "server/observe", "server/tracing", *ENGINE, *CLIENT],
                                                                           [*ALL_LIBRARIES, "benchmark", "faiss", "hnswlib", "usearch"]),
}
# tests/unit/X may include X, what X may include, GoogleTest, and helpers beside it or in a folder above it.
UNIT = "tests/unit/"
UNIT_ALSO = {
    "core/engine": ["tests/unit/core/filter"],  # attributes as they are stored
    "core/models": ["tests/unit/core/models/dense", "tests/unit/core/models/index"],  # rows and their plain truth
    "core/storage": ["tests/support"],  # the disk that fails
    # The contract of a coordinator, and a real etcd; an engine beside a neighbour that is made up.
    "server": ["proto", "tests/sim", "tests/support", "tests/unit/core/engine"],
    "client/cli": ["tests/support"],  # certificates
    "server/auth": ["proto", "tests/support"],  # certificates, and connections
    "server/tracing": ["tests/support"],  # a collector
}

# How an include that is not ours is recognised.
LIBRARIES = {
    "absl": r"absl/",
    "benchmark": r"benchmark/",
    "cli11": r"CLI/",
    "faiss": r"faiss/",
    "grpc": r"(grpc|grpcpp|grpc\+\+|google/protobuf)/|\w+(\.grpc)?\.pb\.h$",  # the latter: a test's own .proto
    "gtest": r"(gtest|gmock)/",
    "hnswlib": r"hnswlib/",
    "hwy": r"hwy/",
    "json": r"nlohmann/",
    "microhttpd": r"microhttpd\.h$",
    "openssl": r"openssl/",
    "openblas": r"(cblas|lapacke|openblas_config)\.h$",
    "prometheus": r"prometheus/",
    "rocksdb": r"rocksdb/",
    "spdlog": r"spdlog/",
    "systemd": r"systemd/",
    "usearch": r"usearch/",
    "xxhash": r"xxhash\.h$",
    "yaml": r"yaml-cpp/",
}
SYSTEM = re.compile(r"^([a-z0-9_]+(\.h)?|(arpa|linux|net|netinet|sys)/[a-z0-9_]+\.h)$")

# In core, only storage touches files. (Of <sys/mman.h> others may take what is about memory: mmap is found as a call.)
# (`open` alone is a fair name for a method, and needs <fcntl.h>.)
FILE_CALL = re.compile(
    r"(?<![\w.>:])(?:std::|::)?"
    r"(?:fopen|freopen|openat|creat|pread|pwrite|preadv|pwritev|mmap|fsync|fdatasync|ftruncate|rename|unlink|mkdir|"
    r"opendir|mkstemp)\s*\(|(?<![\w.>:])::open\s*\(|\bstd::(?:basic_)?[io]?fstream\b|\bstd::filesystem\b"
)
FILE_HEADERS = {"fstream", "filesystem", "fcntl.h", "dirent.h", "sys/stat.h"}

# Spelled in pieces so that this file does not break its own rule.
MACHINE_PATH = re.compile("(?<![\\w.$}])(?:" + "|".join(["/" + "work/", "/" + "root/", "/" + "home/\\w"]) + ")")
NAMELESS = re.compile("\\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]) + ")\\b(?!\\([a-z][\\w.-]*\\))")

# A path in backticks in a page of documentation, from the repository root: to a file or, with a slash at its end, a folder.
NAMED_PATH = re.compile(r"`((?:\.ci|client|cmake|core|deploy|docs|proto|server|tests)/[\w./{},-]*(?:\.[\w{},]+|/))`")

# A test in backticks in README.md: Suite.Name, or Suite.* for all of a suite.
NAMED_TEST = re.compile(r"`([A-Z]\w+)\.([A-Z]\w+|\*)`")
TEST_CASE = re.compile(r"\bTEST(?:_F|_P)?\((\w+),\s*(\w+)\)")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
CODE = (".h", ".cc", ".inc")
TEXT = CODE + (".cmake", ".json", ".md", ".proto", ".py", ".sh", ".txt", ".yaml", ".yml", "")
SKIPPED_FOLDERS = {".git", ".cache", "build", "node_modules", "__pycache__"}
NOT_OURS = ("proto/google/",)


@dataclass(frozen=True)
class Breach:
    path: str
    line: int
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text}"


def files(root):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
        for name in sorted(names):
            yield os.path.relpath(os.path.join(folder, name), root)


def layer_of(path):
    """The longest row of LAYERS that holds this path; None if there is none."""
    folder = os.path.dirname(path)
    while folder:
        if folder in LAYERS:
            return folder
        folder = os.path.dirname(folder)
    return None


def allowed(path):
    """(folder, ours, libraries) for a source file; None when no row tells."""
    if path.startswith(UNIT):
        mirrored = layer_of(path[len(UNIT):])
        if mirrored is None:
            return None
        ours, libraries = LAYERS[mirrored]
        return os.path.dirname(path), [mirrored, *ours, *UNIT_ALSO.get(mirrored, [])], [*libraries, "gtest"]
    folder = layer_of(path)
    return None if folder is None else (folder, *LAYERS[folder])


def target_of(include):
    """("ours", folder), ("library", name), ("system", ...) or (None, ...) of an include."""
    if re.match(r"(mneme/v\d|google/(rpc|longrunning))/.*\.pb\.h$", include):
        return "ours", "proto"
    if include.startswith("mneme/"):
        return "ours", "client/cpp"
    if re.match(r"(core|server|client|proto|tests)/", include):
        return "ours", layer_of(include) or os.path.dirname(include)
    for library, pattern in LIBRARIES.items():
        if re.match(pattern, include):
            return "library", library
    return ("system", include) if SYSTEM.match(include) else (None, include)


def check_include(path, quote, include):
    """What is wrong with this include in this file; None if nothing is."""
    row = allowed(path)
    if row is None:
        return "this folder has no row in LAYERS of tests/layering/check_layering.py: say there what it may include"
    folder, ours, libraries = row
    kind, target = target_of(include)
    if kind == "ours":
        inside = target == folder or target.startswith(folder + "/")
        above = target.startswith(UNIT) and folder.startswith(target + "/")
        if not inside and not above and target not in ours:
            return f"{folder} may not include {target} ({include})"
    elif kind == "library":
        if target not in libraries:
            return f"{folder} may not use {target} ({include})"
    elif kind is None or quote == '"':
        return f"{include} is neither ours from the repository root, nor of a library that LIBRARIES names"
    return None


def without_comments_and_strings(line):
    line = re.sub(r'"(?:\\.|[^"\\])*"', '""', line)
    return line.split("//", 1)[0]


def check_file_access(path, line, include):
    if not path.startswith("core/") or path.startswith("core/storage/"):
        return None
    if include in FILE_HEADERS:
        return f"<{include}>: in core only core/storage touches files"
    found = FILE_CALL.search(without_comments_and_strings(line))
    return f"{found.group(0).strip()}: in core only core/storage touches files" if found else None


def expand(pattern):
    """a/{b,c}.h -> a/b.h, a/c.h"""
    braces = re.search(r"\{([^{}]*)\}", pattern)
    if braces is None:
        return [pattern]
    choices = braces.group(1).split(",")
    return [p for choice in choices for p in expand(pattern[: braces.start()] + choice + pattern[braces.end():])]


def check_named_paths(root, path, line):
    """What a page of documentation points at is there."""
    if not path.endswith(".md"):
        return
    for pattern in NAMED_PATH.findall(line):
        for named in expand(pattern):
            if "..." not in named and not os.path.exists(os.path.join(root, named)):
                yield f"names {named}, which is not there"


@functools.cache
def test_cases(root):
    """{suite.name} and {suite.*} of all C++ tests."""
    names = set()
    for path in files(os.path.join(root, "tests")):
        if path.endswith(".cc"):
            with open(os.path.join(root, "tests", path), encoding="utf-8") as file:
                for suite, name in TEST_CASE.findall(file.read()):
                    names |= {f"{suite}.{name}", f"{suite}.*"}
    return names


def check_named_tests(root, path, line):
    """The tests that README.md names as holding its promises are there."""
    if path != "README.md":
        return
    for suite, name in NAMED_TEST.findall(line):
        if f"{suite}.{name}" not in test_cases(root):
            yield f"names the test {suite}.{name}, which is not there"


def check_line(root, path, line):
    match = INCLUDE.match(line) if path.endswith(CODE) else None
    include = match.group(2) if match else None
    if match:
        yield check_include(path, match.group(1), include)
    if path.endswith(CODE):
        yield check_file_access(path, line, include)
    if NAMELESS.search(line):
        yield f"{NAMELESS.search(line).group(0)} without a name: write it as NAME(who), or do it"
    if MACHINE_PATH.search(line):
        yield f"path of one machine: {MACHINE_PATH.search(line).group(0)}"
    yield from check_named_paths(root, path, line)
    yield from check_named_tests(root, path, line)


def check_tree(root):
    """(breaches, number of files read)"""
    breaches, count = [], 0
    for path in files(root):
        if os.path.splitext(path)[1] not in TEXT or path.startswith(NOT_OURS):
            continue
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                breaches += [Breach(path, number, text) for text in check_line(root, path, line) if text]
        count += 1
    return breaches, count


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    breaches, count = check_tree(root)
    for breach in breaches:
        print(breach)
    print(f"{count} files read, {len(breaches)} breaches")
    if count == 0:
        print(f"no file below {root}: is this the repository?")
    return 1 if breaches or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
