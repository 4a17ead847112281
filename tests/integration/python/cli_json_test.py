#!/usr/bin/env python3
"""What mnemectl tells people it tells programs too: each number of a command's text is in its --json, in some form.

    cli_json_test.py            tests

Environment: TEST_BIN, the folder that holds mnemed and mnemectl.
"""

import json
import os
import re
import subprocess
import tempfile
import unittest

import daemon

SECONDS_MAX = 60
FEDERATION = """federations:
  - name: pair
    memory: shared
    spec: {key_dim: 4, response_dim: 4, min_contributors: 3}
    nodes:
      - {name: here, address: 'unix:FOLDER/here.sock', interest: {here: 1, there: 1}}
      - {name: there, address: 'unix:FOLDER/there.sock', interest: {here: 1, there: 1}}
"""
# A number that stands by itself: not a part of a name (L2, hit@10), of a power or of a range.
NUMBER = re.compile(r"(?<![\w@^./:-])\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?(?![\w@]|[.:]\d)")
CUE = ["--cue", "1,0,0,0"]
COMMANDS = [
    ["memory", "list"],
    ["memory", "describe", "faces"],
    ["memory", "describe", "words"],
    ["memory", "describe", "trained"],
    ["memory", "du"],
    ["memory", "du", "words"],
    ["items", "get", "faces", "7"],
    ["items", "list", "faces", "--vectors", "--payloads"],
    ["retrieve", "faces", *CUE],
    ["retrieve", "faces", *CUE, "--filter", "year = 1"],
    ["query", "faces", *CUE, "--k", "3"],
    ["query", "faces", *CUE, "--filter", "year = 1"],
    ["query", "trained", *CUE, "--check-radius"],
    ["explain", "faces", *CUE],
    ["forecast", "words"],
    ["forecast", "--planned", "--key-dim", "64", "--response-dim", "64", "--items", "300"],
    ["alias", "list"],
    ["backup", "list"],
    ["operation", "list"],
    ["federation", "list"],
    ["federation", "describe", "pair"],
    ["federation", "plan", "pair"],
    ["federation", "tree", "pair"],
    ["federation", "status", "pair"],
    ["info"],
    ["info", "--limits"],
    ["health"],
]
# Lines of a text whose figures change from call to call.
CHANGING = {
    ("info",): r"resident|answered at once|commits|disk ",  # others write to the disk too
    ("explain",): r" ms\b|%",
    ("federation", "status"): r"ago|round|gradient|memory ",
}
# What is but arithmetic on figures that are there: sqrt(2 ln n), the loss of nothing learned, a share of two counts.
DERIVED = re.compile(r"strangers: about [\d.]+|W = 0: [\d.]+|certified \([\d.]+ %\)")


def leaves(value):
    """All that a JSON value holds, and how much that is."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from leaves(one)
    elif isinstance(value, list):
        yield len(value)
        for one in value:
            yield from leaves(one)
    elif value is not None and not isinstance(value, bool):
        yield value


def forms(leaf):
    """How the text may show a leaf."""
    if isinstance(leaf, str):
        return set(NUMBER.findall(leaf)) | set(re.findall(r"\d+", leaf))
    shown = {str(leaf), f"{leaf:.4g}", f"{leaf:.3g}"}
    for percent in (100 * leaf, 100 - 100 * leaf):
        shown |= {f"{percent:.0f}", f"{percent:.1f}", f"{percent:.3f}"}
    if leaf == int(leaf):
        shown.add(f"{int(leaf):,}")
    for unit in range(5):
        shown.add(f"{leaf / 1024 ** unit:.1f}")
    return {text.lstrip("-") for text in shown}


class CliJson(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="mneme-cli-json-")
        name = cls.folder.name
        with open(os.path.join(name, "federation.yaml"), "w", encoding="utf-8") as file:
            file.write(FEDERATION.replace("FOLDER", name))
        cls.server = daemon.Daemon(name, more=[
            "--federation.file=" + os.path.join(name, "federation.yaml"), "--federation.node=here",
            "--peer.listen=unix:" + os.path.join(name, "here.sock")]).start()
        rows = "".join(json.dumps({"id": i, "key": [(i % 5) / 5, 1, (i % 3) / 3, 0.25], "payload": f"p{i}",
                                   "attributes": {"year": 1990 + i}}) + "\n" for i in range(7, 27))
        pairs = "".join(json.dumps({"id": i, "key": [i % 5 - 2, 1, i % 3, 0.25], "response": [1, i % 4, 0.5, i % 7]}) + "\n"
                        for i in range(9))
        for line, text in (
                (["memory", "create", "faces", "--dim", "4", "--items-max", "321", "--description", "d", "--label", "a=b"], ""),
                (["memory", "create", "words", "--model", "linear", "--dim", "4", "--response-dim", "4"], ""),
                (["memory", "create", "trained", "--model", "linear", "--rule", "tam", "--list-size", "3", "--dim", "4",
                  "--response-dim", "4"], ""),
                (["memory", "create", "shared", "--model", "linear", "--rule", "federated", "--dim", "4", "--response-dim", "4"], ""),
                (["store", "faces", "-"], rows), (["store", "words", "-"], pairs), (["store", "trained", "-"], pairs),
                (["train", "trained"], ""), (["alias", "set", "people", "faces"], ""), (["backup", "create"], "")):
            cls.run_line(line, text)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.cleanup()

    @classmethod
    def run_line(cls, line, text=""):
        done = subprocess.run([daemon.program("mnemectl"), "--server", cls.server.address, *line], input=text,
                              capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{line}: {done.stderr}")
        return done.stdout

    def test_each_number_of_the_text_is_in_the_json(self):
        for line in COMMANDS:
            with self.subTest(line=" ".join(line)):
                # Asked before and after: a federated memory grows on its own.
                before = self.run_line([*line, "--json"])
                text = self.run_line(line)
                after = self.run_line([*line, "--json"])
                told = [[json.loads(part) for part in lines.splitlines()] for lines in (before, after)]
                known = set().union(*(forms(leaf) for lines in told for leaf in leaves([lines])))
                changing = [pattern for start, pattern in CHANGING.items() if tuple(line[:len(start)]) == start]
                missing = [(number, part) for part in text.splitlines()
                           if not any(re.search(pattern, part) for pattern in changing)
                           for number in NUMBER.findall(DERIVED.sub("", part)) if number not in known and number not in line]
                self.assertEqual(missing, [])


if __name__ == "__main__":
    unittest.main()
