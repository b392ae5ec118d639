# SPDX-License-Identifier: BSD-2-Clause
"""U-Boot's part of run-board, what make hands to make_image, and flash_help: values arrive whole, wrong ones are refused."""
import os
import shlex
import shutil
import subprocess
import tempfile
import unittest

BUILD = os.environ.get("O", "build")
IMAGE = os.path.join(BUILD, "firstpage.bin")


def run(script, *args, **values):
    """Start tools/@script with FPG_ values."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("FPG_")}
    env |= {"FPG_" + k: v for k, v in values.items()}
    return subprocess.run(["tools/" + script, *args], capture_output=True, text=True, check=False, env=env)


class Firmware(unittest.TestCase):
    def setUp(self):
        os.environ["DRY_RUN"] = "1"
        self.file = tempfile.NamedTemporaryFile()

    def tearDown(self):
        del os.environ["DRY_RUN"]
        self.file.close()

    def run_board(self, **values):
        return run("run-board", IMAGE=self.file.name, UBOOT=self.file.name, FIRMWARE="uboot", **values)

    def refused(self, text, **values):
        result = self.run_board(**values)
        self.assertEqual(result.returncode, 2)
        self.assertIn(text, result.stderr)

    def test_uboot_is_the_kernel_and_the_image_is_on_a_disk_that_is_not_written_to(self):
        words = shlex.split(self.run_board(ARGS="palloc=buddy").stdout)
        self.assertEqual(words[words.index("-kernel") + 1], self.file.name)
        self.assertNotIn("-append", words)
        self.assertIn("snapshot=on", words[words.index("-drive") + 1])

    def test_a_disk_that_was_given_is_used(self):
        words = shlex.split(self.run_board(DISK=self.file.name).stdout)
        self.assertIn(f"file={self.file.name},", words[words.index("-drive") + 1])

    def test_what_does_not_go_together_is_refused(self):
        self.refused("BOARD=qemu_virt only", BOARD="spike")
        self.refused("too little for U-Boot", RAM="128M")
        self.refused("leave ARGS, RUN, DTB, INITRD out", DISK=self.file.name, RUN="ledger")
        self.refused("DISK=no-such-disk is not there", DISK="no-such-disk")

    def test_without_uboot_its_variables_are_refused_by_name(self):
        for name in ("UBOOT", "DTB", "INITRD", "DISK"):
            result = run("run-board", IMAGE=self.file.name, **{name: "some.file"})
            self.assertEqual(result.returncode, 2)
            self.assertIn(f"{name}= goes with FIRMWARE=uboot", result.stderr)

    def test_other_firmware_is_refused_by_name(self):
        result = run("run-board", IMAGE=self.file.name, FIRMWARE="coreboot")
        self.assertEqual(result.returncode, 2)
        self.assertIn("FIRMWARE=coreboot is unknown", result.stderr)

    def test_an_uboot_that_is_not_there_is_named(self):
        result = run("run-board", IMAGE=self.file.name, FIRMWARE="uboot", UBOOT="no-such-u-boot")
        self.assertEqual(result.returncode, 2)
        self.assertIn("UBOOT=no-such-u-boot is not there", result.stderr)


class FlashHelp(unittest.TestCase):
    def setUp(self):
        self.file = tempfile.NamedTemporaryFile()
        self.file.write(bytes(368640))
        self.file.flush()

    def tearDown(self):
        self.file.close()

    def test_each_board_has_its_addresses(self):
        for board, kernel, fdt in (("visionfive2", "0x40200000", "0x46000000"), ("visionfive", "0x84000000", "0x88000000")):
            result = run("flash_help", BOARD=board, IMAGE=self.file.name, CARD="the.img")
            self.assertEqual(result.returncode, 0, result.stderr)
            for line in (f"loady {kernel}", f"booti {kernel} - ${{fdtcontroladdr}}", f"booti {kernel} - {fdt}",
                         f"tftpboot {kernel} firstpage.bin", "if=the.img of=/dev/sdX", "115200", "368640 bytes, about 33 s",
                         "nothing of this was run on hardware"):
                self.assertIn(line, result.stdout)
        self.assertNotIn("fdt memory", result.stdout)

    def test_a_simulator_is_refused(self):
        for board in ("qemu_virt", "spike", "sifive_u", "spike-isa", ""):
            result = run("flash_help", BOARD=board, IMAGE=self.file.name)
            self.assertEqual(result.returncode, 2)
            self.assertIn("is a simulator", result.stderr)


class Delete(unittest.TestCase):
    def test_the_disk_of_a_run_is_gone_whatever_the_end(self):
        for script in ("echo 'firstpage: exit 0'", "exit 3", "kill -TERM $PPID; sleep 5"):
            with tempfile.TemporaryDirectory() as folder:
                disk = os.path.join(folder, "disk")
                open(disk, "wb").close()
                run("fpg-run", "--timeout", "20", "--delete", disk, "--", "sh", "-c", script)
                self.assertEqual(os.listdir(folder), [])

    def test_wrong_usage_deletes_too(self):
        with tempfile.TemporaryDirectory() as folder:
            disk = os.path.join(folder, "disk")
            open(disk, "wb").close()
            self.assertEqual(run("fpg-run", "--delete", disk).returncode, 2)
            self.assertEqual(os.listdir(folder), [])


@unittest.skipUnless(os.path.exists(IMAGE), "the image is not built")
class Make(unittest.TestCase):
    def make(self, *args):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("FPG_", "MAKE"))}
        return subprocess.run(["make", "--no-print-directory", "-s", "image", "SETUP=no", f"O={BUILD}",
                               f"KCONFIG_CONFIG={BUILD}/check/none", *args],
                              capture_output=True, text=True, check=False, env=env)

    def test_values_pass_through_make_unchanged(self):
        if not shutil.which("sgdisk", path=os.environ["PATH"] + ":/usr/sbin:/sbin") or not shutil.which("mformat"):
            self.skipTest("no sgdisk or no mtools")
        result = self.make("ARGS=x=$y it's #z", "RUN=ledger; zones")
        self.assertEqual(result.returncode, 0, result.stderr)
        text = subprocess.run(["mtype", "-i", f"{BUILD}/qemu_virt.img@@8M", "::/extlinux/extlinux.conf"],
                              capture_output=True, text=True, check=False).stdout
        self.assertIn("\tappend x=\\$y it\\'s #z run=\"ledger; zones; poweroff\"\n", text)

    def test_a_value_that_no_disk_can_hold_fails_make(self):
        self.assertNotEqual(self.make("ARGS=a\\b").returncode, 0)
