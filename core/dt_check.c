/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is this a device tree blob? First the address, then the header, then every offset and length, so that nothing is
 * read before what it depends on was found sound. Each refusal names the value.
 */
#include "fpg/base/range.h"
#include "fpg/core/devicetree.h"

#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>

static_assert(sizeof(struct fdt_header) == DT_HEADER_BYTES, "Devicetree v0.4, 5.2");

/** Property names longer than this are refused in blobs larger than that. */
#define LONGEST_NAME	 255
#define SMALL_BLOB_BYTES (64UL << 10)

static int refuse(struct dt_error *error, int code, const char *fmt, ...) FPG_PRINTF(3, 4);

FPG_INIT static int refuse(struct dt_error *error, int code, const char *fmt, ...)
{
	struct out_buffer b;
	va_list ap;
	out_buffer_init(&b, error->text, sizeof(error->text));
	va_start(ap, fmt);
	out_vprintf(&b.out, fmt, ap);
	va_end(ap);
	return code;
}

FPG_INIT int dt_check_address(phys_addr_t a1, struct dt_error *err)
{
	if (a1 == 0) {
		return refuse(err, -EINVAL, "no device tree: a1 is 0");
	}
	if (!IS_ALIGNED(a1, 8)) {
		return refuse(err, -EINVAL,
			      "device tree address %#" PRIx64 " is not a multiple of 8", a1);
	}
	return 0;
}

FPG_INIT int dt_check_header(phys_addr_t a1, const void *header, size_t *totalsize,
			     struct dt_error *err)
{
	int code = dt_check_address(a1, err);
	if (code != 0) {
		return code;
	}
	uint32_t magic = fdt_magic(header);
	if (magic != FDT_MAGIC) {
		return refuse(err, -EINVAL,
			      "no device tree at %#" PRIx64 ": magic %#" PRIx32 ", not %#x", a1,
			      magic, FDT_MAGIC);
	}
	uint32_t version = fdt_version(header);
	uint32_t compatible = fdt_last_comp_version(header);
	if (version < FDT_FIRST_SUPPORTED_VERSION || compatible > FDT_LAST_SUPPORTED_VERSION ||
	    version < compatible) {
		return refuse(err, -EINVAL,
			      "device tree version %" PRIu32 " (compatible with %" PRIu32
			      ") is not supported",
			      version, compatible);
	}
	uint32_t bytes = fdt_totalsize(header);
	if (bytes > DT_MAX_BYTES) {
		return refuse(err, -EFBIG,
			      "device tree totalsize %#" PRIx32 " is more than the %#lx supported",
			      bytes, DT_MAX_BYTES);
	}
	if (bytes < fdt_header_size(header)) {
		return refuse(err, -EBADMSG,
			      "device tree totalsize %#" PRIx32 " is less than its header", bytes);
	}
	if (phys_range_overflows(a1, bytes)) {
		return refuse(err, -EBADMSG,
			      "device tree totalsize %#" PRIx32 " at %#" PRIx64
			      " passes the end of the address space",
			      bytes, a1);
	}
	*totalsize = bytes;
	return 0;
}

/**
 * A property name of megabytes would be read again for each property that uses it, so one linear look at the strings
 * comes first. Names have at most 31 characters (Devicetree v0.4, 2.2.4.1). Small blobs need no such care.
 */
FPG_INIT static bool names_are_short(const void *blob)
{
	size_t end = fdt_totalsize(blob);
	if (end <= SMALL_BLOB_BYTES) {
		return true;
	}
	const char *s = blob;
	size_t run = 0;
	for (size_t at = fdt_off_dt_strings(blob); at < end && run <= LONGEST_NAME; at++) {
		run = s[at] == '\0' ? 0 : run + 1;
		if (fdt_version(blob) >= 17 &&
		    at - fdt_off_dt_strings(blob) >= fdt_size_dt_strings(blob)) {
			break;
		}
	}
	return run <= LONGEST_NAME;
}

/** libfdt reads both blocks in words of their alignment. Source: Devicetree v0.4, 5.6. */
FPG_INIT static bool blocks_are_aligned(const void *blob)
{
	return IS_ALIGNED(fdt_off_dt_struct(blob), 4) && IS_ALIGNED(fdt_off_mem_rsvmap(blob), 8);
}

FPG_INIT int dt_check_blob(const void *blob, size_t mapped, struct dt_error *err)
{
	int fdt_error = -FDT_ERR_TRUNCATED;
	if (mapped >= DT_HEADER_BYTES && mapped >= fdt_totalsize(blob)) {
		fdt_error = fdt_check_header(blob);
	}
	if (fdt_error == 0 && !blocks_are_aligned(blob)) {
		return refuse(err, -EBADMSG,
			      "device tree has its structure block at %#" PRIx32
			      " and its reservation block at %#" PRIx32
			      ", which must be multiples of 4 and 8",
			      fdt_off_dt_struct(blob), fdt_off_mem_rsvmap(blob));
	}
	if (fdt_error == 0 && !names_are_short(blob)) {
		return refuse(err, -EBADMSG,
			      "device tree has property names of more than %d characters",
			      LONGEST_NAME);
	}
	if (fdt_error == 0) {
		fdt_error = fdt_check_full(blob, mapped);
	}
	if (fdt_error == 0) {
		/* A structure block without any node passes the check above. */
		fdt_error = fdt_next_node(blob, -1, NULL);
	}
	if (fdt_error < 0) {
		return refuse(err, -EBADMSG,
			      "device tree of %#zx bytes (totalsize %#" PRIx32 ") is damaged: %s",
			      mapped, mapped >= DT_HEADER_BYTES ? fdt_totalsize(blob) : 0,
			      fdt_strerror(fdt_error));
	}
	return 0;
}
