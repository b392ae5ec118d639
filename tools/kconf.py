#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Configuration files from the Kconfig tree, by kconfiglib.

kconf.py generate CONFIG DIR     write DIR/config.h and DIR/config.mk
kconf.py defconfig FILE          make FILE, completed with defaults, the configuration ($KCONFIG_CONFIG)
kconf.py olddefconfig FILE       complete FILE with defaults for what is new
kconf.py savedefconfig FILE OUT  write the smallest file that leads to the same configuration
kconf.py random SEED             make a random configuration that can be built; the same seed, the same choices
kconf.py check                   every prompt has a help text, every symbol is documented (used by CI)

Symbols named BOARD_*, RUN_* and IMAGE_* say how the image is started and packed, never what is in it: they reach
config.mk only, so that every board's defconfig leads to the same bytes.
"""
import os
import random
import sys

import kconfiglib

BOARD_DEFAULTS = ("RUN_", "IMAGE_")
RUN_ONLY = ("BOARD",) + BOARD_DEFAULTS


def load(path=None):
    """Parse the tree and @path; unknown symbols and bad values in it are errors, not noise."""
    kconf = kconfiglib.Kconfig("Kconfig", warn_to_stderr=False)
    if path is not None:
        kconf.warn_assign_undef = True
        kconf.load_config(path)
    problems = [w for w in kconf.warnings if "was replaced" not in w]
    for text in problems:
        print(f"configuration: {text}", file=sys.stderr)
    return kconf


def require_backend(kconf, path):
    """A configuration without any page allocator cannot boot: say so, and where to change it."""
    backends = [s for s in kconf.unique_defined_syms if is_backend(s)]
    if not any(s.str_value == "y" for s in backends):
        names = ", ".join("CONFIG_" + s.name for s in backends)
        sys.exit(f"configuration: {path} has no page allocator: switch on at least one of {names} "
                 "(`make menuconfig`, Page allocators)")
    if not kconf.syms["PALLOC_DEFAULT"].str_value:
        sys.exit(f"configuration: {path} names no default page allocator (`make menuconfig`, Page allocators)")


def is_backend(sym):
    """A backend's switch: a bool defined in allocators/<name>/Kconfig that is no member of the default's choice."""
    return (sym.type == kconfiglib.BOOL and sym.name.startswith("PALLOC_") and sym.choice is None
            and any(n.filename == f"allocators/{sym.name[7:].lower()}/Kconfig" for n in sym.nodes))


def write_if_changed(path, text):
    """Keep the time stamp of a file whose contents stay, so that nothing is compiled again for nothing."""
    try:
        with open(path, encoding="utf-8") as old:
            if old.read() == text:
                return
    except FileNotFoundError:
        pass
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def c_string(value):
    """@value as a C string literal; also right inside a make fragment's quotes."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def header_line(sym):
    """The #define for @sym, or None when the header leaves it out."""
    value = sym.str_value
    if sym.type == kconfiglib.BOOL:
        return f"#define CONFIG_{sym.name} 1" if value == "y" else None
    if sym.type == kconfiglib.STRING:
        return f"#define CONFIG_{sym.name} {c_string(value)}"
    return f"#define CONFIG_{sym.name} {value}" if value else None


def make_line(sym):
    """The assignment for @sym in config.mk, or None."""
    value = sym.str_value
    if sym.type == kconfiglib.BOOL and value != "y":
        return None
    return f"CONFIG_{sym.name} := " + make_text(value)


def make_text(value):
    """@value as make reads it in an assignment."""
    return value.replace("$", "$$").replace("#", "\\#")


def board_defaults(kconf):
    """RUN_* and IMAGE_* for every board, as RUN_RAM_spike; a value the user set counts for the chosen board only."""
    lines = []
    choice = kconf.named_choices["BOARD_CHOICE"]
    runs = [s for s in kconf.unique_defined_syms if s.name.startswith(BOARD_DEFAULTS)]
    chosen = kconf.syms["BOARD"].str_value
    users = {s: s.user_value for s in runs}
    own = choice.selection
    for board in choice.syms:
        board.set_value(2)
        name = kconf.syms["BOARD"].str_value
        for sym in runs:
            if name != chosen:
                sym.unset_value()
            elif users[sym] is not None:
                sym.set_value(users[sym])
            lines.append(f"{sym.name}_{name} := " + make_text(sym.str_value))
    own.set_value(2)
    for sym, value in users.items():
        if value is not None:
            sym.set_value(value)
    return lines


def generate(path, folder):
    kconf = load(path)
    require_backend(kconf, path)
    os.makedirs(folder, exist_ok=True)
    head, fragment = [], []
    for sym in kconf.unique_defined_syms:
        if sym.type == kconfiglib.UNKNOWN:
            continue
        if not sym.name.startswith(RUN_ONLY):
            head.append(header_line(sym))
        fragment.append(make_line(sym))
    fragment += board_defaults(kconf)
    write_if_changed(os.path.join(folder, "config.h"),
                     "/* SPDX-License-Identifier: BSD-2-Clause */\n"
                     "/* Generated by tools/kconf.py from the configuration: do not edit. */\n"
                     "#pragma once\n\n" + "\n".join(x for x in head if x) + "\n")
    path = os.path.join(folder, "config.mk")
    write_if_changed(path, "# Generated by tools/kconf.py: do not edit.\n"
                     + "\n".join(x for x in fragment if x) + "\n")
    os.utime(path)


def randomize(seed):
    """Choose every visible option by chance, from the top down; at least one backend stays."""
    rng = random.Random(seed)
    kconf = kconfiglib.Kconfig("Kconfig", warn_to_stderr=False)
    backends = [s for s in kconf.unique_defined_syms if is_backend(s)]
    kept = rng.choice(backends)
    kept.set_value(2)
    for item in kconf.unique_defined_syms:
        if item.name.startswith(RUN_ONLY) or not item.visibility or item is kept:
            continue
        if item.choice is not None:
            if rng.random() < 1 / len(item.choice.syms):
                item.set_value(2)
        elif item.type == kconfiglib.BOOL:
            item.set_value(rng.choice(item.assignable or (0,)))
        elif item.type == kconfiglib.INT and item.ranges:
            low, high = (int(x.str_value) for x in item.ranges[0][:2])
            item.set_value(str(rng.choice((low, high, rng.randint(low, high)))))
    print(kconf.write_config())


def check():
    """Every entry a person can see explains itself."""
    kconf = load()
    missing = [f"{n.filename}:{n.linenr}: {kind_name(n)} has no help text"
               for n in kconf.node_iter()
               if n.prompt and n.item not in (kconfiglib.MENU, kconfiglib.COMMENT) and not getattr(n, "help", None)]
    for text in missing:
        print(text)
    return 1 if missing else 0


def kind_name(node):
    return getattr(node.item, "name", None) or "an entry"


def main(argv):
    command, args = (argv[1] if len(argv) > 1 else ""), argv[2:]
    if command == "generate" and len(args) == 2:
        generate(*args)
    elif command in ("defconfig", "olddefconfig") and len(args) == 1:
        kconf = load(args[0])
        require_backend(kconf, args[0])
        print(kconf.write_config())
    elif command == "savedefconfig" and len(args) == 2:
        kconf = load(args[0])
        print(kconf.write_min_config(args[1]))
    elif command == "random" and len(args) == 1:
        randomize(args[0])
    elif command == "check" and not args:
        sys.exit(check())
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv)
