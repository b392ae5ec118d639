#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""boot_cases.py [--image BIN] [--elf ELF] [--list] [NAME...]: boot the image as no firmware would, and see how it takes it.

Each case is one line of a table: what the test loader (stub.S) is told, what the machine looks like, and which words
and which exit status must come. Without NAME all cases run; NAME selects those whose name has it. Prints `ok - name` or
`not ok - name` with the console's last lines behind `#`, at the end `N passed, M failed`; exits 1 when one failed.

Environment: QEMU, CROSS_COMPILE, FPG_OPENSBI (the firmware, else QEMU's own), TIMEOUT (seconds a case, else 60).
"""
import argparse
import os
import re
import struct
import subprocess
import sys
import tempfile

import loader
from loader import ALL, HART, JUMP, MAGIC, OFF_STRUCT, PARAMS, SUPERPAGE, TOTALSIZE, VERSION, word

QEMU = os.environ.get("QEMU", "qemu-system-riscv64")
HERE = os.path.dirname(os.path.abspath(__file__))
FPG_RUN = os.path.join(HERE, "..", "..", "tools", "fpg-run")

# QEMU virt: RAM begins here, and OpenSBI starts what -kernel gave at the second address.
RAM_BASE = 0x80000000
STUB = 0x80200000
# Places in the RAM of a case, clear of the stub and of QEMU's own blob (at most 2 MiB below the end).
IMAGE = 0x80400000
BLOB = 0x88000000

EXACT = r"ledger: (\d+) of \1 bytes accounted for: exact"
DAMAGED = r"device tree of 0x[0-9a-f]+ bytes .*is damaged: FDT_ERR_[A-Z]+"
UNALIGNED = r"firstpage: loaded at 0x0*%x, which is not a multiple of 2 MiB"


class Case:
    """One boot. @expect: a regular expression, or a list of them, in this order on the console."""

    def __init__(self, name, expect, status, **told):
        self.name, self.status = name, status
        self.expect = [expect] if isinstance(expect, str) else expect
        # Never on the console.
        self.never = told.pop("never", r"panic inside a panic")
        self.run = told.pop("run", "ledger; poweroff")
        # Boot arguments besides run=.
        self.args = told.pop("args", "")
        self.ram_mib = told.pop("ram_mib", 256)
        self.harts = told.pop("harts", 1)
        self.qemu = told.pop("qemu", [])
        # Without the stub: what -kernel is given, "bin" or "elf".
        self.kernel = told.pop("kernel", None)
        self.load = told.pop("load", IMAGE)
        self.method = told.pop("method", JUMP)
        self.hart = told.pop("hart", 0)
        # a1: the firmware's own when None.
        self.a1 = told.pop("a1", None)
        # How to spoil a copy of QEMU's blob, which then lies at blob_at and in a1.
        self.spoil = told.pop("spoil", None)
        self.blob_at = told.pop("blob_at", BLOB)
        assert not told, told


def top_of_ram(image_bytes, ram_mib):
    """The highest load address that leaves QEMU's blob alone."""
    end = min(RAM_BASE + (ram_mib << 20), 3 << 30) - SUPERPAGE
    return (end - image_bytes) // SUPERPAGE * SUPERPAGE


def put(offset, value):
    def spoil(blob):
        word(blob, offset, value)
        return blob
    return spoil


def half_is_missing(blob):
    """The header promises it all, but only zeros follow the first half."""
    half = len(blob) // 2
    return blob[:half] + bytearray(len(blob) - half)


def totalsize_cut(blob):
    word(blob, TOTALSIZE, len(blob) // 2)
    return blob[:len(blob) // 2]


def serial_at(address):
    """The console's UART, where QEMU virt has none."""
    def spoil(blob):
        was, to = (struct.pack(">4I", 0, at, 0, 0x100) for at in (0x10000000, address))
        assert blob.count(was) == 1
        return blob.replace(was, to)
    return spoil


def as_it_is(blob):
    return blob


def cases(image_bytes):
    blob_end_edge = BLOB + SUPERPAGE - 1024
    boots = [
        Case("usual_kernel_boots", EXACT, 0, kernel="bin"),
        Case("usual_elf_file_boots", EXACT, 0, kernel="elf"),
        Case("load_at_0x80400000", EXACT, 0, load=0x80400000),
        Case("load_at_0x84000000", EXACT, 0, load=0x84000000),
        Case("load_at_0xa0000000", EXACT, 0, load=0xa0000000, ram_mib=1024),
        Case("load_near_the_top_of_ram", EXACT, 0, load=top_of_ram(image_bytes, 1024), ram_mib=1024),
        Case("load_above_4_gib", EXACT, 0, load=0x1_8000_0000, ram_mib=6144),
        Case("auto_takes_the_fewest_levels", [r"sv39 on: linear map", r"Freeing unused kernel image", EXACT], 0,
             kernel="bin", args="satp=auto"),
        Case("sv48_from_a_high_load_address", [r"sv48 on: linear map", EXACT], 0, load=0xa0000000, ram_mib=1024,
             args="satp=sv48"),
        Case("sv57_from_a_high_load_address", [r"sv57 on: linear map", EXACT], 0, load=0x84000000, args="satp=sv57"),
        Case("debug_pagealloc_hides_free_pages", [r"debug_pagealloc: on", EXACT], 0, kernel="bin",
             args="debug_pagealloc satp=sv48"),
        Case("debug_pagealloc_above_8_gib_is_refused", [r"debug_pagealloc: warning: refused", EXACT], 0, kernel="bin",
             ram_mib=9216, args="debug_pagealloc"),
        Case("load_off_by_a_page_is_refused", UNALIGNED % 0x80401000, 2, load=0x80401000),
        Case("load_off_by_4_bytes_is_refused", UNALIGNED % 0x84000004, 2, load=0x84000004),
        Case("a_cma_area_is_made_and_lent",
             [r"cma: area reserved: 16 MiB", r"cma: reserved: 4096 pages of node 0, zone DMA32: lent",
              r"fpg> ledger", EXACT], 0,
             kernel="bin", args="cma=16M",
             never="malformed|unknown"),
        Case("kernelcore_leaves_the_rest_to_movable_memory",
             [r"Movable zone start for each node", r"zone:   Node 0: 0x00000000[0-9a-f]+", r"zone Movable: buddy serves \d+ pages", EXACT], 0,
             kernel="bin", args="kernelcore=50%"),
        Case("arguments_that_ask_for_what_is_so_are_not_named", EXACT, 0, kernel="bin",
             args="cma=0 satp=sv39 debug_pagealloc=off memtest=0", never="understood"),
        Case("a_failed_command_ends_the_run_with_its_name",
             [r"fpg> version", r"fpg> nonsense", r"unknown command 'nonsense'", r"a command failed \(-ENOENT\)"], 1,
             kernel="bin", run="version; nonsense; poweroff", never="fpg> poweroff"),
        Case("no_sv39_is_refused", r"firstpage: this hart refuses Sv39", 2, kernel="bin",
             qemu=["-cpu", "rv64,mmu=off"]),
    ]
    for hart in (1, 3):
        boots.append(Case(f"boot_hart_{hart}", [rf'"boot_hart":{hart},"online":4\b', EXACT], 0, harts=4, method=HART,
                          hart=hart, run="json on; harts; json off; ledger; poweroff"))
    boots.append(Case("all_harts_arrive_and_one_boots", [r"4 harts online", EXACT], 0, harts=4, method=ALL, hart=4,
                      never=r"firstpage: exit(?s:.*)firstpage: exit|panic"))
    blobs = [
        Case("blob_in_the_middle_of_a_page_boots", EXACT, 0, spoil=as_it_is, blob_at=BLOB + 0x7f8),
        Case("blob_across_a_2_mib_edge_boots", EXACT, 0, spoil=as_it_is, blob_at=blob_end_edge),
        Case("blob_in_rom_outside_ram_boots", EXACT, 0, spoil=as_it_is, blob_at=0x20000000),
        Case("a1_is_0", r"no device tree: a1 is 0", 2, a1=0),
        Case("a1_is_misaligned", r"device tree address 0x88000004 is not a multiple of 8", 2, spoil=as_it_is,
             blob_at=BLOB, a1=BLOB + 4),
        Case("a1_points_at_firmware", [r"panic", r"\(PMP or bus\)"], 2, a1=RAM_BASE),
        Case("a1_points_at_nothing", r"panic", 2, a1=0x7000_0000_0000),
        Case("bad_magic", r"no device tree at 0x88000000: magic 0xd00dfeee", 2, spoil=put(MAGIC, 0xd00dfeee)),
        Case("unknown_version", r"device tree version 1 ", 2, spoil=put(VERSION, 1)),
        Case("half_of_the_blob_is_missing", DAMAGED, 2,
             spoil=half_is_missing),
        Case("totalsize_is_cut", DAMAGED, 2, spoil=totalsize_cut),
        Case("totalsize_is_0", r"device tree totalsize 0.* is less than its header", 2, spoil=put(TOTALSIZE, 0)),
        Case("totalsize_lies_by_megabytes", r"device tree totalsize 0x500000 is more than", 2,
             spoil=put(TOTALSIZE, 5 << 20)),
        Case("totalsize_is_4_gib", r"device tree totalsize 0xffffffff is more than", 2,
             spoil=put(TOTALSIZE, 0xffffffff)),
        Case("structure_block_lies_outside", DAMAGED, 2, spoil=put(OFF_STRUCT, 0x7ffffff8)),
    ]
    uart = r"warning: stdout-path /soc/serial@10000000, registers at 0x%x: %s"
    blobs += [
        Case("a_uart_that_firmware_keeps_is_not_the_console",
             [uart % (0x2000000, "an access to its registers trapped"), r"boot: console: sbi", EXACT], 0,
             spoil=serial_at(0x2000000)),
        # The configuration of a PCI device that is not there reads as ones; the host bridge's has zeros in the right places.
        Case("a_uart_that_is_not_there_is_not_the_console",
             [uart % (0x30008000, "nothing answers there"), r"boot: console: sbi", EXACT], 0,
             spoil=serial_at(0x30008000)),
        Case("a_uart_that_is_never_ready_is_not_the_console",
             [uart % (0x30000000, "it takes no characters"), r"boot: console: sbi", EXACT], 0,
             spoil=serial_at(0x30000000)),
        Case("a_uart_in_ram_is_not_the_console",
             [r"serial@10000000: reg 0x81000000\+0x100 lies in RAM at 0x80000000", r"boot: console: sbi", EXACT], 0,
             spoil=serial_at(0x81000000)),
    ]
    trap = r"panic: .*%s"
    crashes = [
        Case("recursion_into_the_guard_page", [r"stack overflow on hart 0", r"use_stack"], 2, run="crash stack"),
        Case("recursion_on_another_hart", r"stack overflow on hart 3", 2, run="crash stack", harts=4,
             method=HART, hart=3),
        Case("null_write_is_fatal", [trap % "store page fault", r"address 0x0"], 2, run="crash null"),
        Case("write_to_text_is_fatal", trap % "store page fault", 2, run="crash text"),
        Case("execution_of_data_is_fatal", trap % "instruction page fault", 2, run="crash exec"),
        Case("panic_ends_with_a_backtrace", [r"asked for by `crash panic`", r"cmd_crash"], 2, run="crash panic"),
        Case("a_failed_check_is_fatal", r"check failed: ", 2, run="crash check"),
        Case("a_panic_elsewhere_stops_all", [r"panic: hart \d+: asked for by", r"hart_park_loop"], 2,
             run="on 2 crash panic", harts=4),
        Case("recursion_on_a_started_hart", [r"panic: stack overflow on hart \d+", r"hart_park_loop|more of the same"],
             2, run="on 1 crash stack", harts=2),
        Case("harts_that_panic_at_once_are_heard_one_by_one",
             [r"panic: hart \d+: hart index \d, with the others\n(?!.*panic: hart \d+: hart index)",
              r"panic: hart \d+, at the same time: hart index \d, with the others\n"], 2, run="crash harts", harts=4),
        Case("stuck_harts_do_not_block_a_panic", [r"while others are stuck", r"harts 0x[0-9a-f]+ \(by index\) did not"],
             2, run="crash stuck", harts=3),
        Case("held_harts_do_not_block_a_panic", r"while others are held", 2, run="crash held", harts=3),
        Case("another_hart_can_end_the_run", r"fpg> on 1 poweroff\n", 0, run="on 1 poweroff", harts=2),
    ]
    return boots + blobs + crashes


class Bench:
    """The files that all cases share, in a folder that goes away."""

    def __init__(self, folder, image, elf):
        self.folder, self.image, self.elf = folder, image, elf
        self.stub = loader.build_stub(folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def machine(self, case, kernel):
        bios = os.environ.get("FPG_OPENSBI")
        return [QEMU, "-M", "virt", "-m", f"{case.ram_mib}M", "-smp", str(case.harts), "-nographic", "-nodefaults",
                "-serial", "stdio", "-no-reboot", "-kernel", kernel, "-append", f'{case.args} run="{case.run}"',
                *(["-bios", bios] if bios else []), *case.qemu]

    def blob(self, case):
        """QEMU's blob for this machine, without the room that it leaves behind."""
        return loader.qemu_blob(self.machine(case, self.stub), self.path("qemu.dtb"))

    def place(self, name, data, address):
        """Write @data to a file and return the options that put it at @address."""
        path = self.path(name)
        with open(path, "wb") as file:
            file.write(data)
        return loader.placed(path, address)

    def command(self, case):
        if case.kernel:
            return self.machine(case, self.elf if case.kernel == "elf" else self.image)
        a1 = case.a1
        options = loader.placed(self.image, case.load)
        if case.spoil:
            options += self.place("case.dtb", case.spoil(self.blob(case)), case.blob_at)
            a1 = case.blob_at if a1 is None else a1
        params = loader.parameters(case.load, case.method, case.hart, a1)
        options += self.place("params.bin", params, STUB + PARAMS)
        return self.machine(case, self.stub) + options

    def boot(self, case):
        """Return: what was wrong, or None; and the console's text."""
        environment = dict(os.environ, TIMEOUT=os.environ.get("TIMEOUT", "60"))
        done = subprocess.run([FPG_RUN, "--", *self.command(case)], stdin=subprocess.DEVNULL, capture_output=True,
                              env=environment, check=False)
        text = done.stdout.decode(errors="replace").replace("\r", "")
        at = 0
        for pattern in case.expect:
            match = re.compile(pattern).search(text, at)
            if not match:
                return f"no line has /{pattern}/", text + done.stderr.decode(errors="replace")
            at = match.start()
        if case.never and re.search(case.never, text):
            return f"a line has /{case.never}/", text
        if done.returncode != case.status:
            return f"exit status {done.returncode} instead of {case.status}", text
        return None, text


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--image", default="build/firstpage.bin")
    parser.add_argument("--elf", default="build/firstpage.elf")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args(argv[1:])

    chosen = [c for c in cases(loader.image_bytes(args.image)) if not args.names or any(n in c.name for n in args.names)]
    if args.list:
        print("\n".join(c.name for c in chosen))
        return 0
    if not chosen:
        print("boot: no case has such a name", file=sys.stderr)
        return 2
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(folder, os.path.abspath(args.image), os.path.abspath(args.elf))
        for case in chosen:
            wrong, text = bench.boot(case)
            failed += wrong is not None
            print(f"{'not ok' if wrong else 'ok'} - {case.name}", flush=True)
            if wrong:
                print(f"# {wrong}")
                print("".join(f"#   {line}\n" for line in text.splitlines()[-12:]), end="", flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
