# SPDX-License-Identifier: BSD-2-Clause
"""Whether a run was what its row of the boot matrix says: exit status, ledger, paging mode, harts, places, console."""
import json
import re

# The path or argument behind it is not part of the name.
LATER = re.compile(r"boot: console: (.*?)(?: \(.*\))?$", re.M)
BOOTED = re.compile(r"boot: Firstpage on hart (\d+), loaded at (0x[0-9a-f]+), console: (.*)")
TREE = re.compile(r"boot: device tree at (0x[0-9a-f]+), \d+ bytes")
MODE = re.compile(r"boot: (sv\d\d) on: linear map")
ONLINE = re.compile(r"harts: (?:(one) hart|(\d+) harts) online")


def clean(raw):
    """The console's text. OpenSBI 1.6 writes about illegal instructions, and ends no line."""
    text = raw.decode("utf-8", "replace").replace("\r", "")
    return re.sub(r"^system_opcode_insn: Invalid opcode for CSR read/write instruction", "", text, flags=re.M)


def seen_firmware(row, text):
    """What ran before the image, as its banners say; without one, the table's name for it."""
    names = [f"{name} {version}" for name, pattern in (("OpenSBI", r"^OpenSBI v(\S+)"), ("U-Boot", r"^U-Boot (\d\S*)"))
             for version in re.findall(pattern, text, re.M)[:1]]
    return ", ".join(names) or row.with_firmware.name


def hart_count(text):
    match = ONLINE.search(text)
    return None if not match else 1 if match.group(1) else int(match.group(2))


def answers(text, command):
    """The JSON answers of a command."""
    found = []
    for line in re.findall(r"^@json (\{.*\})$", text, re.M):
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if answer.get("command") == command:
            found.append(answer)
    return found


def ledger_wrong(ledger, ram):
    """Each byte of RAM in exactly one row, ascending. Return: None or what is wrong."""
    total = end = 0
    for row in ledger["rows"]:
        base, size = int(row["base"], 16), int(row["size"], 16)
        if base < end or size == 0:
            return f"the ledger's row at {base:#x} begins below {end:#x}"
        total += size
        end = base + size
    if total != ram:
        return f"the ledger's rows add up to {total}, not to {ram}"
    if int(ledger["ram_bytes"], 16) != ram or ledger["exact"] is not True:
        return f"the ledger says {ledger['ram_bytes']} bytes, exact: {ledger['exact']}"
    return None


def places_wrong(row, text, load, dtb):
    """Where the image and its device tree are, which hart boots, what the console is called."""
    booted, tree = BOOTED.search(text), TREE.search(text)
    if not booted or not tree:
        yield "no line says where the image and its device tree are"
        return
    if int(booted.group(2), 16) != load:
        yield f"loaded at {booted.group(2)} instead of {load:#x}"
    if dtb is not None and int(tree.group(1), 16) != dtb:
        yield f"device tree at {tree.group(1)} instead of {dtb:#x}"
    if row.boot_hart is not None and int(booted.group(1)) != row.boot_hart:
        yield f"hart {booted.group(1)} boots instead of {row.boot_hart}"
    yield from console_wrong("the first", row.with_firmware.console, booted)
    yield from console_wrong("the final", row.console or row.uart or row.with_firmware.console, LATER.search(text))


def console_wrong(which, wanted, said):
    """A console's name; @said: a match whose last group is the name, or None."""
    name = said.group(said.lastindex) if said else ""
    if not re.fullmatch(wanted, name):
        yield f"{which} console is '{name}' instead of /{wanted}/"


def harts_wrong(row, harts):
    """What `harts` says in JSON."""
    running = [hart["hart"] for hart in harts["harts"] if hart["state"] == "running"]
    if len(running) != row.harts_online or harts["online"] != row.harts_online:
        yield f"{len(running)} harts are running instead of {row.harts_online}"
    if row.hart_ids is not None and sorted(running) != sorted(row.hart_ids):
        yield f"the harts that run are {running} instead of {row.hart_ids}"
    if harts["mode"] != row.mode:
        yield f"paging mode {harts['mode']} instead of {row.mode}"


def asked_wrong(row, text):
    """The answers to the questions that every row asks."""
    harts, ledgers = answers(text, "harts"), answers(text, "ledger")
    if len(harts) != 1 or len(ledgers) != 1:
        yield f"{len(harts)} answers of harts and {len(ledgers)} of ledger in JSON instead of one each"
        return
    yield from harts_wrong(row, harts[0])
    ram = row.total_ram()
    wrong = ledger_wrong(ledgers[0], ram)
    if wrong:
        yield wrong
    line = f"ledger: {ram} of {ram} bytes accounted for: exact"
    if line not in text.splitlines():
        yield f"no line `{line}`, but {re.findall(r'^ledger: .*', text, re.M)}"
    if "W+X pages: 0" not in text.splitlines():
        yield "no line `W+X pages: 0`"


def judge(row, text, status, load, dtb):
    """Return: what was wrong, as a list of sentences; empty when nothing was."""
    wrong = []
    if status != row.status:
        wrong.append(f"exit status {status} instead of {row.status}")
    wrong += places_wrong(row, text, load, dtb)
    mode = MODE.search(text)
    if not mode or mode.group(1) != row.mode:
        wrong.append(f"{mode.group(1) if mode else 'no paging mode'} is on instead of {row.mode}")
    if hart_count(text) != row.harts_online:
        wrong.append(f"harts online: {hart_count(text)} instead of {row.harts_online}")
    if row.ledger:
        wrong += asked_wrong(row, text)
    wrong += [f"no line has /{pattern}/" for pattern in row.expect if not re.search(pattern, text, re.M)]
    if row.never and re.search(row.never, text, re.M):
        wrong.append(f"a line has /{row.never}/: {re.search(row.never, text, re.M).group(0)}")
    return wrong


def expected(row):
    """A row's expectations in a few words, for the table."""
    harts = f"{row.harts_online} hart{'s' if row.harts_online != 1 else ''}"
    words = [f"exit {row.status}", row.mode, harts]
    if row.boot_hart is not None:
        words.append(f"boot hart {row.boot_hart}")
    if row.load:
        words.append(f"at {row.load:#x}")
    if row.dtb is not None:
        words.append(f"tree {row.dtb if isinstance(row.dtb, str) else hex(row.dtb)}")
    if row.ledger:
        words.append(f"{row.total_ram() >> 20} MiB exact")
    return ", ".join(words)
