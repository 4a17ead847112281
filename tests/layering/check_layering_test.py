#!/usr/bin/env python3
"""Tests check_layering.py on small trees: each rule must find the breach planted, and only that one."""

import contextlib
import io
import os
import sys
import tempfile
import unittest
from unittest import mock

import check_layering


class CheckLayering(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name

    def breaches(self, path, *lines):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        found = check_layering.check_tree(self.root)[0]
        os.remove(full)
        return [str(breach) for breach in found]

    def assert_clean(self, path, *lines):
        self.assertEqual(self.breaches(path, *lines), [])

    def assert_breach(self, expected, path, *lines):
        found = self.breaches(path, *lines)
        self.assertEqual(len(found), 1, found)
        self.assertIn(expected, found[0])

    def test_downward_includes_pass(self):
        self.assert_clean(
            "core/models/dense/dense_model.cc",
            "#include <vector>", "#include <sys/types.h>", '#include "absl/status/status.h"',
            '#include "core/base/status.h"', '#include "core/math/matrix.h"', '#include "core/models/model.h"')
        self.assert_clean("server/rpc/store.cc", "#include <grpcpp/grpcpp.h>", '#include "core/engine/engine.h"',
                          '#include "mneme/v1/memory_service.grpc.pb.h"')

    def test_upward_include_is_found_with_file_and_line(self):
        self.assert_breach("core/math/topk.cc:2: core/math may not include core/models (core/models/model.h)",
                           "core/math/topk.cc", "#include <vector>", '#include "core/models/model.h"')

    def test_storage_and_models_do_not_know_each_other(self):
        self.assert_breach("core/storage may not include core/models", "core/storage/a.cc",
                           '#include "core/models/spec.h"')
        self.assert_breach("core/models may not include core/storage", "core/models/linear/a.h",
                           '#include "core/storage/storage.h"')

    def test_core_knows_neither_wire_nor_server(self):
        self.assert_breach("core/engine may not use grpc", "core/engine/a.cc", "#include <grpcpp/grpcpp.h>")
        self.assert_breach("core/engine may not use grpc", "core/engine/a.cc", "#include <google/protobuf/message.h>")
        self.assert_breach("core/base may not include proto", "core/base/a.h", '#include "mneme/v1/vectors.pb.h"')
        self.assert_breach("core/engine may not include server/rpc", "core/engine/a.cc",
                           '#include "server/rpc/convert.h"')

    def test_clients_know_the_wire_only(self):
        self.assert_breach("client/cpp may not include core/base", "client/cpp/src/a.cc",
                           '#include "core/base/status.h"')
        self.assert_clean("client/cli/main.cc", '#include "mneme/client.h"', '#include "CLI/CLI.hpp"')

    def test_a_library_is_used_only_where_the_table_says(self):
        self.assert_breach("core/engine may not use rocksdb", "core/engine/a.cc", '#include "rocksdb/db.h"')
        self.assert_breach("neither ours from the repository root", "core/engine/a.cc", "#include <boost/any.hpp>")

    def test_includes_are_written_from_the_repository_root(self):
        self.assert_breach("neither ours from the repository root", "core/base/clock.cc", '#include "clock.h"')

    def test_a_folder_without_a_row_is_a_breach(self):
        self.assert_breach("has no row", "core/novelty/a.cc", "#include <vector>")

    def test_unit_tests_may_use_what_the_code_they_mirror_may_use(self):
        self.assert_clean("tests/unit/core/storage/a_test.cc", '#include "gtest/gtest.h"',
                          '#include "core/storage/storage.h"', '#include "rocksdb/db.h"',
                          '#include "tests/unit/core/storage/storage_test_util.h"')
        self.assert_clean("tests/unit/client/cpp/a_test.cc", '#include "tests/unit/client/fake_server.h"')
        self.assert_breach("may not include core/engine", "tests/unit/core/storage/a_test.cc",
                           '#include "core/engine/engine.h"')
        self.assert_breach("may not use grpc", "tests/unit/core/base/a_test.cc", "#include <grpcpp/grpcpp.h>")

    def test_in_core_only_storage_touches_files(self):
        for line in ("std::ofstream out(path);", "int fd = ::open(path, 0);", "FILE* f = std::fopen(p, \"r\");",
                     "if (fsync(fd) != 0) return;", "#include <fstream>", "#include <fcntl.h>"):
            self.assert_breach("only core/storage touches files", "core/engine/a.cc", line)
            self.assert_clean("core/storage/a.cc", line)
            self.assert_clean("client/cli/a.cc", line)

    def test_methods_comments_and_strings_are_no_file_access(self):
        self.assert_clean("core/engine/a.cc", "bool open() const;", "queue.open(1);", "x->rename(2);",
                          "Catalogue::rename(name);", "// calls fsync(fd) at last", 'Log("fopen(x) failed");')

    def test_notes_to_self_need_a_name(self):
        note = "TO" + "DO"
        self.assert_breach("without a name", "core/base/a.cc", f"// {note}: later")
        self.assert_clean("core/base/a.cc", f"// {note}(ann): later")
        self.assert_breach("without a name", "docs/a.md", f"{note} write this")

    def test_paths_of_one_machine_are_found_in_any_text(self):
        self.assert_breach("path of one machine", "deploy/script", "cd /" + "work/main")
        self.assert_breach("path of one machine", "docs/a.md", "see /" + "home/ann/notes")
        self.assert_clean("deploy/script", 'cd "$PWD/' + 'work/x"', "framework/" + "work/a", "/tmp/x")

    def test_documentation_names_only_what_is_there(self):
        self.assert_breach("names core/gone.h, which is not there", "docs/a.md", "see `core/gone.h`")
        self.assert_breach("names docs/b.h", "docs/a.md", "see `docs/{a.md,b.h}`")
        self.assert_clean("docs/a.md", "see `docs/a.md`, `docs/`, `core/`-like words, `tests/run --asan`, `x/gone.h`")

    def test_the_readme_names_only_tests_that_are_there(self):
        os.makedirs(os.path.join(self.root, "tests/unit/core/base"))
        with open(os.path.join(self.root, "tests/unit/core/base/a_test.cc"), "w", encoding="utf-8") as file:
            file.write("TEST_F(Clock,\n       GoesOn) {}\n")
        self.assert_breach("names the test Clock.GoesBack", "README.md", "| time | `Clock.GoesOn`, `Clock.GoesBack` |")
        self.assert_clean("README.md", "`Clock.*`, `Clock.GoesOn`, `Memory.uid`, `unit_core_base`")

    def test_what_is_built_is_not_read(self):
        self.assert_clean("build/dev/generated/a.cc", '#include "nowhere.h"')

    def test_exit_codes(self):
        def run():
            with mock.patch.object(sys, "argv", ["check_layering.py", self.root]), \
                 contextlib.redirect_stdout(io.StringIO()):
                return check_layering.main()

        self.assertEqual(run(), 1, "an empty tree is not a clean one")
        os.makedirs(os.path.join(self.root, "core/base"))
        path = os.path.join(self.root, "core/base/a.cc")
        for text, code in (("#include <vector>\n", 0), ('#include "core/engine/engine.h"\n', 1)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            self.assertEqual(run(), code)


if __name__ == "__main__":
    unittest.main()
