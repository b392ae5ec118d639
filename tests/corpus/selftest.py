# SPDX-License-Identifier: BSD-2-Clause
"""Does the comparison notice a wrong answer? Every expectation of every case is broken in turn."""
import copy
import json

from compare import LAST_PAGE, Expect, compare, expand, number, plain
from spans import PAGE, TOP, inter, norm, sub, total


def place(want):
    """Put the dynamic blocks somewhere legal, largest first."""
    used, out = want.reserved, []
    for block in sorted(want.dynamic, key=lambda d: -d["size"]):
        for start, end in sub(inter(block["within"], want.memory), used):
            start = -(-start // block["alignment"]) * block["alignment"]
            if start + block["size"] <= end:
                break
        else:
            raise SystemExit("self-test: a dynamic block has no legal place")
        used = norm(used + [(start, start + block["size"])])
        out.append((start, block))
    return out


def perfect(case):
    """The answer of a tool that is right, made from the expectations alone."""
    want = Expect(case["expect"])
    row = lambda s, e, nomap: {"base": hex(s), "size": hex(e - s), "holder": "x", "nomap": nomap}
    rows = [row(s, e, True) for s, e in want.nomap] + [row(s, e, False) for s, e in sub(want.reserved, want.nomap)]
    rows += [row(s, s + b["size"], b["nomap"]) for s, b in place(want)]
    usable = want.raw.get("usable_bytes", "0x0")
    status = want.exits[0]
    warnings = [w if isinstance(w, str) else w[0] for w in want.raw["warnings"]]
    return status, {
        "memory": [{"base": hex(s), "size": hex(e - s), "node": None} for s, e in plain(want.raw.get("memory", []))],
        "reserved": rows, "memory_bytes": want.raw.get("memory_bytes", "0x0"),
        "usable_bytes": usable["max"] if isinstance(usable, dict) else usable,
        "warnings": warnings or (["x"] if status == 1 else []),
    }


def mutations(case):
    """(name, case with one expectation broken) for each kind of expectation that this case has."""
    def broken(change):
        other = copy.deepcopy(case)
        change(other["expect"])
        return other

    expect = case["expect"]
    want = Expect(expect)
    yield "exit", broken(lambda e: e.update(exit=[x for x in (0, 1, 2) if x not in want.exits]))
    if want.exits[0] == 2:
        return
    yield "warning", broken(lambda e: e["warnings"].append("a word that nobody says"))
    if not want.has_map:
        return
    inside = [r for r in expand(expect["reserved"], 3) if inter([r[:2]], sub(want.memory, want.cut))]
    start, end, rest = inside[-1]
    step = 2 * PAGE if inter(plain(expect["memory"]), LAST_PAGE) else 1
    gap = sub([(0, TOP - PAGE)], want.memory)[0][0]
    yield "memory added", broken(lambda e: e["memory"].append([hex(gap), "0x1"]))
    yield "memory lost", broken(lambda e: e["memory"].pop())
    yield "memory byte", broken(lambda e: e["memory"][0].__setitem__(1, hex(number(e["memory"][0][1]) - step)))
    yield "memory_bytes", broken(lambda e: e.update(memory_bytes=hex(number(e["memory_bytes"]) + step)))
    if "usable_bytes" in expect:
        right = number(perfect(case)[1]["usable_bytes"])
        yield "usable high", broken(lambda e: e.update(usable_bytes=hex(right + PAGE + want.book)))
        yield "usable low", broken(lambda e: e.update(usable_bytes=hex(right - PAGE)))
    hole = sub(sub(sub(want.memory, want.reserved), want.cut), [(s, s + b["size"]) for s, b in place(want)])[-1]
    yield "reserved added", broken(lambda e: e["reserved"].append([hex(hole[0]), "0x1", False]))
    others = [r[:2] for r in expand(expect["reserved"], 3) if r[:2] != (start, end)]
    alone = sub(inter([(start, end)], want.memory), others)
    if total(sub(alone, want.may)) > want.book:
        yield "reserved lost", broken(lambda e: e.update(
            reserved=[r for r in e["reserved"] if not (number(r[0]) == start and number(r[1]) == end - start)]))
    if sub(inter([(start, end)], want.memory), want.nomap) or rest[0]:
        yield "no-map", broken(lambda e: e.update(
            reserved=[[*r[:2], not r[2], *r[3:]] if number(r[0]) == start else r for r in e["reserved"]
                      if rest[0] is False or number(r[0]) == start or not r[2]]))
    yield "free", broken(lambda e: e.update(free=[[hex(inter([(start, end)], want.memory)[0][0]), "0x1"]]))
    yield "not_free", broken(lambda e: e.update(not_free=[[hex(hole[0]), "0x1"]]))
    for i, block in enumerate(want.dynamic):
        yield "dynamic size", broken(lambda e, i=i, b=block: e["dynamic"][i].update(size=hex(b["size"] + PAGE)))
        yield "dynamic place", broken(lambda e, i=i: e["dynamic"][i].update(within=[["0x0", "0x1000"]]))
        yield "dynamic no-map", broken(lambda e, i=i, b=block: e["dynamic"][i].update(nomap=not b["nomap"]))
        yield "dynamic lost", broken(lambda e, i=i: e["dynamic"].pop(i))
        yield "dynamic alignment", broken(lambda e, i=i: e["dynamic"][i].update(alignment="0x1000000000"))


def self_test_spans():
    """The set arithmetic against bitmaps, on all small cases that a counter makes."""
    for seed in range(3000):
        bits = lambda a: {x for s, e in a for x in range(s, e)}
        a = [((seed * 7 + i * 5) % 23, (seed * 11 + i * 13) % 29) for i in range(seed % 4)]
        b = [((seed * 3 + i * 17) % 19, (seed * 5 + i * 7) % 31) for i in range(seed % 5)]
        for result, model in ((norm(a), bits(a)), (sub(a, b), bits(a) - bits(b)), (inter(a, b), bits(a) & bits(b))):
            if bits(result) != model or norm(result) != result:
                raise SystemExit("self-test: spans %r %r give %r" % (a, b, result))


def self_test(cases):
    """A right answer passes every case; with any one expectation broken it does not."""
    self_test_spans()
    done, failed = 0, 0
    for case in cases:
        status, answer = perfect(case)
        output = json.dumps(answer)
        reasons = compare(case, status, output)
        if reasons:
            failed += 1
            print("not ok - %s: a right answer fails: %s" % (case["id"], "; ".join(reasons)))
        for name, other in mutations(case):
            done += 1
            if not compare(other, status, output):
                failed += 1
                print("not ok - %s: a broken expectation (%s) is not noticed" % (case["id"], name))
        for text in ("", "{}", "[]", '{"memory": 3}'):
            if status != 2 and not compare(case, status, text):
                failed += 1
                print("not ok - %s: the answer %r passes" % (case["id"], text))
    print("self-test: %d right answers, %d broken expectations, %d failed" % (len(cases), done, failed))
    return 1 if failed else 0
