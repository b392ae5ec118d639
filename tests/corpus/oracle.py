#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A slow, plain second opinion: the map of a DTB by the rules of README.md, in one file with a parser of its own.

  oracle.py DTB --load A --image-size N --dtb-addr A [--initrd S-E] [--bootargs "..."] [--json]

It checks the expectations (`run.py --command 'python3 oracle.py {dtb} ...'` must pass) and shows how short the rules
are. It is no model for boot code: it has all the memory it wants.
"""
import argparse
import json
import re
import struct
import sys

from spans import PAGE, TOP, inter, norm, sub, total, whole_pages

TWO_MIB = 2 << 20


class Unusable(Exception):
    pass


class Node:
    def __init__(self, name, parent):
        self.name, self.parent, self.props, self.children = name, parent, {}, []
        self.path = "/" if parent is None else (parent.path.rstrip("/") + "/" + name)

    def words(self, name):
        data = self.props.get(name, b"")
        return struct.unpack(">%dI" % (len(data) // 4), data[:len(data) // 4 * 4])

    def text(self, name):
        return self.props[name].split(b"\0")[0].decode("ascii", "replace") if name in self.props else None

    def enabled(self):
        return self.text("status") in (None, "ok", "okay")

    def cells(self, default=(2, 1)):
        return tuple((self.words(n) or (d,))[0] for n, d in zip(("#address-cells", "#size-cells"), default))


# --- the blob --------------------------------------------------------------------------------------------------------

def parse_struct(block, strings):
    """The structure block as a tree of nodes."""
    def name_at(data, at):
        end = data.find(b"\0", at)
        if not 0 <= at < len(data) or end < 0:
            raise Unusable("a name outside its block")
        return data[at:end].decode("ascii", "replace"), end

    root, node, at = None, None, 0
    while at + 4 <= len(block):
        token = struct.unpack_from(">I", block, at)[0]
        at += 4
        if token == 1:
            name, end = name_at(block, at)
            at = end + 4 & ~3
            if node is None and root is not None:
                raise Unusable("two roots")
            child = Node(name, node)
            (node.children.append(child) if node else None)
            root, node = root or child, child
        elif token == 2:
            if node is None:
                raise Unusable("an end without a node")
            node = node.parent
        elif token == 3:
            if node is None or at + 8 > len(block):
                raise Unusable("a property outside a node")
            length, offset = struct.unpack_from(">II", block, at)
            if at + 8 + length > len(block):
                raise Unusable("a property longer than the block")
            node.props[name_at(strings, offset)[0]] = block[at + 8:at + 8 + length]
            at = at + 8 + length + 3 & ~3
        elif token == 9:
            if node is not None or root is None:
                raise Unusable("the end inside a node")
            return root
        elif token != 4:
            raise Unusable("unknown token %d" % token)
    raise Unusable("no FDT_END")


def parse(data):
    """(root, memreserve entries, totalsize)"""
    if len(data) < 40:
        raise Unusable("shorter than a header")
    magic, size, o_struct, o_strings, o_rsv, _, compatible, _, n_strings, n_struct = struct.unpack_from(">10I", data)
    if magic != 0xd00dfeed or compatible > 17 or size < 40 or size > len(data):
        raise Unusable("header")
    data = data[:size]
    if o_struct + n_struct > size or o_strings + n_strings > size:
        raise Unusable("a block outside the blob")
    reserve = []
    while True:
        if o_rsv + 16 > size:
            raise Unusable("memory reservation block without end")
        entry = struct.unpack_from(">QQ", data, o_rsv)
        o_rsv += 16
        if entry == (0, 0):
            block, strings = data[o_struct:o_struct + n_struct], data[o_strings:o_strings + n_strings]
            return parse_struct(block, strings), reserve, size
        reserve.append(entry)


# --- the rules -------------------------------------------------------------------------------------------------------

class Map:
    def __init__(self, root, args):
        self.root, self.args, self.warnings = root, args, []
        self.memory, self.tuples = [], []
        self.static = []        # (start, end, no-map, name)
        self.cut = []

    def warn(self, text):
        self.warnings.append(text)

    def read(self, node, prop, cells):
        """Ranges of a reg-like property; wrapped ones are cut, partial ones dropped."""
        words, (na, ns) = node.words(prop), cells
        step = na + ns
        if len(words) % step or len(node.props.get(prop, b"")) % 4:
            self.warn("%s: %s has a partial range" % (node.path, prop))
        out = []
        for i in range(0, len(words) - step + 1, step):
            base = sum(w << 32 * (na - 1 - k) for k, w in enumerate(words[i:i + na]))
            size = sum(w << 32 * (ns - 1 - k) for k, w in enumerate(words[i + na:i + step]))
            if base + size > TOP:
                self.warn("%s: %s wraps at %#x" % (node.path, prop, base))
                size = TOP - base
            if size:
                out.append((base, base + size))
        return out

    def add_memory(self):
        banks, nameless = [], []
        for node in self.root.children:
            if node.text("device_type") == "memory":
                banks.append(node)
            elif node.name.split("@")[0] == "memory":
                nameless.append(node)
        for node in nameless:
            self.warn("%s has no device_type = \"memory\"" % node.path)
        for node in walk(self.root):
            if node.text("device_type") == "memory" and node.parent is not self.root:
                self.warn("%s is not under the root: no RAM" % node.path)
        for node in banks or nameless:
            prop = "linux,usable-memory" if "linux,usable-memory" in node.props else "reg"
            if not node.enabled():
                continue
            if prop not in node.props:
                self.warn("%s has no reg" % node.path)
            self.tuples += self.read(node, prop, self.root.cells())
        self.memory = norm(self.tuples)

    def reserve(self, start, end, nomap, name, quiet=False):
        for s, e, _, other in self.static:
            if not quiet and max(s, start) < min(e, end):
                self.warn("%s overlaps %s" % (name, other))
        self.static.append((start, end, nomap, name))

    def reserved_cells(self, area):
        cells, mine = self.root.cells(), area.cells()
        if "#address-cells" not in area.props:
            self.warn("%s: no cells, the root's are taken" % area.path)
            return cells
        if mine != cells or area.props.get("ranges", None) != b"":
            self.warn("%s: cells or ranges are not the root's" % area.path)
        return mine

    def add_reserved(self):
        dynamic = []
        for area in self.root.children:
            if area.name != "reserved-memory":
                continue
            cells = self.reserved_cells(area)
            for node in area.children:
                nomap = "no-map" in node.props or node.name.startswith("mmode_resv")
                if not node.enabled():
                    continue
                if nomap and "reusable" in node.props:
                    self.warn("%s: no-map and reusable" % node.path)
                if "reg" in node.props:
                    for start, end in self.read(node, "reg", cells):
                        self.reserve(start, end, nomap, node.path)
                elif "size" in node.props:
                    dynamic.append((node, nomap, cells))
                else:
                    self.warn("%s: neither reg nor size" % node.path)
        return dynamic

    def add_firmware_guess(self):
        load = self.args.load
        for start, end in self.tuples:
            if start <= load < end and load - start == TWO_MIB:
                if not inter([(start, load)], [r[:2] for r in self.static]):
                    self.warn("firmware: nobody describes [%#x, %#x)" % (start, load))
                    self.static.append((start, load, True, "firmware"))

    def initrd(self):
        if self.args.initrd:
            return tuple(int(x, 0) for x in self.args.initrd.split("-"))
        chosen = next((n for n in self.root.children if n.name == "chosen"), None)
        ends = []
        for name in ("linux,initrd-start", "linux,initrd-end"):
            if chosen is None or name not in chosen.props:
                return None
            data = chosen.props[name]
            if len(data) not in (4, 8):
                self.warn("%s has %d bytes" % (name, len(data)))
                return None
            ends.append(int.from_bytes(data, "big"))
        if ends[0] > ends[1]:
            self.warn("linux,initrd-start %#x is above linux,initrd-end %#x" % tuple(ends))
            return None
        return tuple(ends)

    def add_own(self, blob_bytes):
        load, dtb = self.args.load, self.args.dtb_addr
        initrd = self.initrd()
        if initrd:
            clash = inter([initrd], [(load, load + self.args.image_size), (dtb, dtb + blob_bytes)])
            if clash or sub([initrd], self.memory):
                self.warn("initrd [%#x, %#x) overlaps or is not RAM" % initrd)
            self.reserve(*initrd, False, "initrd", quiet=True)
        if inter([(dtb, dtb + blob_bytes)], [(load, load + self.args.image_size)]):
            self.warn("the blob lies in the image")
        if sub([(load, load + self.args.image_size)], self.memory):
            self.warn("the image at %#x is not in RAM" % load)
        for start, end, _, name in self.static:
            if name.startswith("/") and start < load + self.args.image_size and load < end:
                self.warn("%s overlaps the image" % name)
        self.static += [(load, load + self.args.image_size, False, "image"), (dtb, dtb + blob_bytes, False, "blob")]

    def add_dynamic(self, dynamic):
        """Highest place first, largest block first."""
        def size_of(item):
            return int.from_bytes(item[0].props["size"], "big")

        for node, nomap, cells in sorted(dynamic, key=size_of, reverse=True):
            size = size_of((node,))
            align = max(int.from_bytes(node.props.get("alignment", b""), "big"), PAGE)
            room = self.read(node, "alloc-ranges", cells) if "alloc-ranges" in node.props else self.memory
            for start, end in reversed(sub(sub(inter(room, self.memory), [r[:2] for r in self.static]), self.cut)):
                base = (end - size) // align * align
                if base >= start:
                    self.static.append((base, base + size, nomap, node.path))
                    break
            else:
                self.warn("%s: no room for %#x bytes" % (node.path, size))

    def add_limits(self):
        chosen = next((n for n in self.root.children if n.name == "chosen"), Node("chosen", self.root))
        line = self.args.bootargs if self.args.bootargs is not None else chosen.text("bootargs") or ""
        for word in re.findall(r'(?:[^\s"]|"[^"]*")+', line):
            if not word.startswith("mem="):
                continue
            match = re.fullmatch(r"mem=(\d+|0x[0-9a-fA-F]+)([KMGkmg]?)", word)
            if not match:
                self.warn("%s is no size" % word)
                continue
            left = int(match[1], 0) << {"": 0, "k": 10, "m": 20, "g": 30}[match[2].lower()]
            for start, end in self.memory:
                keep = min(left, end - start)
                self.cut.append((start + keep, end))
                left -= keep
        if "linux,usable-memory-range" in chosen.props:
            self.cut += sub(self.memory, self.read(chosen, "linux,usable-memory-range", self.root.cells()))


def walk(node):
    yield node
    for child in node.children:
        yield from walk(child)


def make_map(args):
    with open(args.dtb, "rb") as f:
        root, memreserve, blob_bytes = parse(f.read())
    if args.dtb_addr % 8:
        raise Unusable("the blob's address is not 8-byte aligned")
    found = Map(root, args)
    found.add_memory()
    if not found.memory:
        raise Unusable("no memory")
    found.add_limits()
    dynamic = found.add_reserved()
    for base, size in memreserve:
        if base + size > TOP:
            found.warn("memreserve %#x wraps" % base)
        found.reserve(base, min(base + size, TOP), False, "memreserve", quiet=True)
    found.add_firmware_guess()
    found.add_own(blob_bytes)
    found.add_dynamic(dynamic)
    return found


def row(start, end, **more):
    return dict(base=hex(start), size=hex(end - start), **more)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dtb")
    for name in ("--load", "--image-size", "--dtb-addr"):
        parser.add_argument(name, type=lambda x: int(x, 0), required=True)
    parser.add_argument("--initrd")
    parser.add_argument("--bootargs")
    parser.add_argument("--json", action="store_true")
    try:
        found = make_map(parser.parse_args())
    except Unusable as error:
        print("oracle.py: %s" % error, file=sys.stderr)
        return 2
    gone = norm([r[:2] for r in found.static] + found.cut)
    print(json.dumps({
        "memory": [row(*m, node=None) for m in found.memory],
        "reserved": [row(s, e, holder=name, nomap=nomap) for s, e, nomap, name in found.static if s < e],
        "memory_bytes": hex(total(found.memory)),
        "usable_bytes": hex(total(whole_pages(sub(found.memory, gone)))),
        "warnings": found.warnings,
    }))
    return 1 if found.warnings else 0


if __name__ == "__main__":
    sys.exit(main())
