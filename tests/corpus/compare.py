# SPDX-License-Identifier: BSD-2-Clause
"""What a case of the corpus expects, and what is wrong with an answer. README.md tells the rules."""
import json

from spans import PAGE, TOP, inter, norm, show, sub, total, whole_pages

LAST_PAGE = [(TOP - PAGE, TOP)]


def number(value):
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError("%r is no number" % (value,))
    return int(value, 0) if isinstance(value, str) else value


def expand(entries, fixed):
    """[base, size, ...] or [base, size, ..., count, stride] -> list of (start, end, rest)."""
    out = []
    for entry in entries:
        base, size = number(entry[0]), number(entry[1])
        count, stride = (entry[fixed], number(entry[fixed + 1])) if len(entry) > fixed else (1, 0)
        out += [(base + i * stride, base + i * stride + size, entry[2:fixed]) for i in range(count)]
    return out


def plain(entries, fixed=2):
    return [(start, end) for start, end, _ in expand(entries, fixed)]


class Expect:
    """The expectations of one case as sets of addresses; the last page below 2^64 is nobody's business."""

    def __init__(self, expect):
        self.raw = expect
        self.exits = expect["exit"] if isinstance(expect["exit"], list) else [expect["exit"]]
        self.has_map = "memory" in expect
        self.memory = sub(plain(expect.get("memory", [])), LAST_PAGE)
        reserved = expand(expect.get("reserved", []), 3)
        self.reserved = norm((s, e) for s, e, _ in reserved)
        self.nomap = norm((s, e) for s, e, rest in reserved if rest[0])
        self.cut = norm(plain(expect.get("cut", [])))
        self.may = norm(plain(expect.get("may_reserve", [])))
        self.free = norm(plain(expect.get("free", [])))
        self.not_free = norm(plain(expect.get("not_free", [])))
        self.book = number(expect.get("bookkeeping_bytes", "0x0"))
        self.dynamic = [{"size": number(d["size"]), "alignment": number(d["alignment"]),
                         "within": norm(plain(d["within"])), "nomap": d["nomap"]} for d in expect.get("dynamic", [])]


def tile(runs, blocks):
    """Cut runs into exactly these blocks; returns [(block, start)] or None. Lowest byte first, tried in turn."""
    if not blocks:
        return [] if not runs else None
    if not runs:
        return None
    start, end = runs[0]
    for i, block in enumerate(blocks):
        stop = start + block["size"]
        if stop > end or start % block["alignment"] or sub([(start, stop)], block["within"]):
            continue
        rest = tile(([(stop, end)] if stop < end else []) + runs[1:], blocks[:i] + blocks[i + 1:])
        if rest is not None:
            return [(block, start)] + rest
    return None


def compare_reserved(want, got):
    """What is wrong with the tool's reserved list."""
    ram = want.memory
    rows = [(number(r["base"]), number(r["base"]) + number(r["size"]), bool(r.get("nomap")), str(r.get("holder", "")))
            for r in got["reserved"]]
    reserved = inter([r[:2] for r in rows], ram)
    nomap = inter([r[:2] for r in rows if r[2]], ram)
    must, must_nomap = inter(want.reserved, ram), inter(want.nomap, ram)
    bad = []

    missing = sub(sub(must, reserved), want.cut)
    if missing:
        bad.append("not reserved: " + show(missing))
    missing = sub(sub(must_nomap, nomap), want.cut)
    if missing:
        bad.append("not no-map: " + show(missing))
    wrong = inter(nomap, sub(must, must_nomap))
    if wrong:
        bad.append("no-map without a reason: " + show(wrong))
    wrong = inter(reserved, want.free)
    if wrong:
        bad.append("not free: " + show(wrong))
    wrong = sub(sub(want.not_free, reserved), want.cut)
    if wrong:
        bad.append("free: " + show(wrong))
    for start, end, _, holder in rows:
        clash = inter([(start, end)], must)
        if clash and "memblock" in holder.lower():
            bad.append("bookkeeping (%s) lies on reserved memory: %s" % (holder, show(clash)))

    extra = sub(sub(sub(reserved, must), want.may), want.cut)
    if want.dynamic:
        placed = tile(extra, want.dynamic)
        if placed is None:
            bad.append("reserved beside the static ranges, %s, is not the %d dynamic block(s) wanted" %
                       (show(extra) or "nothing", len(want.dynamic)))
        for block, start in placed or []:
            there = total(inter(nomap, [(start, start + block["size"])]))
            if there != (block["size"] if block["nomap"] else 0):
                bad.append("dynamic block at %#x: no-map is wrong" % start)
    elif total(extra) > want.book:
        bad.append("reserved without a reason: " + show(extra))
    return bad


def compare_sums(want, got):
    bad = []
    exact = number(want.raw["memory_bytes"])
    slack = PAGE if inter(plain(want.raw["memory"]), LAST_PAGE) else 0
    if not exact - slack <= number(got["memory_bytes"]) <= exact:
        bad.append("memory_bytes is %#x, not %#x" % (number(got["memory_bytes"]), exact))
    usable = want.raw.get("usable_bytes")
    if usable is None:
        return bad
    if isinstance(usable, dict):
        low, high = number(usable["min"]), number(usable["max"])
    else:
        low = high = number(usable)
    value = number(got["usable_bytes"])
    if not low - want.book <= value <= high:
        bad.append("usable_bytes is %#x, not %s" % (value, "%#x" % low if low == high else "%#x to %#x" % (low, high)))
    return bad


def compare_warnings(want, got):
    said = [str(w).lower() for w in got["warnings"]]
    bad = []
    for word in want.raw["warnings"]:
        choices = [word] if isinstance(word, str) else word
        if not any(choice in text for text in said for choice in choices):
            bad.append("no warning says " + " or ".join(repr(c) for c in choices))
    if bad and said:
        bad.append("warnings were: " + "; ".join(said))
    return bad


def compare_nodes(want, got):
    """NUMA ids, for tools whose memory rows carry them as integers."""
    bad = []
    for base, size, node in want.raw.get("nodes", []):
        span = [(number(base), number(base) + number(size))]
        for row in got["memory"]:
            start = number(row["base"])
            if not isinstance(row.get("node"), int) or not inter([(start, start + number(row["size"]))], span):
                continue
            if row["node"] != node:
                bad.append("%s is in node %d, not %d" % (show(span), row["node"], node))
    return bad


def compare(case, status, output):
    """List of reasons why this answer is wrong; empty when it is right."""
    want = Expect(case["expect"])
    if status not in want.exits:
        try:
            said = "; ".join(json.loads(output)["warnings"])
        except (ValueError, KeyError, TypeError):
            said = ""
        return ["exit status %s, not %s%s" % (status, " or ".join(map(str, want.exits)), said and " (%s)" % said)]
    if status == 2:
        return []
    try:
        got = json.loads(output)
        bad = compare_warnings(want, got)
        if status == 0 and got["warnings"]:
            bad.append("exit status 0 with warnings")
        if status == 1 and not got["warnings"]:
            bad.append("exit status 1 without a warning")
        if not want.has_map:
            return bad
        memory = sub([(number(m["base"]), number(m["base"]) + number(m["size"])) for m in got["memory"]], LAST_PAGE)
        if memory != want.memory:
            bad += ["RAM missing: " + show(part) for part in [sub(want.memory, memory)] if part]
            bad += ["RAM invented: " + show(part) for part in [sub(memory, want.memory)] if part]
        return bad + compare_reserved(want, got) + compare_sums(want, got) + compare_nodes(want, got)
    except (ValueError, KeyError, TypeError) as error:
        return ["the answer cannot be read: %s: %s" % (type(error).__name__, error)]


def check(case):
    """A case must not contradict itself; returns reasons."""
    bad = []
    want = Expect(case["expect"])
    for key in ("id", "row", "title", "why", "load", "image_bytes", "dtb_addr", "blob_bytes"):
        if key not in case:
            bad.append("no " + key)
    if want.raw["warnings"] and want.exits != [1] and not (1 in want.exits and 0 not in want.exits):
        bad.append("warnings are wanted, exit is %s" % want.exits)
    if any(w != w.lower() for words in want.raw["warnings"] for w in ([words] if isinstance(words, str) else words)):
        bad.append("warnings must be lower case")
    if not want.has_map:
        return bad if 0 not in want.exits else bad + ["exit 0 is accepted without a map to compare"]
    memory = norm(plain(want.raw["memory"]))
    if total(memory) != number(want.raw["memory_bytes"]):
        bad.append("memory_bytes is not the sum of memory")
    load, image, dtb = (number(case[k]) for k in ("load", "image_bytes", "dtb_addr"))
    own = [(load, load + image), (dtb, dtb + number(case["blob_bytes"]))]
    if "initrd" in case:
        own.append(tuple(number(x) for x in case["initrd"]))
    if sub(own, want.reserved):
        bad.append("image, blob or initrd is not in reserved")
    if inter(want.free, want.reserved) or sub(want.free, memory) or sub(want.not_free, want.reserved):
        bad.append("free or not_free contradicts memory and reserved")
    if want.dynamic and (want.book or want.may):
        bad.append("dynamic excludes bookkeeping_bytes and may_reserve")
    high = total(whole_pages(sub(sub(memory, want.reserved), want.cut))) - sum(d["size"] for d in want.dynamic)
    usable = want.raw.get("usable_bytes")
    if isinstance(usable, str) and number(usable) != high:
        bad.append("usable_bytes is %s, memory minus reserved is %#x" % (usable, high))
    if isinstance(usable, dict) and not number(usable["min"]) < number(usable["max"]) <= high:
        bad.append("usable_bytes does not fit memory minus reserved, %#x" % high)
    return bad
