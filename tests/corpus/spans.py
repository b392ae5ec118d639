# SPDX-License-Identifier: BSD-2-Clause
"""Sets of addresses as sorted lists of disjoint half-open (start, end) pairs. Plain integers, no limit at 2^64."""

PAGE = 4096
TOP = 1 << 64


def norm(pairs):
    """Sort, drop empty pairs, join what overlaps or touches."""
    out = []
    for start, end in sorted(p for p in pairs if p[0] < p[1]):
        if out and start <= out[-1][1]:
            out[-1][1] = max(out[-1][1], end)
        else:
            out.append([start, end])
    return [tuple(p) for p in out]


def sub(a, b):
    """What is in a and not in b."""
    out = []
    b = norm(b)
    first = 0
    for start, end in norm(a):
        while first < len(b) and b[first][1] <= start:
            first += 1
        i = first
        while i < len(b) and b[i][0] < end:
            if b[i][0] > start:
                out.append((start, b[i][0]))
            start = max(start, b[i][1])
            i += 1
        if start < end:
            out.append((start, end))
    return out


def inter(a, b):
    """What is in both."""
    return sub(a, sub(a, b))


def total(a):
    return sum(end - start for start, end in norm(a))


def whole_pages(a):
    """The part of a that consists of whole 4 KiB pages."""
    return norm((-(-start // PAGE) * PAGE, end // PAGE * PAGE) for start, end in norm(a))


def show(a, limit=4):
    a = norm(a)
    text = ", ".join("[%#x, %#x)" % p for p in a[:limit])
    return text + (", ... (%d in all)" % len(a) if len(a) > limit else "")
