/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `dtb dump`: the device tree blob as the payload received it, in hex, so that a script can take it
 * off the console and give it to fpg-map. Length and CRC-32 (IEEE 802.3, as zlib's crc32) tell
 * whether a byte was lost on the way.
 */
#include "commands.h"

#include "fpg/core/devicetree.h"

#include <errno.h>
#include <string.h>

#define LINE_BYTES 32

uint32_t monitor_crc32(const void *bytes, size_t count)
{
	const unsigned char *from = bytes;
	uint32_t crc = 0xffffffffu;
	for (size_t i = 0; i < count; i++) {
		crc ^= from[i];
		for (int bit = 0; bit < 8; bit++) {
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
		}
	}
	return ~crc;
}

static void print_dump(struct out *out, const unsigned char *blob, size_t bytes)
{
	out_printf(out, "dtb: begin bytes=%zu crc32=0x%08x\n", bytes, monitor_crc32(blob, bytes));
	for (size_t at = 0; at < bytes; at += LINE_BYTES) {
		size_t n = bytes - at < LINE_BYTES ? bytes - at : LINE_BYTES;
		char line[2 * LINE_BYTES + 1];
		for (size_t i = 0; i < n; i++) {
			line[2 * i] = "0123456789abcdef"[blob[at + i] >> 4];
			line[2 * i + 1] = "0123456789abcdef"[blob[at + i] & 15];
		}
		line[2 * n] = '\0';
		out_printf(out, "dtb: %06zx %s\n", at, line);
	}
	out_puts(out, "dtb: end\n");
}

int cmd_dtb(struct monitor *m, int argc, char **argv)
{
	const struct dt_facts *facts = monitor_facts();
	(void)argc;
	if (strcmp(argv[1], "dump") != 0) {
		return monitor_fail(m, -EINVAL, "'%s' is not dump", argv[1]);
	}
	if (facts == NULL || facts->blob == NULL) {
		return monitor_fail(m, -ENODEV, "there is no device tree");
	}
	if (m->json) {
		struct json *j = monitor_json_begin(m);
		json_kv_u64(j, "bytes", facts->blob_bytes);
		json_kv_hex(j, "crc32", monitor_crc32(facts->blob, facts->blob_bytes));
		json_key(j, "hex");
		json_bytes(j, facts->blob, facts->blob_bytes);
		monitor_json_end(m);
	} else {
		print_dump(m->out, facts->blob, facts->blob_bytes);
	}
	return 0;
}
