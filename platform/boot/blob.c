/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device tree blob, from an address in a1 to something that can be believed: the address is looked at, then the
 * header is mapped and checked, then as much as the header says is mapped and every offset in it checked. A blob that
 * fails ends the run with the reason; there is nothing to boot with.
 */
#define LOG_MODULE "boot"
#include "boot.h"

#include "fpg/base/range.h"
#include "fpg/core/devicetree.h"
#include "fpg/core/log.h"
#include "fpg/core/panic.h"
#include "fpg/pagetable/fixmap.h"

FPG_INIT const void *boot_map_blob(phys_addr_t a1, size_t *bytes)
{
	struct dt_error err;
	if (dt_check_address(a1, &err) != 0) {
		panic("device tree: %s", err.text);
	}
	if (phys_range_overflows(a1, DT_MAX_BYTES)) {
		panic("device tree: a1 = 0x%llx is at the end of the address space",
		      (unsigned long long)a1);
	}
	const void *header = fixmap_map_dtb(a1, DT_HEADER_BYTES);
	if (header == NULL) {
		panic("device tree: the header at 0x%llx cannot be mapped", (unsigned long long)a1);
	}
	if (dt_check_header(a1, header, bytes, &err) != 0) {
		panic("device tree: %s", err.text);
	}
	const void *blob = fixmap_map_dtb(a1, *bytes);
	if (blob == NULL) {
		panic("device tree: %zu bytes at 0x%llx cannot be mapped", *bytes,
		      (unsigned long long)a1);
	}
	if (dt_check_blob(blob, *bytes, &err) != 0) {
		panic("device tree: %s", err.text);
	}
	return blob;
}
