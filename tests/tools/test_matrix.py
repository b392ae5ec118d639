# SPDX-License-Identifier: BSD-2-Clause
"""The boot matrix's runner: a table that makes no sense is refused, what is wrong on a console is seen, skips count apart."""
import contextlib
import copy
import io
import json
import os
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.join("tests", "matrix"))
import judge  # noqa: E402
import machines  # noqa: E402
import matrix  # noqa: E402
import rows  # noqa: E402

MIB = 1 << 20
FIRMWARE = '[firmware.system]\nfound = "by run-board"\nconsole = "sbi (legacy|dbcn)"\n' \
           '[uart]\nqemu_virt = "ns16550a at 0x10000000"\n'


def table(text):
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        return rows.read(file.name)


def table_of(row, more=""):
    return table(f'{FIRMWARE}{more}[[group]]\nabout = "x"\nrows = [ {row} ]\n')


def one_row(text='name = "a"'):
    return table_of("{ " + text + " }")[0][0]


class Table(unittest.TestCase):
    def refused(self, what, row, more=""):
        with self.assertRaises(rows.BadTable) as caught:
            table_of(row, more)
        self.assertIn(what, str(caught.exception))

    def test_the_projects_own_table_is_read_and_has_what_it_must(self):
        found, _chains = rows.read("tests/matrix/matrix.toml")
        self.assertGreaterEqual(len(found), 40)
        for board in rows.BOARDS:
            self.assertTrue([row for row in found if row.board == board], board)
            self.assertTrue([row for row in found if row.board == board and row.in_ci], board)
        self.assertGreaterEqual({row.harts for row in found}, {1, 2, 8, 64})
        self.assertGreaterEqual({row.mode for row in found}, {"sv39", "sv48", "sv57"})
        self.assertGreaterEqual(len({row.load for row in found if row.load}), 5)
        self.assertGreaterEqual({row.boot_hart for row in found}, {1, 3})
        self.assertGreaterEqual({row.dtb for row in found}, set(rows.PLACES))

    def test_what_is_wrong_is_refused_by_name(self):
        self.refused("row a: unknown key 'hart'", '{ name = "a", hart = 2 }')
        self.refused("row a: harts = '2' has the wrong type", '{ name = "a", harts = "2" }')
        self.refused("row a: harts = True has the wrong type", '{ name = "a", harts = true }')
        self.refused("ci names firmware '1.6'", '{ name = "a", ci = ["1.6"] }')
        self.refused("firmware '9' is unknown", '{ name = "a", firmware = ["9"] }')
        self.refused("chain 'x' is unknown", '{ name = "a", chain = "x" }')
        self.refused("board 'toaster'", '{ name = "a", board = "toaster" }')
        self.refused("'1K' is no size", '{ name = "a", ram = "1K" }')
        self.refused("regions are for spike-isa", '{ name = "a", ram = "0x80000000:1G" }')
        self.refused("no regular expression", '{ name = "a", expect = ["("] }')
        self.refused("dtb 'moon'", '{ name = "a", dtb = "moon" }')
        self.refused("there are two", '{ name = "a" }, { name = "a" }')
        self.refused("name is missing", "{ harts = 1 }")
        self.refused("uart toaster", '{ name = "a" }', 'toaster = "x"\n')
        self.refused("unknown: x", '{ name = "a" }', "[x]\n")

    def test_a_row_runs_once_for_each_firmware(self):
        found, _ = table_of('{ name = "a", firmware = ["system", "b"], ci = ["b"] }', "[firmware.b]\n")
        self.assertEqual([(row.id, row.in_ci) for row in found], [("a@system", False), ("a@b", True)])

    def test_the_groups_keys_are_the_rows_unless_they_say_otherwise(self):
        text = f'{FIRMWARE}[[group]]\nabout = "x"\nharts = 3\nrows = [ {{ name = "a" }}, {{ name = "b", harts = 5 }} ]\n'
        self.assertEqual([row.harts for row in table(text)[0]], [3, 5])

    def test_regions_add_up(self):
        row = one_row('name = "a", board = "spike-isa", ram = "0x80000000:64M,0xa0000000:1G"')
        self.assertEqual(row.total_ram(), 1088 * MIB)


LEDGER = {"command": "ledger", "ram_bytes": hex(MIB), "exact": True,
          "rows": [{"base": "0x80000000", "size": "0x80000"}, {"base": "0x80080000", "size": "0x80000"}]}
HARTS = {"command": "harts", "mode": "sv39", "online": 2,
         "harts": [{"hart": 0, "state": "running"}, {"hart": 1, "state": "running"}]}


def console(ledger=None, harts=None):
    return f"""OpenSBI v1.1
[   -.------] boot: Firstpage on hart 0, loaded at 0x80200000, console: sbi legacy
[   -.------] boot: device tree at 0x88000000, 5711 bytes
[   0.1] boot: sv39 on: linear map of 1 MiB
[   0.1] boot: console: ns16550a at 0x10000000 (/soc/serial@10000000)
[   0.1] harts: 2 harts online
W+X pages: 0
@json {json.dumps(harts or HARTS)}
@json {json.dumps(ledger or LEDGER)}
ledger: {MIB} of {MIB} bytes accounted for: exact
firstpage: exit 0
"""


class Judge(unittest.TestCase):
    def setUp(self):
        self.row = one_row('name = "a", ram = "1M", expect = ["^OpenSBI"]')

    def wrong(self, text, status=0, row=None):
        return judge.judge(row or self.row, text, status, 0x80200000, 0x88000000)

    def found(self, what, text, **more):
        wrong = self.wrong(text, **more)
        self.assertEqual(len([w for w in wrong if what in w]), 1, wrong)

    def test_a_sound_console_passes(self):
        self.assertEqual(self.wrong(console()), [])
        self.assertEqual(judge.seen_firmware(self.row, console()), "OpenSBI 1.1")

    def test_each_fault_is_seen(self):
        good = console()
        for was, becomes, what in (
                ("at 0x80200000", "at 0x80400000", "loaded at 0x80400000 instead of 0x80200000"),
                ("tree at 0x88000000", "tree at 0x88000008", "device tree at 0x88000008"),
                ("console: sbi legacy", "console: sbi", "the first console is 'sbi'"),
                ("ns16550a at 0x10000000 (", "sbi legacy (", "the final console is 'sbi legacy'"),
                ("boot: console: ns", "boot: ns", "the final console is ''"),
                ("sv39 on:", "sv48 on:", "sv48 is on instead of sv39"),
                ("2 harts online", "one hart online", "harts online: 1 instead of 2"),
                ("W+X pages: 0", "W+X pages: 1", "W+X"),
                ("OpenSBI", "Other", "no line has /^OpenSBI/"),
                (f"of {MIB} bytes accounted for: exact", f"of {MIB} bytes accounted for: MISMATCH", "no line `ledger:"),
                ("firstpage: exit", "[   0.3] memory: warning: something\nfirstpage: exit", "warning"),
                ("@json", "@jsn", "answers of harts")):
            self.assertIn(was, good)
            self.found(what, good.replace(was, becomes))
        self.found("exit status 1 instead of 0", good, status=1)
        self.assertTrue(self.wrong(""))

    def test_the_ledgers_rows_are_added_up(self):
        for change, what in ((lambda a: a["rows"].pop(), "add up to 524288"),
                             (lambda a: a["rows"][1].update(base="0x80040000"), "begins below"),
                             (lambda a: a.update(exact=False), "exact: False"),
                             (lambda a: a.update(ram_bytes="0x1"), "says 0x1 bytes")):
            ledger = copy.deepcopy(LEDGER)
            change(ledger)
            self.found(what, console(ledger=ledger))

    def test_the_harts_that_run_are_counted_and_named(self):
        harts = copy.deepcopy(HARTS)
        harts["harts"][1]["state"] = "not started"
        self.found("1 harts are running instead of 2", console(harts=harts))
        self.found("the harts that run are [0, 1]", console(), row=one_row('name = "a", ram = "1M", hart_ids = [0, 2]'))
        self.found("hart 0 boots instead of 1", console(), row=one_row('name = "a", ram = "1M", boot_hart = 1'))


class Runner(unittest.TestCase):
    """With a stand-in for run-board that prints a console and may do more."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.write("firstpage.bin", b"the image")
        self.write("console", console().replace("0x88000000", "0x87000000").encode())

    def write(self, name, data):
        with open(os.path.join(self.folder.name, name), "wb") as file:
            file.write(data)
        return os.path.join(self.folder.name, name)

    def matrix(self, row, *words, more="", status=0):
        text = f'{FIRMWARE}[[group]]\nabout = "x"\nram = "1M"\nrows = [ {row} ]\n'
        script = f"#!/bin/sh\ncat '{self.folder.name}/console'\n{more}\nexit {status}\n"
        fake = self.write("fake-run-board", script.encode())
        os.chmod(fake, 0o755)
        out = io.StringIO()
        with mock.patch.object(machines, "RUN_BOARD", fake), contextlib.redirect_stdout(out), \
                contextlib.redirect_stderr(out):
            result = matrix.main(["matrix", "--build", self.folder.name, "--table",
                                  self.write("table.toml", text.encode()), *words])
        return result, out.getvalue()

    def test_rows_that_pass_make_it_0_and_the_sum_is_told(self):
        result, text = self.matrix('{ name = "a" }, { name = "b" }')
        self.assertEqual(result, 0, text)
        self.assertIn("2 passed, 0 failed, 0 skipped", text)
        self.assertIn(matrix.sum_of(os.path.join(self.folder.name, "firstpage.bin")), text)

    def test_a_row_that_fails_makes_it_1_and_says_why(self):
        result, text = self.matrix('{ name = "a" }, { name = "b", mode = "sv57" }')
        self.assertEqual(result, 1)
        self.assertIn("sv39 is on instead of sv57", text)
        self.assertIn("1 passed, 1 failed, 0 skipped", text)
        self.assertEqual(self.matrix('{ name = "a" }', status=3)[0], 1)

    def test_what_is_not_there_is_skipped_and_counted_apart(self):
        result, text = self.matrix('{ name = "a" }, { name = "b", needs = ["no-such-thing"] }')
        self.assertEqual(result, 0)
        self.assertIn("skipped: no no-such-thing", text)
        self.assertIn("1 passed, 0 failed, 1 skipped", text)

    def test_nothing_but_skipped_rows_is_no_success(self):
        self.assertEqual(self.matrix('{ name = "b", needs = ["no-such-thing"] }')[0], 1)

    def test_an_image_that_changes_on_the_way_fails_the_row(self):
        result, text = self.matrix('{ name = "a" }', more=f"echo more >>'{self.folder.name}/firstpage.bin'")
        self.assertEqual(result, 1)
        self.assertIn("is not the image that this run began with", text)

    def test_words_select_and_a_word_that_fits_nothing_is_said(self):
        self.assertIn("1 passed", self.matrix('{ name = "a1" }, { name = "b1" }', "a1")[1])
        self.assertEqual(self.matrix('{ name = "a1" }', "zebra")[0], 2)

    def test_lines_are_as_make_check_counts_them(self):
        _, text = self.matrix('{ name = "a", ci = true }, { name = "b", ci = true, needs = ["x-y"] }, { name = "c" }',
                              "--lines", "--ci")
        self.assertEqual(text.splitlines(), ["ok - matrix a@system", "# skip matrix b@system: no x-y"])
