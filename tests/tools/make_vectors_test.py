#!/usr/bin/env python3
"""Tests make_vectors.py on small sources."""

import contextlib
import io
import json
import os
import struct
import tempfile
import unittest

import make_vectors
from make_images import crc32c


def source_of(vectors, dimensions=2):
    """As the package has it: the words with their vectors in any order, each with norm and index."""
    return {
        "precision": 8,
        "dimensions": dimensions,
        "words": [word for word, _ in sorted(vectors.items(), key=lambda item: item[1][-1])],
        "vectors": vectors,
        "unkVector": [0] * (dimensions + 2),
    }


class MakeVectors(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source = os.path.join(folder.name, "source.json")
        self.out = os.path.join(folder.name, "made", "words.vec")

    def convert(self, text, *flags):
        """(exit code, words on stderr)"""
        with open(self.source, "w", encoding="utf-8") as file:
            file.write(text if isinstance(text, str) else json.dumps(text, separators=(",", ":")))
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = make_vectors.main(["--source", self.source, "--out", self.out, *flags])
        return code, err.getvalue()

    def read(self):
        with open(self.out, "rb") as file:
            content = file.read()
        header, payload = struct.unpack("<8s6I", content[:32]), content[32:]
        count, dim, word_bytes = header[2:5]
        numbers = struct.unpack(f"<{count * dim}f", payload[: 4 * count * dim])
        self.assertEqual(len(payload), 4 * count * dim + word_bytes)
        self.assertEqual(header[0:2] + header[5:7], (b"MNEMEVEC", 1, 1, crc32c(payload)))
        words = payload[4 * count * dim :].decode().splitlines()
        return words, [list(numbers[i * dim : (i + 1) * dim]) for i in range(count)]

    def test_orders_rows_by_frequency_whatever_their_order_in_the_file(self):
        vectors = {"7": [0.5, 1.5, 9, 2], "the": [1, 2, 9, 0], ",": [-1, 0.25, 9, 1]}
        self.assertEqual(self.convert(source_of(vectors))[0], 0)
        self.assertEqual(self.read(), (["the", ",", "7"], [[1, 2], [-1, 0.25], [0.5, 1.5]]))

    def test_takes_only_the_most_frequent_words(self):
        vectors = {f"w{i}": [i, -i, 9, i] for i in range(9, -1, -1)}
        self.assertEqual(self.convert(source_of(vectors), "--words", "3")[0], 0)
        self.assertEqual(self.read(), (["w0", "w1", "w2"], [[0, 0], [1, -1], [2, -2]]))
        self.assertEqual(self.convert(source_of(vectors), "--words", "0")[0], 0)
        self.assertEqual(len(self.read()[0]), 10)

    def test_reads_words_with_quotes_brackets_and_the_keys_of_the_file(self):
        words = ['"', "]", "\\", "}", "vectors", "words", "é", "\u2028"]
        vectors = {word: [i, i, 9, i] for i, word in enumerate(words)}
        self.assertEqual(self.convert(source_of(vectors))[0], 0)
        with open(self.out, "rb") as file:
            self.assertTrue(file.read().endswith("".join(w + "\n" for w in words).encode()))

    def test_reads_the_same_wherever_the_pieces_are_cut(self):
        vectors = {'a"b': [0.125, -3e-05, 9, 1], "é\\": [1, 2, 9, 0]}
        self.addCleanup(setattr, make_vectors, "PIECE", make_vectors.PIECE)
        for piece in range(1, 40):
            make_vectors.PIECE = piece
            self.assertEqual(self.convert(source_of(vectors))[0], 0)
            words, rows = self.read()
            self.assertEqual((words, rows[0]), (["é\\", 'a"b'], [1, 2]), piece)
            self.assertEqual(rows[1], [0.125, struct.unpack("f", struct.pack("f", -3e-05))[0]])

    def test_a_source_that_is_cut_off_leaves_no_file_and_says_where(self):
        whole = json.dumps(source_of({"a": [1, 2, 9, 0], "b": [1, 2, 9, 1]}), separators=(",", ":"))
        for end, reason in [('"b', "within a word"), ('"b":[1,2', "within a vector"), ('"vec', "no `vectors`")]:
            code, err = self.convert(whole[: whole.rindex(end) + len(end)])
            self.assertEqual(code, 1, end)
            self.assertIn(reason, err)
            self.assertFalse(os.path.exists(self.out))

    def test_a_vector_of_another_length_is_an_error(self):
        code, err = self.convert(source_of({"a": [1, 0]}))
        self.assertEqual(code, 1)
        self.assertIn("'a' has 2 numbers", err)

    def test_writes_what_mnemectl_reads(self):
        npy, ids = self.out + ".npy", self.out + ".ids"
        vectors = {"17": [0.5, 1.5, 9, 0], "text:a": [1, 2, 9, 1], "b": [3, 4, 9, 2]}
        self.assertEqual(self.convert(source_of(vectors), "--npy", npy, "--ids", ids)[0], 0)
        with open(npy, "rb") as file:
            content = file.read()
        self.assertEqual(content[:10], b"\x93NUMPY\x01\x00\x76\x00")
        self.assertIn(b"'shape': (3, 2)", content[:128])
        self.assertEqual(struct.unpack("<6f", content[128:]), (0.5, 1.5, 1, 2, 3, 4))
        with open(ids, encoding="utf-8") as file:
            self.assertEqual(file.read(), "text:17\ntext:text:a\nb\n")


if __name__ == "__main__":
    unittest.main()
