#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What fpg-map says about files that are no device tree blob, and how it shows warnings: with names, in words.

  fpg_map_says.py --fpg-map FILE
"""
import argparse
import os
import subprocess
import sys
import tempfile

BLOB = "/dts-v1/; / { #address-cells = <2>; #size-cells = <2>; memory@80000000 { device_type = \"memory\"; " \
       "reg = <0 0x80000000 0 0x10000000>; }; };"
EMPTY = "/dts-v1/; / { };"

# name, file, more arguments, exit status, what must come (on stdout or stderr), what must not
CASES = [
    ("a file that is no blob is named with its magic", "text.dtb", [], 2,
     "text.dtb: no device tree blob: it begins with 0x7468616e, a blob with 0xd00dfeed", " 0x8"),
    ("with --dtb-addr the payload's own words come", "text.dtb", ["--dtb-addr", "0x88000000"], 2,
     "text.dtb: no device tree at 0x88000000: magic 0x7468616e", "it begins with"),
    ("a file that is too short is named with its length", "short.dtb", [], 2,
     "short.dtb: 5 bytes are no device tree blob", " 0x8"),
    ("a file that is missing is named", "missing.dtb", [], 2, "missing.dtb: No such file or directory", " 0x8"),
    ("a tree without memory is told in words", "empty.dtb", [], 2,
     "empty.dtb: the device tree has no memory that can be used (-ENODATA)", "error 61"),
    ("warnings in text name their module", "blob.dtb", ["--bootargs", "quiet"], 1,
     "warning: bootargs: unknown, ignored: quiet\n", "warning: unknown"),
    ("warnings in JSON name their module", "blob.dtb", ["--bootargs", "quiet", "--json"], 1,
     '"bootargs: unknown, ignored: quiet"', '"unknown'),
]


def write_files(folder):
    for name, data in (("text.dtb", b"thank you for the tree" * 10), ("short.dtb", b"short")):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)
    for name, source in (("blob.dtb", BLOB), ("empty.dtb", EMPTY)):
        subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", os.path.join(folder, name)], input=source.encode(),
                       check=True)


def wrong(case, fpg_map, folder):
    """Return None, or what is wrong."""
    _, file, more, status, want, never = case
    run = subprocess.run([fpg_map, os.path.join(folder, file), *more], capture_output=True, check=False)
    said = (run.stdout + run.stderr).decode(errors="replace")
    if run.returncode != status:
        return "exit status %d instead of %d" % (run.returncode, status)
    if want not in said:
        return "it does not say %r but %r" % (want, said[-400:])
    return "it says %r" % never if never in said else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fpg-map", required=True)
    args = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        write_files(folder)
        for case in CASES:
            why = wrong(case, args.fpg_map, folder)
            print("not ok - fpg-map: %s: %s" % (case[0], why) if why else "ok - fpg-map: " + case[0], flush=True)
            failed += why is not None
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
