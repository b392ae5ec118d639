#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The ledger on the target: at every size and shape of RAM its sum is exact, and equals the RAM there is.

Each row boots QEMU virt, takes pages, asks for the ledger as text and as JSON at the prompt and for every stage, and
compares: the rows of the JSON cover each byte of RAM once, ascending, and add up to what QEMU was given.

  ledger_rows.py --image FILE [--keep DIR] [--list] [NAME...]
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

MIB = 1 << 20
GIB = 1 << 30
BASE = 0x80000000
COMMANDS = "alloc 0 5; alloc 6; alloc 10; ledger; json on; ledger"


def numa(nodes, mib):
    """QEMU options for @nodes nodes of @mib MiB each, with a distance map."""
    # QEMU 7.2 ends in an error with its PLIC on more than two nodes; the other interrupt controller works.
    words = ["-M virt,aia=aplic"] if nodes > 2 else []
    for i in range(nodes):
        words.append("-object memory-backend-ram,id=m%d,size=%dM -numa node,nodeid=%d,memdev=m%d,cpus=%d"
                     % (i, mib, i, i, i))
    for i in range(nodes):
        for j in range(nodes):
            if i < j:
                words.append("-numa dist,src=%d,dst=%d,val=%d" % (i, j, 15 + 10 * (j - i)))
    return " ".join(words)


# name, RAM in MiB, harts, bootargs, more QEMU options, tuples of RAM instead of QEMU's own
ROWS = [
    ("64m", 64, 1, "", "", None),
    ("128m", 128, 2, "palloc=bootmem", "", None),
    ("1g", 1024, 2, "", "", None),
    ("4g", 4096, 4, "", "", None),
    ("16g", 16384, 2, "", "", None),
    ("16g-bootmem", 16384, 2, "palloc=bootmem", "", None),
    ("numa-2", 1024, 2, "", numa(2, 512), None),
    ("numa-4", 1024, 4, "", numa(4, 256), None),
    ("numa-4-bootmem", 1024, 4, "palloc=bootmem", numa(4, 256), None),
    ("initrd", 256, 1, "", "-initrd {initrd}", None),
    ("mem-limit", 512, 1, "mem=300M memmap=3M!0x90000000", "", None),
    ("memtest", 64, 1, "memtest=2", "", None),
    ("holes", 1024, 1, "", "-dtb {dtb}", [(BASE, 64 * MIB), (BASE + 96 * MIB, 32 * MIB + 0x1800),
                                          (BASE + 512 * MIB + 0x123, 5 * MIB), (BASE + 900 * MIB, 124 * MIB)]),
]


def edit_memory(path, tuples, bootargs):
    """Give the blob at @path other memory tuples, and @bootargs (QEMU adds none to a blob it is given)."""
    cells = []
    for base, size in tuples:
        cells += ["0x%x" % (base >> 32), "0x%x" % (base & 0xffffffff), "0x%x" % (size >> 32), "0x%x" % (size & 0xffffffff)]
    subprocess.run(["fdtput", "-t", "x", path, "/memory@80000000", "reg"] + cells, check=True)
    subprocess.run(["fdtput", "-t", "s", path, "/chosen", "bootargs", bootargs], check=True)


def boot(row, image, folder):
    """Run the row; return (console text, exit status, bytes of RAM)."""
    name, mib, harts, bootargs, extra, tuples = row
    initrd = os.path.join(folder, "initrd")
    dtb = os.path.join(folder, name + ".dtb")
    with open(initrd, "wb") as file:
        file.write(b"0123456789abcdef" * 100001)
    run = COMMANDS + "; poweroff"
    if tuples:
        subprocess.run(["qemu-system-riscv64", "-M", "virt,dumpdtb=" + dtb, "-m", "%dM" % mib, "-smp", str(harts),
                        "-nodefaults", "-display", "none"], check=True, stderr=subprocess.DEVNULL)
        edit_memory(dtb, tuples, 'run="%s"' % run)
    env = dict(os.environ, FPG_BOARD="qemu_virt", FPG_RAM="%dM" % mib, FPG_HARTS=str(harts), FPG_ARGS=bootargs,
               FPG_RUN=run, FPG_QEMU_ARGS=extra.format(initrd=initrd, dtb=dtb), FPG_IMAGE=image, TIMEOUT="120")
    done = subprocess.run(["tools/run-board"], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode("utf-8", "replace").replace("\r", "")
    with open(os.path.join(folder, name + ".log"), "w", encoding="utf-8") as file:
        file.write(text)
    return text, done.returncode, sum(size for _, size in tuples) if tuples else mib * MIB


def check_rows(answer, ram):
    """Each byte of RAM in exactly one row, ascending. Return None or what is wrong."""
    total = 0
    end = 0
    for row in answer["rows"]:
        base, size = int(row["base"], 16), int(row["size"], 16)
        if base < end or size == 0:
            return "row at 0x%x begins below 0x%x" % (base, end)
        total += size
        end = base + size
    if total != ram:
        return "the rows add up to %d, not to %d" % (total, ram)
    if int(answer["ram_bytes"], 16) != ram or answer["exact"] is not True:
        return "ram_bytes is %s, exact is %s" % (answer["ram_bytes"], answer["exact"])
    return None


def check(row, image, folder):
    """Return None, or why the row fails."""
    text, status, ram = boot(row, image, folder)
    if status != 0:
        return "exit status %d" % status
    line = "ledger: %d of %d bytes accounted for: exact" % (ram, ram)
    if line not in text:
        return "no line `%s`, but %s" % (line, re.findall(r"^ledger: .*", text, re.M))
    answers = [json.loads(a) for a in re.findall(r"^@json (\{.*\})$", text, re.M)]
    ledgers = [a for a in answers if a.get("command") == "ledger"]
    if len(ledgers) != 1:
        return "%d JSON answers of the ledger" % len(ledgers)
    return check_rows(ledgers[0], ram)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--image", required=True)
    parser.add_argument("--keep", metavar="DIR")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or scratch
        os.makedirs(folder, exist_ok=True)
        for row in ROWS:
            if args.names and row[0] not in args.names:
                continue
            if args.list:
                print(row[0])
                continue
            why = check(row, args.image, folder)
            print("ok - ledger %s" % row[0] if why is None else "not ok - ledger %s: %s" % (row[0], why), flush=True)
            failed += why is not None
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
