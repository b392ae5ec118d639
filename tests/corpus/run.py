#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs a program that prints the memory map of a DTB on every case of the corpus and compares, byte by byte.

  run.py [--command TEMPLATE] [--dtc PATH] [--keep DIR] [--only ID] ...   exit 0: all passed, 1: some failed
  run.py --list | --check | --self-test

README.md tells the format of a case and what is compared. Nothing here knows how Firstpage does it.
"""
import argparse
import concurrent.futures
import fnmatch
import os
import shlex
import subprocess
import sys
import tempfile

import make_blobs
from compare import check, compare
from selftest import self_test

COMMAND = ("build/host/fpg-map {dtb} --load {load} --image-size {image_bytes} --dtb-addr {dtb_addr} "
           "{initrd} {bootargs} --json")
TIMEOUT_S = 20


def command_line(template, case, dtb):
    """The template split like a shell would; {initrd} and {bootargs} become two arguments or none."""
    values = {"dtb": dtb, "id": case["id"], "load": case["load"], "image_bytes": case["image_bytes"],
              "dtb_addr": case["dtb_addr"]}
    out = []
    for part in shlex.split(template):
        if part == "{initrd}":
            out += ["--initrd", "-".join(case["initrd"])] if "initrd" in case else []
        elif part == "{bootargs}":
            out += ["--bootargs", case["bootargs"]] if "bootargs" in case else []
        else:
            for name, value in values.items():
                part = part.replace("{%s}" % name, value)
            out.append(part)
    return out


def run_case(case, args, folder):
    dtb = os.path.join(folder, case["id"] + ".dtb")
    try:
        bad = check(case)
        if bad:
            return bad
        make_blobs.build(case, args.dtc, dtb)
        if args.check:
            return []
        run = subprocess.run(command_line(args.command, case, dtb), capture_output=True, timeout=TIMEOUT_S, check=False)
    except ValueError as error:
        return [str(error)]
    except subprocess.TimeoutExpired:
        return ["no answer after %d s" % TIMEOUT_S]
    if args.keep:
        for name, data in (("json", run.stdout), ("err", run.stderr)):
            with open(os.path.join(folder, "%s.%s" % (case["id"], name)), "wb") as f:
                f.write(data)
    if run.returncode < 0:
        return ["killed by signal %d" % -run.returncode]
    bad = compare(case, run.returncode, run.stdout.decode(errors="replace"))
    if bad and run.stderr:
        bad.append("stderr: " + run.stderr.decode(errors="replace").strip().splitlines()[-1])
    return bad


def run_all(cases, args, folder):
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for case, bad in zip(cases, pool.map(lambda c: run_case(c, args, folder), cases)):
            failed += bool(bad)
            print("not ok - %s: %s" % (case["id"], "; ".join(bad)) if bad else "ok - " + case["id"], flush=True)
    print("%d passed, %d failed" % (len(cases) - failed, failed))
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description="Run the corpus against a program that maps a DTB's memory.")
    parser.add_argument("--command", default=COMMAND, help="template; default: %(default)s")
    parser.add_argument("--dtc", default="dtc")
    parser.add_argument("--only", action="append", metavar="ID", help="an id or a pattern; may be repeated")
    parser.add_argument("--keep", metavar="DIR", help="keep blobs and answers there")
    parser.add_argument("--list", action="store_true", help="list the cases and end")
    parser.add_argument("--check", action="store_true", help="check the cases and compile them; run nothing")
    parser.add_argument("--self-test", action="store_true", help="check that broken expectations are noticed")
    args = parser.parse_args()
    cases = [c for c in make_blobs.all_cases()
             if not args.only or any(fnmatch.fnmatchcase(c["id"], p) for p in args.only)]
    if not cases:
        parser.error("no such case")
    if args.list:
        for case in cases:
            print("%-36s %s" % (case["id"], case["title"]))
        return 0
    if args.self_test:
        return self_test(cases)
    try:
        if args.keep:
            os.makedirs(args.keep, exist_ok=True)
            return run_all(cases, args, args.keep)
        with tempfile.TemporaryDirectory() as folder:
            return run_all(cases, args, folder)
    except FileNotFoundError as error:
        print("run.py: cannot start: %s" % error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
