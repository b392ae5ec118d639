#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The payload's own map and fpg-map's are the same bytes.

Boots the image once a row, takes the device tree blob it really received off the console (`dtb dump`) and its map of
the stage "memblock, before its first allocation" (`ledger map memblock`), gives the blob, with the same load address,
image, DTB address and initrd, to fpg-map, and compares the two lines byte by byte.

  compare_map.py --image FILE --fpg-map FILE [--keep DIR] [NAME...]
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zlib

COMMANDS = "dtb dump; ledger map memblock"

# name, board, RAM, harts, bootargs, what run-board gets besides
NUMA2 = ("-object memory-backend-ram,id=m0,size=512M -object memory-backend-ram,id=m1,size=512M "
         "-numa node,nodeid=0,memdev=m0,cpus=0 -numa node,nodeid=1,memdev=m1,cpus=1 -numa dist,src=0,dst=1,val=31")
ROWS = [
    ("virt", "qemu_virt", "1G", "2", "", ""),
    ("virt-bootargs", "qemu_virt", "512M", "1", "mem=300M memmap=1M!0x90000000 nonsense=1", ""),
    ("virt-numa", "qemu_virt", "1G", "2", "", NUMA2),
    ("virt-initrd", "qemu_virt", "256M", "1", "", "-initrd {initrd}"),
    ("spike", "spike", "512M", "2", "", ""),
    ("sifive_u", "sifive_u", "1G", "3", "", ""),
    ("spike-isa", "spike-isa", "512M", "2", "", ""),
]


def boot(row, image, folder):
    """Run the row's machine; return (log text, exit status)."""
    name, board, ram, harts, bootargs, extra = row
    initrd = os.path.join(folder, "initrd")
    with open(initrd, "wb") as file:
        file.write(b"firstpage" * 11111)
    env = dict(os.environ, FPG_BOARD=board, FPG_RAM=ram, FPG_HARTS=harts, FPG_ARGS=bootargs, FPG_RUN=COMMANDS,
               FPG_QEMU_ARGS=extra.format(initrd=initrd), FPG_IMAGE=image, TIMEOUT="120")
    run = subprocess.run(["tools/run-board"], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, check=False)
    text = run.stdout.decode("utf-8", "replace").replace("\r", "")
    with open(os.path.join(folder, name + ".log"), "w", encoding="utf-8") as file:
        file.write(text)
    return text, run.returncode


def dumped_blob(text):
    """The blob from `dtb:` lines, checked by its length and CRC."""
    begin = re.search(r"^dtb: begin bytes=(\d+) crc32=0x([0-9a-f]{8})$", text, re.M)
    if not begin:
        raise ValueError("no `dtb: begin` line")
    blob = bytes.fromhex("".join(re.findall(r"^dtb: [0-9a-f]{6} ([0-9a-f]+)$", text, re.M)))
    if len(blob) != int(begin.group(1)) or zlib.crc32(blob) != int(begin.group(2), 16):
        raise ValueError("the dumped blob has %d bytes and CRC 0x%08x, not what `dtb: begin` says"
                         % (len(blob), zlib.crc32(blob)))
    return blob


def compare(row, args, folder):
    """Return None, or why the row fails."""
    text, status = boot(row, args.image, folder)
    if status != 0:
        return "the payload ended with status %d" % status
    try:
        blob = dumped_blob(text)
    except ValueError as err:
        return str(err)
    where = re.search(r"loaded at (0x[0-9a-f]+)", text)
    dtb = re.search(r"device tree at (0x[0-9a-f]+)", text)
    maps = re.findall(r"^@json (\{\"version\".*\})$", text, re.M)
    if not where or not dtb or len(maps) != 1:
        return "load address, DTB address or the map is missing in the log"
    path = os.path.join(folder, row[0] + ".dtb")
    with open(path, "wb") as file:
        file.write(blob)
    run = subprocess.run([args.fpg_map, path, "--load", where.group(1), "--image", args.image, "--dtb-addr",
                          dtb.group(1), "--json"], stdout=subprocess.PIPE, check=False)
    host = run.stdout.decode("utf-8", "replace").rstrip("\n")
    if run.returncode > 1:
        return "fpg-map ended with status %d" % run.returncode
    if host != maps[0]:
        at = next((i for i, (a, b) in enumerate(zip(host, maps[0])) if a != b), min(len(host), len(maps[0])))
        return "they differ at byte %d:\n# payload: %s\n# fpg-map: %s" % (
            at, maps[0][max(0, at - 60):at + 60], host[max(0, at - 60):at + 60])
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--image", required=True)
    parser.add_argument("--fpg-map", required=True)
    parser.add_argument("--keep", metavar="DIR")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or scratch
        os.makedirs(folder, exist_ok=True)
        for row in ROWS:
            if args.names and row[0] not in args.names:
                continue
            if row[1] == "spike-isa" and shutil.which("spike") is None:
                print("# skip map of spike-isa: no spike", flush=True)
                continue
            why = compare(row, args, folder)
            print("ok - map of %s" % row[0] if why is None else "not ok - map of %s: %s" % (row[0], why), flush=True)
            failed += why is not None
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
