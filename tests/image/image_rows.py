#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Disks and SD cards are what they are said to be: read back, every byte of theirs is what went in, and a spoiled one is
noticed.

The table is read by gpt.py and by sgdisk, the file system by mtools and fsck.fat. U-Boot's files are stand-ins of sizes
that fill no sector, and those of Debian's package where it could be fetched (--uboot).

  image_rows.py --image FILE [--uboot DIR] [--out DIR]
"""
import argparse
import os
import random
import subprocess
import sys
import tempfile

import cards
import gpt

UENV_1 = b"kernel_addr_r=0x84000000\nfdt_addr_r=0x88000000\nscriptaddr=0x88100000\nramdisk_addr_r=0x88300000\n"
UENV_2 = (b"boot2=fdt addr ${fdtcontroladdr}; fdt move ${fdtcontroladdr} ${fdt_addr_r} 20000; setenv fdt_addr "
          b"${fdt_addr_r}; sysboot ${bootdev} ${devnum}:${bootpart} fat ${scriptaddr} /extlinux/extlinux.conf\n")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)
    return path


class Rows:
    def __init__(self, args, folder):
        self.image, self.folder = args.image, folder
        self.payload = read(args.image)
        self.failed = 0
        self.dtb = write(self.at("some.dtb"), b"\xd0\x0d\xfe\xed" + bytes(range(256)) * 3)
        self.initrd = write(self.at("initrd"), b"0123456789abcdef" * 2500001)
        self.uboot = self.at("u-boot")
        os.makedirs(self.uboot, exist_ok=True)
        rng = random.Random(7)
        write(os.path.join(self.uboot, "u-boot-spl.bin.normal.out"), rng.randbytes(147281) + b"\1")
        write(os.path.join(self.uboot, "u-boot.itb"), rng.randbytes(1024538) + b"\1")

    def at(self, name):
        return os.path.join(self.folder, name)

    def row(self, name, wrong):
        """One line; @wrong: sentences."""
        print("ok - image " + name if not wrong else f"not ok - image {name}: " + "; ".join(wrong), flush=True)
        self.failed += bool(wrong)

    def firmware(self, folder):
        return {1: ("spl", cards.SPL_TYPE, 4096, read(os.path.join(folder, "u-boot-spl.bin.normal.out"))),
                2: ("uboot", cards.UBOOT_TYPE, 8192, read(os.path.join(folder, "u-boot.itb")))}

    def card(self, board, conf, uboot=None, **files):
        """What make_image is to write for @board, with U-Boot from the folder @uboot."""
        names = {"firstpage.bin": self.payload, "extlinux/extlinux.conf": conf} | files
        if board != "qemu_virt":
            names["uEnv.txt" if board == "visionfive" else "vf2_uEnv.txt"] = UENV_1 if board == "visionfive" else UENV_2
        return cards.Card(3 if board == "visionfive2" else 1, names, self.firmware(uboot) if uboot else None)

    def compare(self, name, card, **values):
        """Make a card and read it back. Return: its file"""
        out = self.at(name + ".img")
        made = cards.make(out, self.image, **values)
        wrong = card.wrong(out) if made.returncode == 0 else [made.stderr.strip()]
        if not wrong:
            verdict = subprocess.run(["sgdisk", "-v", out], capture_output=True, text=True, check=False).stdout
            if "No problems found" not in verdict:
                wrong.append("sgdisk: " + verdict.strip())
        self.row(name, wrong)
        return out, made

    def contents(self, package):
        conf = cards.extlinux("visionfive2", 'palloc=bootmem run="ledger; poweroff"')
        self.compare("visionfive2", self.card("visionfive2", conf, self.uboot), BOARD="visionfive2", UBOOT=self.uboot,
                     ARGS="palloc=bootmem", RUN="ledger")
        if package:
            self.compare("visionfive2-debian", self.card("visionfive2", conf, package), BOARD="visionfive2",
                         UBOOT=package, ARGS="palloc=bootmem", RUN="ledger")
        else:
            print("# skip image visionfive2-debian: no u-boot-starfive")
        none = cards.extlinux("visionfive2", "${firstpage_args}")
        _, made = self.compare("visionfive2-without-uboot", self.card("visionfive2", none), BOARD="visionfive2",
                               UBOOT="none")
        self.row("says-that-it-has-no-uboot", [] if "no U-Boot is in this image" in made.stderr else [made.stderr])
        conf = cards.extlinux("visionfive", r"it\'s \${x} \$(y)", "fdt /board.dtb")
        self.compare("visionfive", self.card("visionfive", conf, **{"board.dtb": read(self.dtb)}), BOARD="visionfive",
                     ARGS="it's ${x} $(y)", DTB=self.dtb)
        conf = cards.extlinux("qemu_virt", "${firstpage_args}", "initrd /initrd")
        self.compare("large-initrd", self.card("qemu_virt", conf, initrd=read(self.initrd)), ARGS="  ", INITRD=self.initrd)

    def same_bytes(self):
        """From another folder, a second later, in another time zone: the same; another date: another."""
        values = {"BOARD": "visionfive2", "UBOOT": self.uboot, "RUN": "ledger", "DTB": self.dtb}
        first, second, third = self.at("a.img"), self.at("elsewhere/b.img"), self.at("c.img")
        subprocess.run(["sleep", "2"], check=True)
        for out, more in ((first, {}), (second, {"TZ": "Asia/Tokyo"}), (third, {"SOURCE_DATE_EPOCH": "1700000000"})):
            cards.make(out, self.image, more, **values)
        one, other = read(first), read(third)
        self.row("same-bytes", [] if one == read(second) else ["they differ"])
        # The root directory and /extlinux have dates, in two sectors; nothing else may change.
        changed = sum(one[i:i + 512] != other[i:i + 512] for i in range(0, len(one), 512))
        self.row("source-date-epoch", [] if changed == 2 else [f"{changed} sectors changed"])

    def spoiled(self):
        """Each kind of damage is noticed by name."""
        out = self.at("visionfive2.img")
        good = read(out)
        conf = cards.extlinux("visionfive2", 'palloc=bootmem run="ledger; poweroff"')
        card = self.card("visionfive2", conf, self.uboot)
        self.row("unspoiled", card.wrong(out))
        entry, end = 2 * gpt.SECTOR, len(good)
        payload = good.index(self.payload[:4096])

        def damage(at, value, sealed=False):
            image = bytearray(good)
            image[at:at + len(value)] = value
            if sealed:
                gpt.seal(image)
            return image

        cases = {
            "spl-guid": (damage(entry, b"\0"), "wrong sum"),
            "spl-guid-sealed": (damage(entry, b"\0", True), "partition 1 is spl"),
            "uboot-guid-sealed": (damage(entry + 128 + 3, b"\0", True), "partition 2 is uboot"),
            "header-sum": (damage(512 + 16, b"\0\0\0\0"), "sector 1 has a wrong sum"),
            "backup-header": (damage(end - 512 + 24, b"\7"), "wrong sum"),
            "backup-entries": (damage(end - 33 * 512 + 40, b"\7"), "wrong sum"),
            "overlap-sealed": (damage(entry + 128 + 32, (8190).to_bytes(8, "little"), True), "overlap"),
            "outside-sealed": (damage(entry + 256 + 40, (end // 512).to_bytes(8, "little"), True), "leaves the usable"),
            "not-bootable-sealed": (damage(entry + 256 + 48, b"\0", True), "attributes"),
            "mbr": (damage(446 + 4, b"\x83"), "not protective"),
            "spl-byte": (damage(4096 * 512 + 1000, bytes([good[4096 * 512 + 1000] ^ 1])), "partition 1 does not hold"),
            "uboot-last-byte": (damage(8192 * 512 + 1024538, b"\2"), "partition 2 does not hold"),
            "payload-byte": (damage(payload + 100, bytes([good[payload + 100] ^ 1])), "firstpage.bin is not"),
            "extlinux-byte": (damage(good.index(b"palloc=bootmem"), b"q"), "extlinux.conf is not"),
            "cut": (good[:-512], "none"),
        }
        for name, (image, wanted) in cases.items():
            text = "; ".join(card.wrong(write(self.at("spoiled.img"), image)))
            self.row("spoiled-" + name, [] if wanted in text else [f"noticed: {text or 'nothing'}"])

    def refused(self):
        """What cannot be put on a disk is refused by name, and nothing is left behind."""
        big = self.at("big")
        os.makedirs(big, exist_ok=True)
        write(os.path.join(big, "u-boot-spl.bin.normal.out"), bytes((2 << 20) + 1))
        write(os.path.join(big, "u-boot.itb"), b"1")
        cases = [
            ("no disk", "BOARD=sifive_u boots from no disk", {"BOARD": "sifive_u"}),
            ("unknown board", "BOARD=toaster is unknown", {"BOARD": "toaster"}),
            ("a backslash", "no backslash", {"ARGS": "a\\b"}),
            ("two lines", "printable", {"ARGS": "a\nb"}),
            ("two bytes a character", "printable", {"ARGS": "\u00e9" * 200}),
            ("a comment", "begin with #", {"ARGS": "#a"}),
            ("a double quote in RUN", "double quote", {"RUN": 'log "x"'}),
            ("256 characters", "256 characters", {"ARGS": "a" * 256}),
            ("255 that become 256", "256 characters", {"ARGS": "a" * 254 + "$"}),
            ("no blob", "no device-tree blob", {"DTB": self.image}),
            ("no file", "INITRD=no-such-file cannot be read", {"INITRD": "no-such-file"}),
            ("firmware where none goes", "not on its disk", {"BOARD": "visionfive", "UBOOT": self.uboot}),
            ("too large", "larger than 2 MiB", {"BOARD": "visionfive2", "UBOOT": big}),
            ("no firmware there", "u-boot-spl.bin.normal.out cannot be read",
             {"BOARD": "visionfive2", "UBOOT": self.folder}),
        ]
        out = self.at("refused.img")
        for name, wanted, values in cases:
            made = cards.make(out, self.image, {"LC_ALL": "C.UTF-8"}, **values)
            left = [n for n in os.listdir(self.folder) if n.startswith("refused")]
            good = made.returncode == 2 and wanted in made.stderr and not left
            self.row("refused: " + name, [] if good else [f"status {made.returncode}, {made.stderr.strip()}, {left}"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--image", required=True)
    parser.add_argument("--uboot", default="")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = Rows(args, folder)
        rows.contents(args.uboot)
        rows.same_bytes()
        rows.spoiled()
        rows.refused()
    return 1 if rows.failed else 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
