# SPDX-License-Identifier: BSD-2-Clause
"""The test loader, tests/boot/stub.S, made ready: built for where the firmware starts it, with its parameters, and put
into a simulator's memory together with the image. Used by the boot cases and the boot matrix.
"""
import os
import struct
import subprocess

CROSS = os.environ.get("CROSS_COMPILE", "riscv64-unknown-elf-")
HERE = os.path.dirname(os.path.abspath(__file__))

# Where the parameters lie behind the stub's first byte, and the smallest alignment of an image.
PARAMS = 0x1000
SUPERPAGE = 0x200000
# How the image is started: a jump on this hart, hart_start of another, hart_start of all and then a jump.
JUMP, HART, ALL = 0, 1, 2
# Offsets in a blob's header. Source: Devicetree Specification v0.4, 5.2.
MAGIC, TOTALSIZE, OFF_STRUCT, VERSION = 0, 4, 8, 20


def build_stub(folder):
    """Assemble the stub. Return: the path of the flat file, which runs at any address."""
    elf, flat = os.path.join(folder, "stub.elf"), os.path.join(folder, "stub.bin")
    subprocess.run([CROSS + "gcc", "-march=rv64imac_zifencei", "-mabi=lp64", "-mcmodel=medany", "-nostdlib", "-static",
                    "-Wl,-Ttext=0", "-Wl,--build-id=none", "-o", elf, os.path.join(HERE, "stub.S")], check=True)
    subprocess.run([CROSS + "objcopy", "-O", "binary", elf, flat], check=True)
    return flat


def parameters(load, method=JUMP, hart=0, a1=None, copy_to=0):
    """The block at PARAMS. @a1: the firmware's own when None; @copy_to: where a copy of the firmware's blob goes."""
    from_firmware = a1 is None
    return struct.pack("<8s7Q", b"FPGSTUB1", load, from_firmware, a1 or 0, method, hart, copy_to, 0)


def placed(path, address):
    """QEMU's options that put the file at @address."""
    return ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]


def joined(stub, params, image, offset):
    """One flat file for a simulator that loads only one: the image begins @offset bytes behind the stub."""
    with open(stub, "rb") as file:
        head = file.read().ljust(PARAMS, b"\0") + params
    with open(image, "rb") as file:
        return head.ljust(offset, b"\0") + file.read()


def image_bytes(image):
    """What the image takes in memory, with .bss. Source: Linux Documentation/riscv/boot-image-header.rst."""
    with open(image, "rb") as file:
        return struct.unpack_from("<Q", file.read(24), 16)[0]


def word(blob, offset, value=None):
    """Read, or write, a big-endian 32-bit word of the blob's header."""
    if value is not None:
        struct.pack_into(">I", blob, offset, value)
    return struct.unpack_from(">I", blob, offset)[0]


def qemu_blob(command, path):
    """The blob of the machine that @command would start, without the room that QEMU leaves behind it; written to @path."""
    subprocess.run([*command, "-machine", f"dumpdtb={path}"], check=True, stdin=subprocess.DEVNULL, capture_output=True)
    with open(path, "rb") as file:
        blob = bytearray(file.read())
    blob = blob[:word(blob, TOTALSIZE)]
    with open(path, "wb") as file:
        file.write(blob)
    return blob
