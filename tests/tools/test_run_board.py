# SPDX-License-Identifier: BSD-2-Clause
"""run-board hands bootargs over whole, refuses wrong values by name, and make passes on what was typed."""
import os
import shlex
import subprocess
import tempfile
import unittest
import unittest.mock


class RunBoard(unittest.TestCase):
    def setUp(self):
        self.image = tempfile.NamedTemporaryFile()

    def tearDown(self):
        self.image.close()

    def run_board(self, **values):
        env = {k: v for k, v in os.environ.items() if not k.startswith("FPG_")}
        env |= {"DRY_RUN": "1", "FPG_IMAGE": self.image.name} | {"FPG_" + k: v for k, v in values.items()}
        return subprocess.run(["tools/run-board"], capture_output=True, text=True, check=False, env=env)

    def words(self, **values):
        result = self.run_board(**values)
        self.assertEqual(result.returncode, 0, result.stderr)
        return shlex.split(result.stdout)

    def append(self, **values):
        words = self.words(**values)
        return words[words.index("-append") + 1] if "-append" in words else None

    def refused(self, text, **values):
        result = self.run_board(**values)
        self.assertEqual(result.returncode, 2)
        self.assertIn(text, result.stderr)

    def test_run_becomes_one_boot_argument_that_ends_in_poweroff(self):
        self.assertEqual(self.append(RUN="ledger; zones"), 'run="ledger; zones; poweroff"')
        self.assertEqual(self.append(ARGS="palloc=buddy", RUN="log"), 'palloc=buddy run="log; poweroff"')

    def test_a_poweroff_that_was_typed_is_not_doubled(self):
        for text in ("ledger; poweroff", "ledger;poweroff", "poweroff"):
            self.assertEqual(self.append(RUN=text), f'run="{text}"')
        self.assertEqual(self.append(RUN="poweroff ; "), 'run="poweroff ; "')

    def test_arguments_arrive_as_typed(self):
        for text in ("a  b", "it's", "$HOME `ls` \\ * ?", 'run="a; b"', "a,b=c"):
            self.assertEqual(self.append(ARGS=text), text)

    def test_without_arguments_there_is_no_append(self):
        self.assertIsNone(self.append())

    def test_a_double_quote_in_run_is_refused(self):
        self.refused("double quote", RUN='log "x"')

    def test_sizes(self):
        for ram, mib in (("64M", "64M"), ("1G", "1024M"), ("2T", "2097152M"), ("128", "128M")):
            words = self.words(RAM=ram)
            self.assertEqual(words[words.index("-m") + 1], mib)

    def test_sizes_that_are_none_are_refused_by_name(self):
        for ram in ("0", "0G", "1.5G", "lots", "-1", "4GB", "", "99999999999G"):
            if ram:
                self.refused(f"RAM={ram}", RAM=ram)

    def test_hart_counts_that_are_none_are_refused_by_name(self):
        for harts in ("0", "two", "-1", "513", "1 2"):
            self.refused(f"HARTS={harts}", HARTS=harts)
        self.refused("HARTS=1", BOARD="sifive_u", HARTS="1")
        self.refused("HARTS=9", BOARD="spike", HARTS="9")

    def test_much_memory_is_not_reserved(self):
        self.assertIn("reserve=off", " ".join(self.words(RAM="64G")))
        self.assertNotIn("reserve=off", " ".join(self.words(RAM="1G")))

    def test_boards(self):
        self.assertIn("virt", self.words(BOARD="qemu_virt"))
        self.assertIn("spike", self.words(BOARD="spike"))
        self.assertIn("sifive_u", self.words(BOARD="sifive_u", HARTS="5"))
        self.refused("real board", BOARD="visionfive2")
        self.refused("BOARD=toaster is unknown", BOARD="toaster")

    def spike(self, **values):
        """As on a computer with Spike, whether this one has it or not."""
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "spike"), "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n")
            os.chmod(file.name, 0o755)
            path = {"PATH": folder + os.pathsep + os.environ["PATH"]}
            with unittest.mock.patch.dict(os.environ, path):
                return self.run_board(BOARD="spike-isa", OPENSBI=self.image.name, **values)

    def test_spike_takes_regions_of_ram(self):
        words = shlex.split(self.spike(RAM="0x40000000:64M,0x60000000:1G").stdout)
        self.assertIn("-m0x40000000:0x4000000,0x60000000:0x40000000", words)
        self.assertIn("-m512", shlex.split(self.spike(RAM="512M").stdout))
        for ram in ("0x40000000:", "40000000:64M", "0x40000000:64M,", ",0x40000000:64M", "0x40000000:64K", ":"):
            result = self.spike(RAM=ram)
            self.assertEqual(result.returncode, 2, ram)
            self.assertIn(f"RAM={ram}", result.stderr)
        self.refused("RAM=0x80000000:64M", RAM="0x80000000:64M")

    def test_a_run_of_spike_is_bounded_by_instructions(self):
        self.assertIn("--instructions=100000000000", shlex.split(self.spike(RUN="log").stdout))
        self.assertIn("--instructions=5", shlex.split(self.spike(INSTRUCTIONS="5").stdout))
        self.assertNotIn("--instructions", self.spike().stdout)
        self.assertNotIn("--instructions", self.spike(RUN="log", INSTRUCTIONS="0").stdout)
        self.assertIn("INSTRUCTIONS=many", self.spike(INSTRUCTIONS="many").stderr)
        self.refused("INSTRUCTIONS= is for BOARD=spike-isa", INSTRUCTIONS="5")

    def test_a_missing_image_is_named(self):
        self.refused("no-such-image.bin", IMAGE="no-such-image.bin")


class Make(unittest.TestCase):
    """What `make run` puts into the environment, seen through a stand-in for run-board's firmware: a dry run."""

    def make(self, *args):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("FPG_", "MAKE"))} | {"DRY_RUN": "1"}
        build = env.get("O", "build")
        return subprocess.run(["make", "--no-print-directory", "-s", "run", "SETUP=no", f"O={build}",
                               f"KCONFIG_CONFIG={build}/check/none", *args],
                              capture_output=True, text=True, check=False, env=env)

    def setUp(self):
        if not os.path.exists(os.path.join(os.environ.get("O", "build"), "firstpage.bin")):
            self.skipTest("the image is not built")

    def append(self, *args):
        result = self.make(*args)
        self.assertEqual(result.returncode, 0, result.stderr)
        words = shlex.split(result.stdout)
        return words[words.index("-append") + 1]

    def test_values_pass_through_make_unchanged(self):
        self.assertEqual(self.append('ARGS=run="a; b" it\'s $x $(y) #z'), 'run="a; b" it\'s $x $(y) #z')
        self.assertEqual(self.append("RUN=ledger; zones $x"), 'run="ledger; zones $x; poweroff"')

    def test_a_wrong_value_fails_make(self):
        self.assertNotEqual(self.make("RAM=much").returncode, 0)

    def test_the_boards_defaults_are_used(self):
        words = shlex.split(self.make("BOARD=sifive_u").stdout)
        self.assertEqual(words[words.index("-smp") + 1], "5")
