#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""U-Boot on QEMU's virt boots Firstpage by booti from disks and SD cards; arguments, initrd and device tree arrive.

Every U-Boot that is given boots a disk with arguments. The last one also does the rest: an initrd, another device tree,
arguments of the greatest length, the VisionFive boards' very cards, and what StarFive's own U-Boot does with these
cards, typed at the prompt: this QEMU has another U-Boot and another machine, but the files and commands are the same.

  uboot_rows.py --image FILE [--firmware DIR] UBOOT...
"""
import argparse
import json
import os
import re
import select
import subprocess
import sys
import tempfile
import time

import cards

MIB = 1 << 20
LIMIT_S = 90
INITRD = b"0123456789abcdef" * 100001 + b"end"
EXACT = "ledger: %d of %d bytes accounted for: exact"


class Console:
    """A run whose prompts are answered: each of @dialogue is (what to wait for, what to type then)."""

    def __init__(self, env, dialogue):
        self.text = ""
        self.child = subprocess.Popen(["tools/run-board"], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT)
        deadline = time.monotonic() + LIMIT_S
        seen = 0
        for wanted, answer in dialogue:
            seen = self._wait(wanted, seen, deadline)
            if seen < 0:
                break
            try:
                os.write(self.child.stdin.fileno(), answer.encode())
            except BrokenPipeError:
                break
        while self._more(deadline):
            pass
        self.status = self.child.wait()

    def _more(self, deadline):
        out = self.child.stdout.fileno()
        if not select.select([out], [], [], max(0.0, deadline - time.monotonic()))[0]:
            self.child.terminate()
            return False
        data = os.read(out, 65536)
        self.text += data.decode("utf-8", "replace").replace("\r", "")
        return bool(data)

    def _wait(self, wanted, start, deadline):
        while wanted not in self.text[start:]:
            if not self._more(deadline):
                return -1
        return self.text.index(wanted, start) + len(wanted)


def typed(*lines):
    """A dialogue that stops the countdown and types @lines at U-Boot's prompt."""
    return [("Hit any key", "\n")] + [("=> ", line + "\n") for line in lines]


class Rows:
    def __init__(self, image, folder):
        self.image, self.folder = image, folder
        self.failed = 0
        self.uboot = self.version = ""

    def at(self, name):
        return os.path.join(self.folder, name)

    def boot(self, dialogue=(), **values):
        env = {k: v for k, v in os.environ.items() if not k.startswith("FPG_")}
        env |= {"FPG_IMAGE": self.image, "FPG_FIRMWARE": "uboot", "FPG_UBOOT": self.uboot, "TIMEOUT": str(LIMIT_S)}
        env |= {"FPG_" + k: v for k, v in values.items()}
        return Console(env, dialogue)

    def row(self, name, run, ram, *wanted, status=0):
        """One line: @run ended with @status, its ledger (of @ram bytes, if not None) is exact, it says all of @wanted."""
        lines = list(wanted) + ([EXACT % (ram, ram)] if ram is not None else [])
        wrong = [f"status {run.status}"] if run.status != status else []
        wrong += [f"no `{line}`" for line in lines if line not in run.text]
        self.say(name, wrong, run.text)

    def say(self, name, wrong, text=""):
        print("ok - u-boot " + name if not wrong else f"not ok - u-boot {name}: {'; '.join(wrong)}", flush=True)
        if wrong:
            print("    " + "\n    ".join(text.split("\n")[-60:]))
        self.failed += bool(wrong)

    def every(self, uboot):
        """What each U-Boot is to do; what comes behind it uses the same."""
        self.uboot = uboot
        with open(uboot, "rb") as file:
            found = re.search(rb"U-Boot (20\d\d\.\d\d)", file.read())
        self.version = label = found.group(1).decode() if found else "unknown"
        run = self.boot(ARGS="palloc=bootmem it's $HOME ${bootdelay} $(bootdelay)", RUN="ledger", RAM="1G")
        self.row(f"arguments ({label})", run, 1024 * MIB, "U-Boot 20", "Found /extlinux/extlinux.conf",
                 "Starting kernel ...", "boot: Firstpage on hart", "loaded at 0x80200000", ": bootmem serves",
                 "bootargs: warning: unknown, ignored: it's $HOME ${bootdelay} $(bootdelay)")
        self.row(f"failing command ({label})", self.boot(RUN="nonsense"), None, "firstpage: exit 1", status=1)

    def arguments(self):
        tail = ' run="ledger; poweroff"'
        run = self.boot(ARGS="x" * (255 - len(tail)) + tail, RAM="256M")
        self.row("arguments of 255 characters", run, 256 * MIB)
        run = self.boot([("fpg> ", "ledger\n"), ("exact", "poweroff\n")])
        self.row("no arguments: the prompt", run, 1024 * MIB)
        if "bootargs: warning" in run.text:
            self.say("no arguments: none of U-Boot's own", ["there were some"], run.text)

    def initrd(self):
        with open(self.at("initrd"), "wb") as file:
            file.write(INITRD)
        run = self.boot(INITRD=self.at("initrd"), RUN="json on; ledger; json off; ledger", HARTS="4")
        self.row("initrd", run, 1024 * MIB)
        answers = [json.loads(a) for a in re.findall(r"^@json (\{.*\})$", run.text, re.M)]
        sizes = [int(r["size"], 16) for a in answers for r in a.get("rows", []) if "initrd" in json.dumps(r)]
        self.say("initrd: every byte in the ledger", [] if sum(sizes) == len(INITRD) else [f"rows of {sizes}"], run.text)

    def device_tree(self):
        """Another model, less memory and a hart less than there is."""
        dtb = self.at("board.dtb")
        subprocess.run(["qemu-system-riscv64", "-M", "virt,dumpdtb=" + dtb, "-m", "1G", "-smp", "4", "-nodefaults",
                        "-display", "none"], check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["fdtput", "-t", "s", dtb, "/", "model", "a board from a disk"], check=True)
        subprocess.run(["fdtput", "-t", "x", dtb, "/memory@80000000", "reg", "0", "80000000", "0", "30000000"], check=True)
        subprocess.run(["fdtput", "-t", "s", dtb, "/cpus/cpu@3", "status", "disabled"], check=True)
        run = self.boot(DTB=dtb, RUN="ledger; harts", HARTS="4")
        self.row("device tree", run, 768 * MIB, "Retrieving file: /board.dtb", "boot: machine: a board from a disk",
                 "harts: 3 harts online")

    def prompt(self):
        """The serial path of flash-help, with a memory size that was set by hand."""
        load = "virtio scan; load virtio 0:1 ${kernel_addr_r} firstpage.bin"
        disk = self.at("prompt.img")
        cards.make(disk, self.image)
        run = self.boot(typed("setenv bootargs 'run=\"ledger; poweroff\"'", load,
                              "fdt addr ${fdtcontroladdr}; fdt move ${fdtcontroladdr} ${fdt_addr_r} 20000",
                              "fdt memory 0x80000000 0x30000000", "booti ${kernel_addr_r} - ${fdt_addr_r}"), DISK=disk)
        self.row("typed at the prompt", run, 768 * MIB)

    def board_cards(self, firmware):
        card = self.at("visionfive2.img")
        values = {"UBOOT": firmware or "none"}
        cards.make(card, self.image, BOARD="visionfive2", RUN="ledger", **values)
        what = "with Debian's firmware" if firmware else "without firmware"
        self.row(f"visionfive2's card {what}", self.boot(DISK=card), 1024 * MIB, "Scanning virtio 0:3")
        # Mainline's for this board boots by itself with this command, not by distro_bootcmd as that for QEMU.
        if self.version >= "2025.01":
            run = self.boot(typed("virtio scan", "bootflow scan"), DISK=card)
            self.row("visionfive2's card, by bootflow scan", run, 1024 * MIB, "part_3' with extlinux")
        else:
            print(f"# skip u-boot visionfive2's card, by bootflow scan: for U-Boot 2025.01, this is {self.version}")
        # StarFive's v2021.10: what it has set before it runs boot2 (its starfive-visionfive2.h, load_sdk_uenv).
        run = self.boot(typed("setenv bootdev virtio; setenv devnum 0; setenv bootpart 3; setenv fdt_addr; virtio scan",
                              "fatload ${bootdev} ${devnum}:${bootpart} ${loadaddr} vf2_uEnv.txt",
                              "env import -t ${loadaddr} ${filesize}", "run boot2"), DISK=card)
        self.row("visionfive2's card, StarFive's commands", run, 1024 * MIB, "device tree at 0x8c000000")
        card = self.at("visionfive.img")
        cards.make(card, self.image, BOARD="visionfive", RUN="ledger")
        self.row("visionfive's card", self.boot(DISK=card), 1024 * MIB, "Scanning virtio 0:1")
        # StarFive's v2022.04-rc2: no addresses but loadaddr; preboot loads from partition 1 (mmcbootenv).
        names = "kernel_addr_r fdt_addr_r scriptaddr ramdisk_addr_r"
        run = self.boot(typed(f"for name in {names}; do setenv ${{name}}; done; setenv loadaddr 0xa0000000; virtio scan",
                              "fatload virtio 0 ${loadaddr} uEnv.txt", "env import -t ${loadaddr} ${filesize}",
                              "run distro_bootcmd"), DISK=card)
        self.row("visionfive's card, StarFive's commands", run, 1024 * MIB, "Moving Image from 0x84000000")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--image", required=True)
    parser.add_argument("--firmware", default="")
    parser.add_argument("uboots", nargs="+", metavar="UBOOT")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = Rows(args.image, folder)
        for uboot in args.uboots:
            rows.every(uboot)
        rows.arguments()
        rows.initrd()
        rows.device_tree()
        rows.prompt()
        rows.board_cards(args.firmware)
    return 1 if rows.failed else 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
