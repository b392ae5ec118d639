# SPDX-License-Identifier: BSD-2-Clause
"""What is generated is right, and what cannot be generated is refused with a message that says why."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

KPYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3"


def tool(*args, cwd=None, env=None):
    return subprocess.run(list(args), capture_output=True, text=True, check=False, cwd=cwd,
                          env=os.environ | (env or {}))


class Registry(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.out = os.path.join(self.folder.name, "gen", "palloc_table.c")

    def tearDown(self):
        self.folder.cleanup()

    def generate(self, *names):
        return tool(sys.executable, "tools/gen_registry.py", self.out, *names)

    def test_the_table_keeps_the_listed_order(self):
        self.assertEqual(self.generate("z_ops", "a_ops", "m_ops").returncode, 0)
        with open(self.out, encoding="utf-8") as source:
            table = source.read().split("palloc_table[] = {")[1]
        self.assertEqual(table.split()[:5], ["&z_ops,", "&a_ops,", "&m_ops,", "NULL,", "};"])

    def test_overlays_have_a_table_of_their_own(self):
        self.assertEqual(self.generate("a_ops", "--overlays", "z_ops", "b_ops").returncode, 0)
        with open(self.out, encoding="utf-8") as source:
            backends, overlays = source.read().split("palloc_overlay_table[] = {")
        self.assertEqual(backends.split("palloc_table[] = {")[1].split()[:3], ["&a_ops,", "NULL,", "};"])
        self.assertEqual(overlays.split(), ["&z_ops,", "&b_ops,", "NULL,", "};"])
        for name in ("a_ops", "z_ops", "b_ops"):
            self.assertIn(f"extern const struct palloc_ops {name};", backends)

    def test_without_overlays_their_table_is_empty(self):
        self.assertEqual(self.generate("a_ops", "--overlays").returncode, 0)
        with open(self.out, encoding="utf-8") as source:
            table = source.read().split("palloc_overlay_table[] = {")[1]
        self.assertEqual(table.split(), ["NULL,", "};"])

    def test_overlays_alone_are_no_page_allocator(self):
        result = self.generate("--overlays", "a_ops")
        self.assertEqual(result.returncode, 1)
        self.assertIn("no page allocator", result.stderr)

    def test_a_backend_is_no_overlay_too(self):
        result = self.generate("a_ops", "--overlays", "a_ops")
        self.assertEqual(result.returncode, 1)
        self.assertIn("'a_ops' is registered twice", result.stderr)

    def test_a_name_given_twice_is_refused_by_name(self):
        result = self.generate("a_ops", "b_ops", "a_ops")
        self.assertEqual(result.returncode, 1)
        self.assertIn("'a_ops' is registered twice", result.stderr)
        self.assertFalse(os.path.exists(self.out))

    def test_no_backend_is_refused(self):
        result = self.generate()
        self.assertEqual(result.returncode, 1)
        self.assertIn("no page allocator", result.stderr)

    def test_a_name_that_is_no_identifier_is_refused(self):
        self.assertEqual(self.generate("a-ops").returncode, 1)


class Symbols(unittest.TestCase):
    NM = """\
ffffffff80000000 T __image_start
ffffffff80000040 T later
ffffffff80000010 t first
ffffffff80000040 T an_alias_of_later
ffffffff80001000 D data_is_left_out
0000000000000007 a absolute_is_left_out
"""

    def generate(self, listing):
        with tempfile.TemporaryDirectory() as folder:
            nm, out = os.path.join(folder, "nm"), os.path.join(folder, "symbols.S")
            with open(nm, "w", encoding="utf-8") as file:
                file.write(listing)
            result = tool(sys.executable, "tools/gen_symbols.py", out, nm)
            if result.returncode:
                return result.stderr
            with open(out, encoding="utf-8") as file:
                return file.read()

    def test_functions_are_listed_by_offset_and_aliases_once(self):
        text = self.generate(self.NM)
        self.assertIn("fpg_symbol_count:\n\t.word 2\n", text)
        self.assertIn("fpg_symbol_offset:\n\t.word 0x10\n\t.word 0x40\n", text)
        self.assertIn('\t.asciz "first"\n\t.asciz "an_alias_of_later"\n', text)

    def test_the_order_of_the_listing_does_not_matter(self):
        backwards = "\n".join(reversed(self.NM.splitlines()))
        self.assertEqual(self.generate(self.NM), self.generate(backwards))

    def test_an_image_without_a_start_is_refused(self):
        self.assertIn("__image_start", self.generate("0000000000000010 T main\n"))


class Configuration(unittest.TestCase):
    """On a copy of the Kconfig tree, so that a backend can be added and taken away."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = self.folder.name
        for path in ["Kconfig"] + glob.glob("*/**/Kconfig", recursive=True) + glob.glob("configs/*"):
            if not path.startswith("build"):
                os.makedirs(os.path.join(self.root, os.path.dirname(path)), exist_ok=True)
                shutil.copy(path, os.path.join(self.root, path))
        self.kconf_py = os.path.abspath("tools/kconf.py")

    def tearDown(self):
        self.folder.cleanup()

    def kconf(self, *args):
        return tool(KPYTHON, self.kconf_py, *args, cwd=self.root, env={"KCONFIG_CONFIG": ".config"})

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            return file.read()

    def header_of(self, defconfig):
        result = self.kconf("generate", defconfig, "gen")
        self.assertEqual(result.returncode, 0, result.stderr)
        return self.read("gen/config.h")

    def test_every_boards_header_is_the_same(self):
        boards = [c for c in glob.glob("configs/*_defconfig") if "tiny" not in c and "debug" not in c]
        self.assertGreaterEqual(len(boards), 6)
        self.assertEqual(len({self.header_of(c) for c in boards}), 1)

    def test_run_defaults_stay_out_of_the_header(self):
        header = self.header_of("configs/spike_defconfig")
        self.assertNotIn("BOARD", header)
        self.assertNotIn("RUN_", header)
        self.assertIn("RUN_RAM_spike := ", self.read("gen/config.mk"))

    def test_a_users_run_value_counts_for_the_chosen_board_only(self):
        self.write("mine", 'CONFIG_BOARD_SPIKE=y\nCONFIG_RUN_RAM="77M"\n')
        self.header_of("mine")
        fragment = self.read("gen/config.mk")
        self.assertIn("RUN_RAM_spike := 77M\n", fragment)
        self.assertEqual(fragment.count(":= 77M\n"), 2)  # CONFIG_RUN_RAM is the other

    def test_a_new_backend_needs_its_own_folder_only(self):
        self.write("allocators/zebra/Kconfig",
                   'config PALLOC_ZEBRA\n\tbool "zebra"\n\tdefault y\n\thelp\n\t  Stripes.\n'
                   'choice PALLOC_DEFAULT_CHOICE\n'
                   'config PALLOC_DEFAULT_ZEBRA\n\tbool "zebra"\n\tdepends on PALLOC_ZEBRA\n\thelp\n\t  Stripes.\n'
                   'endchoice\n'
                   'config PALLOC_DEFAULT\n\tstring\n\tdefault "zebra" if PALLOC_DEFAULT_ZEBRA\n')
        self.assertIn("#define CONFIG_PALLOC_ZEBRA 1", self.header_of("configs/qemu_virt_defconfig"))
        self.write("mine", "CONFIG_PALLOC_DEFAULT_ZEBRA=y\n")
        self.assertIn('#define CONFIG_PALLOC_DEFAULT "zebra"', self.header_of("mine"))
        self.assertEqual(self.kconf("check").returncode, 0)

    def test_a_configuration_without_a_backend_is_refused_and_says_where_to_go(self):
        self.write("mine", "# CONFIG_PALLOC_BOOTMEM is not set\n# CONFIG_PALLOC_BUDDY is not set\n")
        for command in (("generate", "mine", "gen"), ("defconfig", "mine")):
            result = self.kconf(*command)
            self.assertEqual(result.returncode, 1)
            self.assertIn("no page allocator", result.stderr)
            self.assertIn("CONFIG_PALLOC_BUDDY", result.stderr)

    def test_the_default_follows_when_its_backend_goes(self):
        self.write("mine", "# CONFIG_PALLOC_BUDDY is not set\n")
        self.assertIn('#define CONFIG_PALLOC_DEFAULT "bootmem"', self.header_of("mine"))

    def test_an_unknown_symbol_is_named(self):
        self.write("mine", "CONFIG_NO_SUCH_THING=y\n")
        self.assertIn("NO_SUCH_THING", self.kconf("generate", "mine", "gen").stderr)

    def test_saving_and_loading_leads_to_the_same_header(self):
        for defconfig in sorted(glob.glob("configs/*_defconfig")):
            before = self.header_of(defconfig)
            self.assertEqual(self.kconf("defconfig", defconfig).returncode, 0)
            self.assertEqual(self.header_of(".config"), before, defconfig)
            self.assertEqual(self.kconf("savedefconfig", ".config", "small").returncode, 0)
            self.assertEqual(self.header_of("small"), before, defconfig)

    def test_quotes_and_backslashes_in_a_string_reach_the_header_whole(self):
        self.write("mine", 'CONFIG_BOOTARGS="run=\\"a; b\\" c:\\\\d"\n')
        self.assertIn('#define CONFIG_BOOTARGS "run=\\"a; b\\" c:\\\\d"\n', self.header_of("mine"))

    def test_a_header_that_stays_the_same_keeps_its_time(self):
        self.header_of("configs/spike_defconfig")
        path = os.path.join(self.root, "gen/config.h")
        os.utime(path, (1, 1))
        self.header_of("configs/visionfive_defconfig")
        self.assertEqual(os.stat(path).st_mtime, 1)

    def test_random_configurations_repeat_and_can_be_generated(self):
        for seed in ("1", "2", "3", "4", "5"):
            self.assertEqual(self.kconf("random", seed).returncode, 0)
            first = self.read(".config")
            self.header_of(".config")
            self.assertEqual(self.kconf("random", seed).returncode, 0)
            self.assertEqual(self.read(".config"), first)
