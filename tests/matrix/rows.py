# SPDX-License-Identifier: BSD-2-Clause
"""The table of the boot matrix, matrix.toml, read and checked: each row once for each firmware that it names.

A key that is unknown, a value of a wrong type or a row without what it needs is refused with the row's name: a table
that is silently read otherwise than it was meant would be worse than none.
"""
import re
from dataclasses import dataclass, field

try:
    import tomllib
except ImportError as missing:
    raise SystemExit("matrix: Python 3.11 or newer is needed (tomllib)") from missing

UNITS = {"M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
BOARDS = ("qemu_virt", "spike", "sifive_u", "spike-isa")
PLACES = ("middle", "behind-image", "top")


class BadTable(Exception):
    """What is wrong, and in which row."""


@dataclass
class Firmware:
    """A firmware by its name in the table. Exactly one of @found, @variable, @source says where it is from."""
    name: str
    # What tools/run-board finds, or what tools/fetch_opensbi fetches.
    found: str = ""
    # The environment's variable that holds the file, and what it must be.
    variable: str = ""
    about: str = ""
    # An assembly file beside the table, and its assembler's options.
    source: str = ""
    flags: list = field(default_factory=list)
    # What a row's console is called under it, unless the row says so itself.
    console: str = ""


@dataclass
class Chain:
    """What stands between firmware and image, such as U-Boot: run-board is told by its environment."""
    name: str
    env: dict = field(default_factory=dict)
    # Files and commands that must be there, and a command that must succeed first. {build} is the build folder.
    needs: list = field(default_factory=list)
    ready: list = field(default_factory=list)


@dataclass
class Row:
    """One boot: what the machine looks like, what is asked, what must come. Addresses are physical."""
    name: str
    about: str
    board: str = "qemu_virt"
    firmware: list = field(default_factory=lambda: ["system"])
    # True: make check runs it; a list: with these firmwares only.
    ci: object = False
    ram: str = "1G"
    harts: int = 2
    args: str = ""
    run: str = ""
    # The simulator's own options; {initrd} is a file of 1 MiB.
    extra: str = ""
    numa: int = 0
    chain: str = ""
    # Through the test loader: the image's address, the hart to start it, the place of the device tree.
    load: int = 0
    boot_hart: object = None
    dtb: object = None
    # An overlay for the simulator's device tree, and who sees the changed one: the firmware too, or the payload only.
    overlay: str = ""
    overlay_for: str = "firmware"
    # "NODE PROPERTY" to take away from it.
    drop: list = field(default_factory=list)
    needs: list = field(default_factory=list)
    timeout: int = 240
    # What must come.
    status: int = 0
    mode: str = "sv39"
    online: object = None
    hart_ids: object = None
    console: str = ""
    ram_bytes: int = 0
    ledger: bool = True
    expect: list = field(default_factory=list)
    never: str = r"panic|\] \S+: warning:|MISMATCH"
    # Set for each firmware.
    with_firmware: Firmware = None
    # Of the board: the console from the final page tables on; "": the firmware's.
    uart: str = ""

    @property
    def id(self):
        return f"{self.name}@{self.with_firmware.name}"

    @property
    def in_ci(self):
        return self.ci if isinstance(self.ci, bool) else self.with_firmware.name in self.ci

    @property
    def harts_online(self):
        return self.harts if self.online is None else self.online

    @property
    def by_loader(self):
        return bool(self.load) or self.boot_hart is not None or self.dtb is not None or \
            (self.overlay and self.overlay_for == "payload")

    def regions(self):
        """RAM as the simulator is given it: [(base, bytes)]"""
        if ":" in self.ram:
            return [(int(base, 16), size_of(size)) for base, size in (r.split(":") for r in self.ram.split(","))]
        return [(0x80000000, size_of(self.ram))]

    def total_ram(self):
        return self.ram_bytes or sum(size for _, size in self.regions())


TYPES = {"name": str, "about": str, "board": str, "firmware": list, "ci": (bool, list), "ram": str, "harts": int,
         "args": str, "run": str, "extra": str, "numa": int, "chain": str, "load": int, "boot_hart": int,
         "dtb": (str, int), "overlay": str, "overlay_for": str, "drop": list, "needs": list, "timeout": int, "status": int,
         "mode": str, "online": int, "hart_ids": list, "console": str, "ram_bytes": int, "ledger": bool,
         "expect": list, "never": str}


def size_of(text):
    """Bytes of 64M, 1G, 1T."""
    match = re.fullmatch(r"([1-9]\d*)([MGT])", text)
    if not match:
        raise BadTable(f"'{text}' is no size: a number with M, G or T")
    return int(match.group(1)) * UNITS[match.group(2)]


def check(row):
    """Raise BadTable when the row makes no sense."""
    if row.board not in BOARDS:
        raise BadTable(f"board '{row.board}' is none of {', '.join(BOARDS)}")
    if row.overlay_for not in ("firmware", "payload"):
        raise BadTable(f"overlay_for '{row.overlay_for}' is neither firmware nor payload")
    if isinstance(row.dtb, str) and row.dtb not in PLACES:
        raise BadTable(f"dtb '{row.dtb}' is none of {', '.join(PLACES)}, and no address")
    if row.drop and not row.overlay:
        raise BadTable("drop is for a tree with an overlay")
    if row.overlay_for == "payload" and row.board == "spike-isa":
        raise BadTable("Spike puts no tree beside the image: overlay_for = firmware")
    if row.overlay_for == "payload" and row.dtb is None:
        raise BadTable("a tree for the payload needs a place: dtb")
    strange = [name for name in row.ci if name not in row.firmware] if isinstance(row.ci, list) else []
    if strange:
        raise BadTable(f"ci names firmware '{strange[0]}', with which the row does not run")
    if ":" in row.ram and row.board != "spike-isa":
        raise BadTable(f"ram '{row.ram}': regions are for spike-isa")
    for pattern in [*row.expect, row.never, row.console, row.uart]:
        try:
            re.compile(pattern)
        except re.error as err:
            raise BadTable(f"'{pattern}' is no regular expression: {err}") from err
    row.total_ram()


def typed(kind, values, where):
    """An instance of a dataclass from a table of the file."""
    allowed = {name for name in kind.__dataclass_fields__ if name not in ("with_firmware", "uart")}
    for key in values:
        if key not in allowed:
            raise BadTable(f"{where}: unknown key '{key}'")
    return kind(**values)


def row_of(values, where):
    for key in ("name", "about"):
        if key not in values:
            raise BadTable(f"{where}: {key} is missing")
    for key, value in values.items():
        wanted = TYPES.get(key)
        # A bool is an int to Python, but not to the table.
        if wanted and (not isinstance(value, wanted) or (isinstance(value, bool) and wanted is int)):
            raise BadTable(f"{where}: {key} = {value!r} has the wrong type")
    return typed(Row, values, where)


def read(path):
    """Return: (rows, chains by name). The rows of a group have its keys, then their own; each once a firmware."""
    with open(path, "rb") as file:
        try:
            table = tomllib.load(file)
        except tomllib.TOMLDecodeError as err:
            raise BadTable(f"{path}: {err}") from err
    firmwares = {name: typed(Firmware, {"name": name, **values}, f"firmware {name}")
                 for name, values in table.pop("firmware", {}).items()}
    chains = {name: typed(Chain, {"name": name, **values}, f"chain {name}")
              for name, values in table.pop("chain", {}).items()}
    uarts = table.pop("uart", {})
    for board, pattern in uarts.items():
        if board not in BOARDS or not isinstance(pattern, str):
            raise BadTable(f"uart {board} = {pattern!r}: no board and a name for it")
    groups = table.pop("group", [])
    if table:
        raise BadTable(f"unknown: {', '.join(table)}")
    rows, seen = [], set()
    for group in groups:
        common = {key: value for key, value in group.items() if key != "rows"}
        for values in group.get("rows", []):
            where = f"row {values.get('name', 'without a name')}"
            merged = {**common, **values}
            for firmware in merged.get("firmware", ["system"]):
                row = row_of(merged, where)
                if firmware not in firmwares:
                    raise BadTable(f"{where}: firmware '{firmware}' is unknown")
                if row.chain and row.chain not in chains:
                    raise BadTable(f"{where}: chain '{row.chain}' is unknown")
                row.with_firmware = firmwares[firmware]
                row.uart = uarts.get(row.board, "")
                try:
                    check(row)
                except BadTable as err:
                    raise BadTable(f"{where}: {err}") from err
                if row.id in seen:
                    raise BadTable(f"{where}: there are two")
                seen.add(row.id)
                rows.append(row)
    if not rows:
        raise BadTable(f"{path}: no rows")
    return rows, chains
