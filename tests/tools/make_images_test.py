#!/usr/bin/env python3
"""Tests make_images.py on small folders of classes."""

import contextlib
import io
import json
import os
import struct
import tempfile
import unittest

import make_images


def image(value):
    return [value] * make_images.DIM


class MakeImages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source = folder.name
        self.out = os.path.join(folder.name, "made", "images.img")

    def write_classes(self, rows_by_class):
        for label in range(make_images.CLASSES):
            with open(os.path.join(self.source, f"{label}.json"), "w", encoding="utf-8") as file:
                json.dump({"data": rows_by_class.get(label, [])}, file)

    def convert(self):
        """(exit code, words on stdout, words on stderr)"""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = make_images.main(["--source", self.source, "--out", self.out])
        return code, out.getvalue(), err.getvalue()

    def read(self):
        with open(self.out, "rb") as file:
            content = file.read()
        header, payload = struct.unpack("<8s6I", content[:32]), content[32:]
        count = header[2]
        pixels = payload[count:]
        dim = make_images.DIM
        return header, payload, list(payload[:count]), [pixels[i * dim : (i + 1) * dim] for i in range(count)]

    def test_crc_matches_the_published_check_value(self):
        self.assertEqual(make_images.crc32c(b"123456789"), 0xE3069283)

    def test_header_counts_and_checksums_the_payload(self):
        self.write_classes({0: [image(1), image(2)], 1: [image(3)]})
        self.assertEqual(self.convert()[0], 0)
        header, payload, labels, images = self.read()
        self.assertEqual(header, (b"MNEMEIMG", 1, 3, 784, 28, 0, make_images.crc32c(payload)))
        self.assertEqual(len(payload), 3 + 3 * 784)
        self.assertEqual([images[0][0], images[1][0], images[2][0]], [1, 3, 2])
        self.assertEqual(labels, [0, 1, 0])

    def test_flat_numbers_of_the_unit_interval_become_bytes(self):
        self.write_classes({4: image(0.5) + image(1)})
        self.assertEqual(self.convert()[0], 0)
        _, _, labels, images = self.read()
        self.assertEqual(labels, [4, 4])
        self.assertEqual((images[0][0], images[1][783]), (128, 255))

    def test_malformed_rows_are_skipped_and_counted(self):
        bad = [[1, 2, 3], image(256), image("x"), image(-1), 7]
        self.write_classes({0: [image(9)] + bad, 1: image(1) + [1, 1]})
        code, out, _ = self.convert()
        self.assertEqual(code, 0)
        self.assertIn("2 images of 28 x 28, 6 malformed rows skipped", out)
        _, _, labels, images = self.read()
        self.assertEqual(labels, [0, 1])
        self.assertEqual(images[0][0], 9)

    def test_missing_class_leaves_no_file_and_names_the_path(self):
        self.write_classes({0: [image(1)]})
        os.remove(os.path.join(self.source, "7.json"))
        code, _, err = self.convert()
        self.assertEqual(code, 1)
        self.assertIn("7.json", err)
        self.assertFalse(os.path.exists(self.out))

    def test_a_folder_without_one_good_row_is_an_error(self):
        self.write_classes({3: [[1, 2, 3]]})
        code, _, err = self.convert()
        self.assertEqual(code, 1)
        self.assertIn("holds no row of 784 numbers", err)
        self.assertFalse(os.path.exists(self.out))


if __name__ == "__main__":
    unittest.main()
