#!/usr/bin/env python3
"""The digits of deploy/federation-demo: who stores which, and who recalls which.

usage: federation_digits.py split IMAGES FOLDER NODE=DIGITS...   writes NODE-keys.npy, NODE-responses.npy; test-keys.npy
       federation_digits.py describe FOLDER BASE NODE=DIGITS...  writes federation.yaml: a binary tree of nodes
       federation_digits.py score FOLDER NODE=DIGITS...          reads NODE-recalls.npy; prints who recalls what

Keys are pictures (784 numbers), responses are one-hot (10 numbers): a memory recalls a digit when the largest number of
its recall is that digit's. Every tenth picture is for the test alone. Standard library only.
"""
import array
import struct
import sys

DIGITS = 10
HEADER_BYTES = 32


def read_images(path):
    with open(path, "rb") as file:
        magic, version, count, pixels, _side = struct.unpack("<8sIIII", file.read(24))
        if magic != b"MNEMEIMG" or version != 1:
            sys.exit(f"{path} holds no images: run tests/tools/fetch-images mnist")
        file.seek(HEADER_BYTES)
        labels = file.read(count)
        data = file.read(count * pixels)
    return labels, [data[i * pixels : (i + 1) * pixels] for i in range(count)]


def write_npy(path, rows, cols):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }" % (len(rows), cols)
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        for row in rows:
            array.array("f", iter(row)).tofile(file)


def read_npy(path, cols):
    with open(path, "rb") as file:
        file.seek(8)
        (header,) = struct.unpack("<H", file.read(2))
        file.seek(10 + header)
        values = array.array("f", file.read())
    return [values[i : i + cols] for i in range(0, len(values), cols)]


def parts_of(arguments):
    return {node: [int(digit) for digit in digits.split(",")] for node, digits in
            (argument.split("=") for argument in arguments)}


def split(images, folder, arguments):
    labels, pictures = read_images(images)
    one_hot = [[1.0 if i == digit else 0.0 for i in range(DIGITS)] for digit in range(DIGITS)]
    training = [i for i in range(len(labels)) if i // DIGITS % 10 != 0]
    testing = [i for i in range(len(labels)) if i // DIGITS % 10 == 0]
    parts = parts_of(arguments)
    # All nodes have as many pictures, so that they are done at the same time.
    most = min(sum(labels[i] in digits for i in training) for digits in parts.values())
    for node, digits in parts.items():
        mine = [i for i in training if labels[i] in digits][:most]
        write_npy(f"{folder}/{node}-keys.npy", [pictures[i] for i in mine], len(pictures[0]))
        write_npy(f"{folder}/{node}-responses.npy", [one_hot[labels[i]] for i in mine], DIGITS)
        print(f"   {node:6} stores digits {', '.join(map(str, digits)):6} {len(mine):6,} pictures")
    write_npy(f"{folder}/test-keys.npy", [pictures[i] for i in testing], len(pictures[0]))
    with open(f"{folder}/test-labels", "wb") as file:
        file.write(bytes(labels[i] for i in testing))


def describe(folder, base, arguments):
    parts = parts_of(arguments)
    nodes = list(parts)
    lines = ["federations:", "  - name: digits", "    memory: digits", "    round_ms: 20",
             "    spec: {key_dim: 784, response_dim: 10, batch_max: 16, step_scale: 4,",
             "           min_contributors: 1, min_items: 1}", "    nodes:"]
    interest = ", ".join(f"{node}: {len(digits)}" for node, digits in parts.items())  # each digit counts alike
    for node in nodes:
        lines.append(f"      - {{name: {node}, address: 'unix:{base}/{node}.sock', interest: {{{interest}}}}}")
    lines.append("    links:")
    for i in range(1, len(nodes)):
        lines.append(f"      - {{between: [{nodes[(i - 1) // 2]}, {nodes[i]}], delay_ms: 1}}")
    with open(f"{folder}/federation.yaml", "w") as file:
        file.write("\n".join(lines) + "\n")


def score(folder, arguments):
    with open(f"{folder}/test-labels", "rb") as file:
        labels = file.read()
    parts = parts_of(arguments)
    print("   share of unseen pictures recalled, by digit ([ ] around the digits that the node itself stored)")
    print("   node   " + "".join(f"{digit:>7}" for digit in range(DIGITS)) + "   never stored")
    worst = 1.0
    for node, digits in parts.items():
        right, seen = [0] * DIGITS, [0] * DIGITS
        for label, recall in zip(labels, read_npy(f"{folder}/{node}-recalls.npy", DIGITS)):
            seen[label] += 1
            right[label] += max(range(DIGITS), key=lambda i: recall[i]) == label
        shares = [right[digit] / seen[digit] for digit in range(DIGITS)]
        others = [digit for digit in range(DIGITS) if digit not in digits]
        foreign = sum(right[d] for d in others) / sum(seen[d] for d in others)
        worst = min(worst, foreign)
        cells = (f"[{share:.2f}]" if digit in digits else f"{share:.2f} " for digit, share in enumerate(shares))
        print(f"   {node:6} " + "".join(f"{cell:>7}" for cell in cells) + f"   {foreign:.3f}")
    print(f"worst={worst:.3f}")


def main():
    arguments = sys.argv[1:]
    if len(arguments) >= 4 and arguments[0] == "split":
        split(arguments[1], arguments[2], arguments[3:])
    elif len(arguments) >= 4 and arguments[0] == "describe":
        describe(arguments[1], arguments[2], arguments[3:])
    elif len(arguments) >= 3 and arguments[0] == "score":
        score(arguments[1], arguments[2:])
    else:
        print(__doc__.strip())
        sys.exit(0 if arguments[:1] in (["-h"], ["--help"]) else 2)


if __name__ == "__main__":
    main()
