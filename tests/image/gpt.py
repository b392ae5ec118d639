# SPDX-License-Identifier: BSD-2-Clause
"""A small reader of GUID partition tables that shares nothing with the tools that write them.

Everything it reads is checked against UEFI 2.10, chapter 5: protective MBR (5.2.3), both headers with their sums and
places (5.3.2), both arrays of entries (5.3.3), and that partitions neither overlap nor leave the usable sectors. What
is wrong comes back as sentences; nothing is repaired.
"""
import struct
import uuid
import zlib

SECTOR = 512
HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
ENTRY = struct.Struct("<16s16sQQQ72s")
LEGACY_BOOTABLE = 1 << 2


class Partition:
    """One entry: number from 1, type and own GUID in upper case, sectors first to last, both inside."""

    def __init__(self, number, raw):
        kind, own, self.first, self.last, self.attributes, name = ENTRY.unpack(raw)
        self.number = number
        self.type = guid(kind)
        self.guid = guid(own)
        self.name = name.decode("utf-16-le").split("\0")[0]

    def bytes(self, image):
        """What lies in it, in the image's @image bytes."""
        return image[self.first * SECTOR:(self.last + 1) * SECTOR]


def guid(raw):
    return str(uuid.UUID(bytes_le=raw)).upper()


def check_mbr(image, wrong):
    """The protective MBR: one partition of type 0xEE over the whole disk."""
    if image[510:512] != b"\x55\xaa":
        wrong.append("sector 0 does not end in 55 aa")
        return
    kinds = [image[446 + 16 * i + 4] for i in range(4)]
    first, count = struct.unpack_from("<II", image, 446 + 8)
    if kinds != [0xEE, 0, 0, 0] or first != 1 or count != min(len(image) // SECTOR - 1, 0xffffffff):
        wrong.append(f"the MBR is not protective: types {kinds}, sectors {first} + {count}")


def read_header(image, sector, other, wrong):
    """The header at @sector, whose twin is to be at @other. Return: (fields, entries as bytes), or None"""
    raw = image[sector * SECTOR:(sector + 1) * SECTOR]
    fields = HEADER.unpack_from(raw)
    signature, revision, size, crc, zero, here, twin, first, last, disk, entries, count, each, entries_crc = fields
    where = f"the header in sector {sector}"
    if signature != b"EFI PART" or revision != 0x10000 or size != HEADER.size or zero != 0 or any(raw[size:]):
        wrong.append(f"{where} is none")
        return None
    if zlib.crc32(raw[:16] + bytes(4) + raw[20:size]) != crc:
        wrong.append(f"{where} has a wrong sum")
    if (here, twin) != (sector, other):
        wrong.append(f"{where} says that it is in {here} and its twin in {twin}, not {other}")
    if each != ENTRY.size or count != 128:
        wrong.append(f"{where} has {count} entries of {each} bytes")
        return None
    table = image[entries * SECTOR:entries * SECTOR + count * each]
    if zlib.crc32(table) != entries_crc:
        wrong.append(f"the entries of {where} have a wrong sum")
    return (first, last, guid(disk), entries, count * each // SECTOR), table


def read(image):
    """Partitions of @image (bytes), by number; and a list of what is wrong, empty when all is well."""
    wrong = []
    end = len(image) // SECTOR
    if len(image) % SECTOR or end < 68:
        return {}, [f"{len(image)} bytes are no disk"]
    check_mbr(image, wrong)
    main = read_header(image, 1, end - 1, wrong)
    backup = read_header(image, end - 1, 1, wrong)
    if main is None or backup is None:
        return {}, wrong
    (first, last, disk, entries, sectors), table = main
    if (first, last, disk) != backup[0][:3] or table != backup[1]:
        wrong.append("the backup differs from the main table")
    if entries != 2 or first < entries + sectors or backup[0][3] != end - 1 - sectors or last >= backup[0][3]:
        wrong.append(f"usable sectors {first} to {last} reach into the tables")
    parts = {}
    for number in range(1, 129):
        raw = table[(number - 1) * ENTRY.size:number * ENTRY.size]
        if any(raw[:16]):
            parts[number] = Partition(number, raw)
    check_places(parts, first, last, wrong)
    return parts, wrong


def check_places(parts, first, last, wrong):
    """Every partition within the usable sectors, none over another, no GUID twice."""
    before = None
    for part in sorted(parts.values(), key=lambda p: p.first):
        if not first <= part.first <= part.last <= last:
            wrong.append(f"partition {part.number} leaves the usable sectors: {part.first} to {part.last}")
        if before is not None and part.first <= before.last:
            wrong.append(f"partitions {before.number} and {part.number} overlap")
        before = part
    if len({p.guid for p in parts.values()}) != len(parts):
        wrong.append("two partitions have the same GUID")


def seal(image):
    """Make the sums right again in @image (bytearray) after its main table was changed, and copy it to the backup."""
    end = len(image) // SECTOR
    entries_crc = zlib.crc32(image[2 * SECTOR:34 * SECTOR])
    image[(end - 33) * SECTOR:(end - 1) * SECTOR] = image[2 * SECTOR:34 * SECTOR]
    for sector in (1, end - 1):
        at = sector * SECTOR
        struct.pack_into("<I", image, at + 88, entries_crc)
        struct.pack_into("<I", image, at + 16, 0)
        struct.pack_into("<I", image, at + 16, zlib.crc32(image[at:at + HEADER.size]))
