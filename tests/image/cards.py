# SPDX-License-Identifier: BSD-2-Clause
"""What tools/make_image writes, made and read back: shared by the tests of its structure and those that boot it."""
import os
import subprocess
import tempfile

import gpt

SPL_TYPE = "2E54B353-1271-4842-806F-E436D6AF6985"
UBOOT_TYPE = "BC13C2FF-59E6-4262-A352-B275FD6F7172"
DATA_TYPE = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"


def make(out, image, environment=None, **values):
    """Run make_image with FPG_ values. Return: the finished process"""
    env = {k: v for k, v in os.environ.items() if not k.startswith("FPG_") or k == "FPG_CACHE"}
    env |= {"FPG_IMAGE": image} | {"FPG_" + k: v for k, v in values.items()} | (environment or {})
    return subprocess.run(["tools/make_image", out], env=env, capture_output=True, text=True, check=False)


class Card:
    """What a card is to hold: firmware by partition, (name, type, first sector, bytes); the boot partition; its files."""

    def __init__(self, number, files, firmware=None):
        self.number = number
        self.files = files
        self.firmware = firmware or {}

    def wrong(self, path):
        """What of the file at @path is not so, as sentences."""
        with open(path, "rb") as file:
            image = file.read()
        parts, wrong = gpt.read(image)
        if wrong:
            return wrong
        if sorted(parts) != sorted([self.number, *self.firmware]):
            return [f"there are partitions {sorted(parts)}"]
        for number, (name, kind, first, held) in self.firmware.items():
            part = parts[number]
            if (part.name, part.type, part.first) != (name, kind, first):
                wrong.append(f"partition {number} is {part.name}, {part.type}, from {part.first}")
            inside = part.bytes(image)
            if inside[:len(held)] != held or any(inside[len(held):]):
                wrong.append(f"partition {number} does not hold the bytes that were given")
        boot = parts[self.number]
        if (boot.name, boot.type, boot.first) != ("boot", DATA_TYPE, 16384):
            wrong.append(f"the boot partition is {boot.name}, {boot.type}, from {boot.first}")
        if boot.attributes != gpt.LEGACY_BOOTABLE:
            wrong.append(f"the boot partition's attributes are {boot.attributes:#x}")
        return wrong + self.wrong_files(boot.bytes(image))

    def wrong_files(self, fat):
        """The file system in @fat (bytes): sound, with exactly the files there are to be, byte for byte."""
        wrong = []
        with tempfile.NamedTemporaryFile() as file:
            file.write(fat)
            file.flush()
            check = subprocess.run(["fsck.fat", "-n", file.name], capture_output=True, text=True, check=False)
            if check.returncode != 0:
                wrong.append(f"fsck.fat: {check.stdout.strip()}")
            seen = mtool("mdir", file.name, "-b", "-/", "::").decode().split("\n")
            seen = sorted(n.removeprefix("::/") for n in seen if n and not n.endswith("/"))
            if seen != sorted(self.files):
                wrong.append(f"the file system holds {seen}")
            for name in set(seen) & set(self.files):
                if mtool("mtype", file.name, "::" + name) != self.files[name]:
                    wrong.append(f"{name} is not what was given")
        return wrong


def mtool(tool, fat, *args):
    """What an mtools command prints about the file system in the file @fat."""
    return subprocess.run([tool, "-i", fat, *args], capture_output=True, check=False).stdout


def extlinux(board, append, *more):
    """The configuration that a card of @board is to have."""
    lines = [f"# Firstpage for {board}, read by U-Boot", "default firstpage", "prompt 0", "timeout 1", "",
             "label firstpage", "\tkernel /firstpage.bin", *["\t" + line for line in more], "\tappend " + append, ""]
    return "\n".join(lines).encode()
