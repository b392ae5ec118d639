# SPDX-License-Identifier: BSD-2-Clause
"""The checks of ci/ find what they are for."""
import os
import subprocess
import tempfile
import unittest

HEAD = "/* SPDX-License-Identifier: BSD-2-Clause */\n/* Purpose. */\n"


class Style(unittest.TestCase):
    def check(self, text, name="a.c"):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            result = subprocess.run(["ci/check_style", path], capture_output=True, text=True, check=False)
            return result.returncode, result.stdout

    def test_a_sound_file_passes(self):
        self.assertEqual(self.check(HEAD + "int x;\n")[0], 0)
        self.assertEqual(self.check(HEAD + "#pragma once\n", "a.h")[0], 0)

    def test_each_fault_is_found(self):
        faults = {
            "a.c": ["int x;\n", HEAD + "int x; \n", HEAD + "int x;", HEAD + "int x;\n" * 500,
                    HEAD + 'const char *p = "/' + 'home/me/x";\n', HEAD + "int x;\r\n",
                    HEAD.replace("/* Purpose. */\n", "int x;\n")],
            "a.h": [HEAD + "int x;\n"],
        }
        for name, texts in faults.items():
            for text in texts:
                status, out = self.check(text, name)
                self.assertEqual(status, 1, text[:200])
                self.assertIn(name, out)

    def test_the_limit_is_500_lines(self):
        self.assertEqual(self.check(HEAD + "int x;\n" * 498)[0], 0)


class Layers(unittest.TestCase):
    def test_planted_violations_are_found(self):
        result = subprocess.run(["ci/check_layers", "--self-test"], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout)


class Sections(unittest.TestCase):
    def test_planted_references_are_found(self):
        result = subprocess.run(["ci/check_sections", "--self-test"], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout)


class UnitRunner(unittest.TestCase):
    def run_unit(self, script):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "test_fake")
            with open(path, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n" + script)
            os.chmod(path, 0o755)
            result = subprocess.run(["ci/run_unit", path], capture_output=True, text=True, check=False)
            return result.returncode, result.stdout

    def test_passed_tests_are_counted(self):
        self.assertEqual(self.run_unit("echo '[       OK ] a'; echo '[       OK ] b'\n"),
                         (0, "ok - test_fake (2 tests)\n2 passed, 0 failed\n"))

    def test_a_crash_fails_whatever_passed_before(self):
        status, out = self.run_unit("echo '[       OK ] a'; kill -SEGV $$\n")
        self.assertEqual(status, 1)
        self.assertIn("1 passed, 1 failed", out)

    def test_a_binary_that_runs_no_test_fails(self):
        self.assertEqual(self.run_unit("exit 0\n")[0], 1)
