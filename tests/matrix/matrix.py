#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""matrix.py [--build DIR] [--ci] [--lines] [--list] [WORD...]: run the boot matrix on DIR/firstpage.bin, print a table.

Rows are those of matrix.toml; a WORD selects rows that have it in their name, board, firmware or chain. --ci: only what make
check runs; --lines: `ok - name` lines instead of the table. One image boots in all rows: its sum is printed, and looked
at before and after each row. Rows that need what the computer has not are skipped, and counted apart.

Exit: 0 when rows ran and all of them passed, 1 when one failed or none ran, 2 for a wrong call or table.
Environment: TIMEOUT (seconds a row), ROW_JOBS (rows beside each other, 2), OPENSBI40 and others that the table names.
"""
import argparse
import hashlib
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import judge  # noqa: E402
import machines  # noqa: E402
import rows as table  # noqa: E402

# A row with more harts has the computer to itself.
SHARED_HARTS = 4
LAST_LINES = 12


def sum_of(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class Result:
    """What became of a row: result is ok, FAILED or skipped."""

    def __init__(self, row, result, seconds=0.0, why=(), firmware="-", log=""):
        self.row, self.result, self.seconds, self.why = row, result, seconds, list(why)
        self.firmware, self.log = firmware, log


class Runner:
    """Runs rows with one image."""

    def __init__(self, made):
        self.made, self.image, self.sum = made, made.image, sum_of(made.image)

    def run(self, row):
        missing = self.made.missing(row)
        if missing:
            return Result(row, "skipped", why=[missing])
        begin = time.monotonic()
        try:
            return self._boot(row, begin)
        except (machines.CannotStart, OSError) as err:
            return Result(row, "FAILED", time.monotonic() - begin, [str(err)])

    def _boot(self, row, begin):
        before = sum_of(self.image)
        load, dtb = self.made.places(row)
        done = subprocess.run([machines.RUN_BOARD], env=self.made.environment(row), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        text = judge.clean(done.stdout)
        log = self.made.path(f"{row.id}.log")
        with open(log, "w", encoding="utf-8") as file:
            file.write(text)
        why = judge.judge(row, text, done.returncode, load, dtb)
        if {before, sum_of(self.image)} != {self.sum}:
            why.append(f"{self.image} is not the image that this run began with")
        return Result(row, "FAILED" if why else "ok", time.monotonic() - begin, why, judge.seen_firmware(row, text), log)


def in_order(chosen, runner, jobs, report):
    """Run the rows, a few beside each other, and report each in the table's order. Return: the results"""
    results, lock = {}, threading.Lock()
    told = []

    def one(row):
        result = runner.run(row)
        with lock:
            results[row.id] = result
            while len(told) < len(chosen) and chosen[len(told)].id in results:
                told.append(results[chosen[len(told)].id])
                report(told[-1])

    small = [row for row in chosen if row.harts <= SHARED_HARTS]
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, small))
    for row in chosen:
        if row.harts > SHARED_HARTS:
            one(row)
    return told


def details(result):
    """Why a row failed, and the end of its console."""
    lines = [f"    {why}" for why in result.why]
    if result.log:
        with open(result.log, encoding="utf-8") as file:
            lines += [f"    | {line}" for line in file.read().splitlines()[-LAST_LINES:]]
        lines.append(f"    (all of it: {result.log})")
    return lines


def print_row(result):
    row = result.row
    if result.result == "skipped":
        print(f"{row.id:<42} skipped: {result.why[0]}", flush=True)
        return
    print(f"{row.id:<42} {result.result:<7} {result.seconds:6.1f}  {result.firmware:<24} {judge.expected(row)}", flush=True)
    if result.result == "FAILED":
        print("\n".join(details(result)), flush=True)


def print_line(result):
    """As ci/check counts them."""
    name = result.row.id
    if result.result == "skipped":
        print(f"# skip matrix {name}: {result.why[0]}", flush=True)
    else:
        print(f"{'ok' if result.result == 'ok' else 'not ok'} - matrix {name}", flush=True)
        if result.result == "FAILED":
            print("\n".join(details(result)), flush=True)


def select(all_rows, words, only_ci):
    def has(row, word):
        return any(word in text for text in (row.id, row.board, row.chain))
    return [row for row in all_rows if (row.in_ci or not only_ci) and (not words or any(has(row, w) for w in words))]


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build", help="the build folder; logs go to its matrix/")
    parser.add_argument("--table", default=os.path.join(HERE, "matrix.toml"))
    parser.add_argument("--ci", action="store_true")
    parser.add_argument("--lines", action="store_true")
    parser.add_argument("--list", action="store_true", help="print the rows' names")
    parser.add_argument("words", nargs="*")
    args = parser.parse_args(argv[1:])
    try:
        all_rows, chains = table.read(args.table)
    except (table.BadTable, OSError) as err:
        print(f"matrix: {err}", file=sys.stderr)
        return 2
    chosen = select(all_rows, args.words, args.ci)
    if not chosen:
        print("matrix: no row has such a name", file=sys.stderr)
        return 2
    if args.list:
        print("\n".join(row.id for row in chosen))
        return 0
    runner = Runner(machines.Machines(args.build, chains))
    about = f"{runner.image}, sha256 {runner.sum}"
    begin = time.monotonic()
    if not args.lines:
        print(f"matrix: {len(chosen)} of {len(all_rows)} rows on {about}")
        print(f"{'row':<42} {'result':<7} {'s':>6}  {'came through':<24} expected")
    results = in_order(chosen, runner, int(os.environ.get("ROW_JOBS") or 2), print_line if args.lines else print_row)
    failed = [r.row.id for r in results if r.result == "FAILED"]
    passed = sum(r.result == "ok" for r in results)
    skipped = len(results) - passed - len(failed)
    if not args.lines:
        for name in failed:
            print(f"FAILED: {name}")
        print(f"matrix: {passed} passed, {len(failed)} failed, {skipped} skipped in {time.monotonic() - begin:.0f} s; "
              f"every row that ran had {about}")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
