#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the blob of every case: dtc compiles its .dts, padded to blob_bytes, then the case's patch is applied.

Two things cannot live in a .dts file: sources that would be huge (SOURCES writes them), and blobs that dtc refuses to
make (PATCHES changes the compiled blob). Both are deterministic: same dtc, same bytes.

  make_blobs.py --out DIR [--dtc PATH] [ID ...]     writes DIR/<id>.dtb
"""
import argparse
import json
import os
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = os.path.join(HERE, "cases")

HEADER = ("magic", "totalsize", "off_struct", "off_strings", "off_rsvmap", "version", "last_comp", "boot_cpu",
          "size_strings", "size_struct")


def header(blob):
    return dict(zip(HEADER, struct.unpack_from(">10I", blob)))


def with_header(blob, **fields):
    values = header(blob)
    values.update(fields)
    return struct.pack(">10I", *(values[name] for name in HEADER)) + blob[40:]


def used_end(blob):
    h = header(blob)
    return max(h["off_struct"] + h["size_struct"], h["off_strings"] + h["size_strings"])


def shuffled(count, seed):
    """A permutation of range(count) from a 64-bit LCG, the same on every machine."""
    order, state = list(range(count)), seed
    for i in range(count - 1, 0, -1):
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        j = (state >> 33) % (i + 1)
        order[i], order[j] = order[j], order[i]
    return order


# --- sources written by program --------------------------------------------------------------------------------------

SKELETON = """/dts-v1/;
/ {
	#address-cells = <2>;
	#size-cells = <2>;
	compatible = "example,corpus";
	model = "%s";
	cpus {
		#address-cells = <1>;
		#size-cells = <0>;
		timebase-frequency = <10000000>;
		cpu@0 {
			device_type = "cpu";
			reg = <0>;
			compatible = "riscv";
			riscv,isa = "rv64imac";
			mmu-type = "riscv,sv39";
			status = "okay";
		};
	};
	reserved-memory {
		#address-cells = <2>;
		#size-cells = <2>;
		ranges;
%s		mmode_resv0@80000000 {
			reg = <0x0 0x80000000 0x0 0x80000>;
			no-map;
		};
%s	};
%s};
"""


def cells(value):
    return "0x%x 0x%x" % (value >> 32, value & 0xffffffff)


def reserved_node(name, base, size, no_map):
    return "\t\t%s@%x {\n\t\t\treg = <%s %s>;\n%s\t\t};\n" % (
        name, base, cells(base), cells(size), "\t\t\tno-map;\n" if no_map else "")


def memory_node(tuples):
    return '\tmemory@%x {\n\t\tdevice_type = "memory";\n\t\treg = %s;\n\t};\n' % (
        tuples[0][0], ",\n\t\t      ".join("<%s %s>" % (cells(b), cells(s)) for b, s in tuples))


def ten_thousand_tuples(case_id):
    """64 MiB, then 9,999 ranges of 8 KiB, one every 16 KiB from 0x84000000; one reg, in random order."""
    tuples = [(0x84000000 + i * 0x4000, 0x2000) for i in range(9999)] + [(0x80000000, 0x4000000)]
    return SKELETON % (case_id, "", "", memory_node([tuples[i] for i in shuffled(10000, 1)]))


def thousand_nodes(case_id):
    """256 MiB, then 1,000 nodes of two pages each, in random order: at 0x90000000 + i * 64 KiB, and 32 KiB above."""
    nodes = [memory_node([(0x90000000 + i * 0x10000, 0x1000), (0x90008000 + i * 0x10000, 0x1000)])
             for i in shuffled(1000, 2)]
    return SKELETON % (case_id, "", "", memory_node([(0x80000000, 0x10000000)]) + "".join(nodes))


def three_hundred_reserved(case_id):
    """297 pages, one every 64 KiB from 0x84000000, in random order, every second one no-map; then the places where a
    region array would grow: the top of RAM and right behind the image."""
    nodes = [reserved_node("dev%d" % i, 0x84000000 + i * 0x10000, 0x1000, i % 2 == 0) for i in shuffled(297, 3)]
    nodes.append(reserved_node("top", 0x8f000000, 0x1000000, True))
    nodes.append(reserved_node("behind-image", 0x80400000, 0x200000, True))
    return SKELETON % (case_id, "", "".join(nodes), memory_node([(0x80000000, 0x10000000)]))


SOURCES = {
    "M11-10000-ranges": ten_thousand_tuples,
    "M11-1000-nodes": thousand_nodes,
    "R19-300-nodes": three_hundred_reserved,
}

# --- patches ---------------------------------------------------------------------------------------------------------

TOKEN_BEGIN, TOKEN_END_NODE, TOKEN_PROP, TOKEN_NOP, TOKEN_END = 1, 2, 3, 4, 9


def word(blob, offset, value):
    return blob[:offset] + struct.pack(">I", value) + blob[offset + 4:]


def find_property(blob, wanted):
    """Offset of the first FDT_PROP token of that name."""
    h = header(blob)
    at = h["off_struct"]
    while True:
        token = struct.unpack_from(">I", blob, at)[0]
        if token == TOKEN_BEGIN:
            end = blob.index(b"\0", at + 4)
            at = (end + 4) & ~3
        elif token == TOKEN_PROP:
            length, name = struct.unpack_from(">II", blob, at + 4)
            start = h["off_strings"] + name
            if blob[start:blob.index(b"\0", start)] == wanted.encode():
                return at
            at += 12 + ((length + 3) & ~3)
        elif token == TOKEN_END:
            raise KeyError(wanted)
        else:
            at += 4


def fill_gap(blob):
    """Garbage between the used end and totalsize, as a loader leaves it that grows a blob in place."""
    end = used_end(blob)
    noise = bytes((i * 73 + 41) & 0xff for i in range(len(blob) - end))
    return blob[:end] + noise


def memreserve_runs_out(blob):
    """A memory reservation block without its terminator: moved to the end of the blob, filled to the last byte."""
    room = 4 * 16
    start = (len(blob) - room) & ~7
    entries = b"".join(struct.pack(">QQ", 0x84000000 + i * 0x100000, 0x1000) for i in range(4))
    return with_header(blob[:start] + entries, off_rsvmap=start, totalsize=start + room)


def zero_size_entry(blob):
    """The first entry (0x84000000, 1 page) gets size 0. The list goes on: only (0, 0) ends it."""
    at = header(blob)["off_rsvmap"]
    return blob[:at + 8] + struct.pack(">Q", 0) + blob[at + 16:]


def end_token(blob, value):
    h = header(blob)
    return word(blob, h["off_struct"] + h["size_struct"] - 4, value)


def struct_cut(blob):
    """size_dt_struct halved: the block ends inside a node."""
    return with_header(blob, size_struct=header(blob)["size_struct"] // 2 & ~3)


PATCHES = {
    "B4-gap-of-garbage": fill_gap,
    "B4-file-longer-than-blob": lambda b: b + b"\xa5" * (0x10000 - len(b)),
    "B8-bad-magic": lambda b: with_header(b, magic=0xd00dfeee),
    "B8-magic-little-endian": lambda b: struct.pack("<10I", *struct.unpack_from(">10I", b)) + b[40:],
    "B8-empty": lambda b: b"",
    "B8-header-cut": lambda b: b[:20],
    "B8-file-cut": lambda b: b[:used_end(b) // 2],
    "B8-file-of-zeros": lambda b: bytes(len(b)),
    "B8-struct-block-cut": struct_cut,
    "B8-struct-outside-blob": lambda b: with_header(b, off_struct=0x7ffffff0),
    "B8-strings-outside-blob": lambda b: with_header(b, off_strings=len(b) - 8),
    "B8-no-end-token": lambda b: end_token(b, TOKEN_NOP),
    "B8-one-end-node-too-many": lambda b: end_token(b, TOKEN_END_NODE),
    "B8-unknown-token": lambda b: word(b, find_property(b, "model"), 7),
    "B8-property-name-outside-strings": lambda b: word(b, find_property(b, "reg") + 8, 0x00ffffff),
    "B8-property-longer-than-blob": lambda b: word(b, find_property(b, "reg") + 4, 0x7fffffff),
    "B8-version-too-new": lambda b: with_header(b, version=99, last_comp=99),
    "B8-memreserve-without-end": memreserve_runs_out,
    "B8-totalsize-below-header": lambda b: with_header(b, totalsize=16),
    "R6-memreserve-zero-size-entry": zero_size_entry,
}


# --- building --------------------------------------------------------------------------------------------------------

def source(case_id):
    if case_id in SOURCES:
        return SOURCES[case_id](case_id)
    with open(os.path.join(CASES, case_id + ".dts"), encoding="ascii") as f:
        return f.read()


def build(case, dtc, path):
    """Write the blob of a case; raises ValueError when dtc fails or the blob does not fit blob_bytes."""
    want = int(case["blob_bytes"], 16)
    run = subprocess.run([dtc, "-q", "-q", "-I", "dts", "-O", "dtb", "-S", str(want), "-o", path, "-"],
                         input=source(case["id"]).encode(), capture_output=True, check=False)
    if run.returncode != 0:
        raise ValueError("dtc: " + run.stderr.decode(errors="replace").strip())
    with open(path, "rb") as f:
        blob = f.read()
    if len(blob) != want or header(blob)["totalsize"] != want:
        raise ValueError("the compiled blob has %d bytes, blob_bytes says %d" % (len(blob), want))
    if case["id"] in PATCHES:
        with open(path, "wb") as f:
            f.write(PATCHES[case["id"]](blob))


def all_cases():
    out = []
    for name in sorted(os.listdir(CASES)):
        if name.endswith(".json"):
            with open(os.path.join(CASES, name), encoding="ascii") as f:
                case = json.load(f)
            if case["id"] + ".json" != name:
                raise SystemExit("%s: id is %s" % (name, case["id"]))
            out.append(case)
    return out


def main():
    parser = argparse.ArgumentParser(description="Make the corpus' blobs.")
    parser.add_argument("--out", required=True, help="folder for <id>.dtb")
    parser.add_argument("--dtc", default="dtc")
    parser.add_argument("ids", nargs="*", help="only these cases")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    for case in all_cases():
        if not args.ids or case["id"] in args.ids:
            build(case, args.dtc, os.path.join(args.out, case["id"] + ".dtb"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
