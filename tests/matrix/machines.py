# SPDX-License-Identifier: BSD-2-Clause
"""From a row of the boot matrix to a run of tools/run-board: firmware, RAM, nodes, changed device trees, test loader.

What a row needs and the computer has not is said by missing(), so that the row can be skipped by that reason.
"""
import glob
import os
import shlex
import shutil
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "boot"))
import loader  # noqa: E402  the test loader's folder must be known first

RUN_BOARD = "tools/run-board"
# The default questions. The first three make the ledger hold more than free memory.
QUESTIONS = "alloc 0 5; alloc 6; alloc 10; harts; pagetable; json on; harts; ledger; json off; ledger"
# All firmwares, and U-Boot, start the image here, seen from the beginning of RAM.
NEXT = 0x200000
TOP_ROOM = 0x4000


class CannotStart(Exception):
    """Why the row's machine could not be made."""


def numa(nodes, mib):
    """QEMU's options for @nodes nodes of @mib MiB and one hart each, with a distance map."""
    # QEMU 7.2 ends in an error with its PLIC on more than two nodes; the other interrupt controller works.
    words = ["-M virt,aia=aplic"] if nodes > 2 else []
    for i in range(nodes):
        words.append(f"-object memory-backend-ram,id=m{i},size={mib}M -numa node,nodeid={i},memdev=m{i},cpus={i}")
    for i in range(nodes):
        for j in range(i + 1, nodes):
            words.append(f"-numa dist,src={i},dst={j},val={15 + 10 * (j - i)}")
    return " ".join(words)


def tool(command, **more):
    """Run a tool that must succeed. Return: its standard output"""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, **more)
    if done.returncode:
        raise CannotStart(f"{command[0]}: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return done.stdout


class Once:
    """The answer of a function, asked once and remembered by its argument; rows run beside each other."""

    def __init__(self, ask):
        self.ask, self.known, self.lock = ask, {}, threading.Lock()

    def __call__(self, key=None):
        name = getattr(key, "name", key)
        with self.lock:
            if name not in self.known:
                self.known[name] = self.ask(key)
            return self.known[name]


class Machines:
    """Everything that the rows share, in a folder of the build."""

    def __init__(self, build, chains):
        self.build, self.chains = build, chains
        self.image, self.folder = os.path.join(build, "firstpage.bin"), os.path.join(build, "matrix")
        self.opensbi = os.path.join(build, "opensbi")
        os.makedirs(self.folder, exist_ok=True)
        self.fetched = Once(lambda _key: self._succeeds(["tools/fetch_opensbi", self.opensbi]))
        self.ready = Once(lambda chain: self._succeeds([word.format(build=build) for word in chain.ready]))
        self.assembled = Once(self._assemble)
        self.stub = Once(lambda _key: loader.build_stub(self.folder))
        self.initrd = Once(self._initrd)

    def path(self, name):
        return os.path.join(self.folder, name)

    @staticmethod
    def _succeeds(command):
        """Return: None, or the last line of what the command complained about."""
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it failed"])[-1]

    def _initrd(self, _key):
        with open(self.path("initrd"), "wb") as file:
            file.write(b"0123456789abcdef" * 65536)
        return self.path("initrd")

    def _assemble(self, firmware):
        elf, flat = self.path(f"firmware-{firmware.name}.elf"), self.path(f"firmware-{firmware.name}.bin")
        tool([loader.CROSS + "gcc", "-march=rv64imac_zicsr_zifencei", "-mabi=lp64", "-nostdlib", "-static",
              "-Wl,-Ttext=0x80000000", "-Wl,--build-id=none", *firmware.flags, "-o", elf, os.path.join(HERE, firmware.source)])
        tool([loader.CROSS + "objcopy", "-O", "binary", elf, flat])
        return flat

    # ---- what a row needs ---------------------------------------------------------------------------------------

    def missing(self, row):
        """Return: what this computer lacks for the row, or None."""
        firmware = row.with_firmware
        needs = list(row.needs)
        if row.board == "spike-isa":
            needs.append("spike")
        if row.overlay:
            needs += ["dtc", "fdtoverlay", "fdtput"]
        if row.chain:
            needs += self.chains[row.chain].needs
        for need in needs:
            if not (glob.glob(need) if "/" in need else shutil.which(need)):
                return f"no {need}"
        if row.chain and self.chains[row.chain].ready:
            reason = self.ready(self.chains[row.chain])
            if reason:
                return f"no {row.chain}: {reason}"
        if firmware.variable and not os.environ.get(firmware.variable):
            return f"no {firmware.variable}=<{firmware.about}>"
        if firmware.found == "fetched":
            reason = self.fetched()
            if reason:
                return f"no OpenSBI {firmware.name}: {reason}"
        return None

    def firmware_file(self, row):
        """What run-board gets as its firmware; nothing: what it finds itself."""
        firmware = row.with_firmware
        if firmware.variable:
            return os.environ[firmware.variable]
        if firmware.source:
            return self.assembled(firmware)
        if firmware.found == "fetched":
            return os.path.join(self.opensbi, "fw_jump.elf" if row.board == "spike-isa" else "fw_dynamic.bin")
        return ""

    # ---- addresses ----------------------------------------------------------------------------------------------

    def places(self, row):
        """Return: where the image must be found, and its device tree; None where the firmware decides."""
        base, size = row.regions()[0]
        load = row.load or (base + 2 * NEXT if row.by_loader else base + NEXT)
        dtb = row.dtb
        if dtb == "middle":
            dtb = base + size // 2
        elif dtb == "behind-image":
            dtb = load + loader.image_bytes(self.image)
        elif dtb == "top":
            dtb = base + size - TOP_ROOM
        return load, dtb

    # ---- the run ------------------------------------------------------------------------------------------------

    def environment(self, row):
        """What run-board is told."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("FPG_")}
        run = "; ".join(part for part in (row.run, QUESTIONS if row.ledger else "") if part)
        extra = [row.extra.format(initrd=self.initrd() if "{initrd}" in row.extra else "")]
        if row.numa:
            extra.append(numa(row.numa, (row.total_ram() >> 20) // row.numa))
        env |= {"FPG_BOARD": row.board, "FPG_RAM": row.ram, "FPG_HARTS": str(row.harts), "FPG_ARGS": row.args,
                "FPG_RUN": run, "FPG_OPENSBI": self.firmware_file(row), "FPG_IMAGE": self.image,
                "TIMEOUT": os.environ.get("TIMEOUT") or str(row.timeout)}
        if row.chain:
            env |= {name: value.format(build=self.build) for name, value in self.chains[row.chain].env.items()}
        if row.overlay and row.overlay_for == "firmware":
            dtb = self.changed_tree(row, {**env, "FPG_QEMU_ARGS": " ".join(extra)})
            extra.append(f"--dtb={dtb}" if row.board == "spike-isa" else f"-dtb {dtb}")
        env["FPG_QEMU_ARGS"] = " ".join(extra).strip()
        if row.by_loader:
            self.through_loader(row, env)
        return env

    def changed_tree(self, row, env):
        """The simulator's own device tree for this machine, boot arguments and all, with the row's overlay."""
        command = shlex.split(tool([RUN_BOARD], env={**env, "DRY_RUN": "1"}).decode())
        base, overlay, out = (self.path(f"{row.id}.{part}") for part in ("base.dtb", "dtbo", "dtb"))
        if row.board == "spike-isa":
            dts = self.path(f"{row.id}.dts")
            with open(dts, "wb") as file:
                file.write(tool([command[0], "--dump-dts", *command[1:]]))
            tool(["dtc", "-q", "-O", "dtb", "-o", base, dts])
        else:
            loader.qemu_blob(command, base)
        tool(["dtc", "-q", "-@", "-O", "dtb", "-o", overlay, os.path.join(HERE, row.overlay)])
        tool(["fdtoverlay", "-i", base, "-o", out, overlay])
        for dropped in row.drop:
            tool(["fdtput", "-d", out, *dropped.split()])
        return out

    def through_loader(self, row, env):
        """The test loader takes the image's place; image, parameters and a changed tree are put beside it."""
        load, dtb = self.places(row)
        start = row.regions()[0][0] + NEXT
        method, hart = (loader.JUMP, 0) if row.boot_hart is None else (loader.HART, row.boot_hart)
        changed = self.changed_tree(row, env) if row.overlay and row.overlay_for == "payload" else None
        params = loader.parameters(load, method, hart, a1=dtb if changed else None, copy_to=0 if changed else dtb or 0)
        if row.board == "spike-isa":
            env["FPG_IMAGE"] = self.path(f"{row.id}.joined")
            with open(env["FPG_IMAGE"], "wb") as file:
                file.write(loader.joined(self.stub(), params, self.image, load - start))
            return
        block = self.path(f"{row.id}.params")
        with open(block, "wb") as file:
            file.write(params)
        env["FPG_IMAGE"] = self.stub()
        options = loader.placed(block, start + loader.PARAMS) + loader.placed(self.image, load)
        if changed:
            options += loader.placed(changed, dtb)
        env["FPG_QEMU_ARGS"] = " ".join([env["FPG_QEMU_ARGS"], *options]).strip()
