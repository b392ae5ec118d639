/* SPDX-License-Identifier: BSD-2-Clause */
/* What the pieces of fpg-map say to each other. */
#pragma once

#include "fpg/base/compiler.h"
#include "fpg/base/out.h"
#include "fpg/base/types.h"

enum map_format {
	FORMAT_TEXT,
	FORMAT_JSON,
	FORMAT_SVG,
};

/** Exit statuses. */
enum map_exit {
	MAP_CLEAN = 0,
	MAP_WARNINGS = 1,
	MAP_UNUSABLE = 2,
};

struct map_options {
	const char *dtb;
	const char *image;
	const char *bootargs;
	/** May be NULL: only RAM and the ledger are printed. */
	const char *why;
	enum map_format format;
	bool verbose;
	bool has_load;
	bool has_image_bytes;
	bool has_dtb_addr;
	bool has_initrd;
	phys_addr_t load;
	uint64_t image_bytes;
	phys_addr_t dtb_addr;
	struct phys_range initrd;
};

/**
 * Read the command line. Return: 0 | 1: done (--help, --version; exit cleanly) | -EINVAL, said on stderr
 */
FPG_MUST_CHECK int map_options_read(struct map_options *o, int argc, char **argv);

struct map_file {
	/** Aligned to 16, followed by 64 zero bytes. */
	void *data;
	size_t bytes;
};

/** Read a whole file of at most @max bytes. Return: 0 | negative errno, said on stderr. Owner: the caller frees data. */
FPG_MUST_CHECK int map_file_read(struct map_file *f, const char *path, size_t max);

/** The ledger's rows as a picture. Return: as ledger_walk() */
FPG_MUST_CHECK int map_svg(struct out *out, const char *title);
