/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fpg-map: the payload's own device tree, memblock and ledger code on a PC. It prints the map Firstpage would make of
 * a blob, with the reasons; given what the payload was given, its JSON is the payload's, byte for byte.
 */
#define LOG_MODULE "fpg-map"
#include "fpg_map.h"

#include "fpg/base/errno.h"
#include "fpg/base/parse.h"
#include "fpg/base/range.h"
#include "fpg/core/boot_memory.h"
#include "fpg/core/ledger.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"

#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Where OpenSBI's fw_jump and fw_payload put the blob, from the payload on: 0x2200000 - 0x200000. */
#define DEFAULT_DTB_OFFSET  0x2000000
#define DEFAULT_IMAGE_BYTES SZ_2M
/** Fine for a blob's alignment, whatever the board. */
#define ANY_DTB_ADDRESS	    8
#define DEFAULT_LOAD_OFFSET SZ_2M
#define LARGEST_IMAGE_FILE  (1UL << 30)

static struct boot_memory memory;
static struct kernel_image image;

/* Answers come in many small pieces: they are gathered here, a call of the C library for each costs more than all else. */
static struct {
	size_t used;
	char text[1 << 16];
} gathered;

static void flush_stdout(void)
{
	fwrite(gathered.text, 1, gathered.used, stdout);
	gathered.used = 0;
}

static void write_stdout(struct out *out, const char *s, size_t n)
{
	(void)out;
	if (n > sizeof(gathered.text) - gathered.used) {
		flush_stdout();
	}
	if (n > sizeof(gathered.text)) {
		fwrite(s, 1, n, stdout);
		return;
	}
	memcpy(gathered.text + gathered.used, s, n);
	gathered.used += n;
}

static void write_stderr(struct out *out, const char *s, size_t n)
{
	(void)out;
	fwrite(s, 1, n, stderr);
}

static void write_nowhere(struct out *out, const char *s, size_t n)
{
	(void)out;
	(void)s;
	(void)n;
}

static struct out to_stdout = { write_stdout };

/* ---- RAM of the board: memory remembered by its address ------------------------------------------------------ */

struct block {
	struct block *next;
	phys_addr_t base;
	size_t bytes;
	max_align_t data[];
};
static struct block *blocks;

static void *map_ram(phys_addr_t base, size_t bytes)
{
	for (struct block *b = blocks; b != NULL; b = b->next) {
		if (b->base == base && b->bytes >= bytes) {
			return b->data;
		}
	}
	struct block *b = calloc(1, sizeof(*b) + bytes);
	if (b == NULL) {
		return NULL;
	}
	b->next = blocks;
	b->base = base;
	b->bytes = bytes;
	blocks = b;
	return b->data;
}

static void unmap_ram(void *va, size_t bytes)
{
	(void)va;
	(void)bytes;
}

/* ---- inputs -------------------------------------------------------------------------------------------------- */

/**
 * The payload's own checks, in its order, with its words; but without a --dtb-addr no address is named, as the payload
 * would name one that nobody gave. Return: 0 | -EINVAL, said
 */
static int check_blob(const struct map_options *o, const struct map_file *file)
{
	struct dt_error err;
	size_t totalsize;
	phys_addr_t at = o->has_dtb_addr ? o->dtb_addr : ANY_DTB_ADDRESS;
	if (file->bytes < DT_HEADER_BYTES) {
		snprintf(err.text, sizeof(err.text),
			 "%zu bytes are no device tree blob: the header alone has %d", file->bytes,
			 DT_HEADER_BYTES);
	} else if (!o->has_dtb_addr && fdt_magic(file->data) != FDT_MAGIC) {
		snprintf(err.text, sizeof(err.text),
			 "no device tree blob: it begins with %#010" PRIx32 ", a blob with %#x",
			 (uint32_t)fdt_magic(file->data), FDT_MAGIC);
	} else if (dt_check_header(at, file->data, &totalsize, &err) == 0) {
		if (totalsize > file->bytes) {
			snprintf(err.text, sizeof(err.text),
				 "totalsize %zu, but the file ends after %zu bytes", totalsize,
				 file->bytes);
		} else if (dt_check_blob(file->data, totalsize, &err) == 0) {
			return 0;
		}
	}
	fprintf(stderr, "fpg-map: %s: %s\n", o->dtb, err.text);
	return -EINVAL;
}

/** Lowest enabled memory of the tree, without a word: boot_memory_scan() says later what is wrong. */
static bool first_ram(const void *blob, phys_addr_t *base)
{
	static struct dt_facts facts;
	int err = dt_collect(&facts, blob);
	if ((err != 0 && err != -ENOSPC) || facts.memory.found == 0) {
		return false;
	}
	*base = facts.memory.lowest;
	return true;
}

static int describe_image(const struct map_options *o, struct map_file *file, phys_addr_t load)
{
	if (o->image == NULL) {
		uint64_t bytes = o->has_image_bytes ? o->image_bytes : DEFAULT_IMAGE_BYTES;
		if (bytes == 0 || bytes > KERNEL_IMAGE_MAX_BYTES) {
			fprintf(stderr,
				"fpg-map: --image-size: %" PRIu64 " is not a size from 1 to 1G\n",
				bytes);
			return -EINVAL;
		}
		kernel_image_plain(&image, load, bytes);
		return 0;
	}
	if (map_file_read(file, o->image, LARGEST_IMAGE_FILE) != 0) {
		return -EINVAL;
	}
	int err = kernel_image_parse(&image, file->data, file->bytes, load);
	if (err != 0) {
		fprintf(stderr, "fpg-map: --image: %s: %s\n", o->image,
			err == -ENOENT ? "no Linux Image header (magic2 at 0x38)" :
					 "its header or segment table makes no sense");
	}
	return err;
}

/** Addresses that were not given: the usual ones. Return: 0 | -EINVAL, said */
static int fill_in(struct map_options *o, const void *blob)
{
	phys_addr_t ram = 0;
	if (!o->has_load) {
		struct out nowhere = { write_nowhere };
		log_set_sink(&nowhere);
		(void)first_ram(blob, &ram);
		log_set_sink(NULL);
		o->load = ALIGN_UP(ram, SZ_2M) + DEFAULT_LOAD_OFFSET;
	}
	if (phys_range_overflows(o->load, 2 * KERNEL_IMAGE_MAX_BYTES)) {
		fprintf(stderr, "fpg-map: --load: 0x%" PRIx64 " is too high\n", o->load);
		return -EINVAL;
	}
	if (!o->has_dtb_addr) {
		o->dtb_addr = o->load + DEFAULT_DTB_OFFSET;
	}
	return 0;
}

/* ---- answers ------------------------------------------------------------------------------------------------- */

static void print_warnings(struct out *out)
{
	uint32_t kept = 0;
	uint32_t count = ledger_warning_count();
	for (const char *text; (text = ledger_warning(kept)) != NULL; kept++) {
		out_printf(out, "warning: %s\n", text);
	}
	if (count > kept) {
		out_printf(out, "warning: and %" PRIu32 " more (--verbose shows them)\n",
			   count - kept);
	}
}

static int print_text(const struct map_options *o)
{
	out_printf(&to_stdout,
		   "%s: payload at 0x%" PRIx64 "+0x%" PRIx64 ", blob at 0x%" PRIx64 "\n", o->dtb,
		   o->load, image.bytes, o->dtb_addr);
	int err = ledger_print(&to_stdout);
	print_warnings(&to_stdout);
	return err;
}

static int print_why(const char *text, enum map_format format)
{
	uint64_t address;
	if (parse_size_all(text, &address) != 0) {
		fprintf(stderr, "fpg-map: --why: '%s' is not an address\n", text);
		return -EINVAL;
	}
	if (format != FORMAT_JSON) {
		return ledger_why_print(&to_stdout, address);
	}
	struct json j;
	json_init(&j, &to_stdout);
	json_object_begin(&j);
	int err = ledger_why_json(&j, address);
	json_object_end(&j);
	out_puts(&to_stdout, "\n");
	return err;
}

static int print_json(void)
{
	struct json j;
	json_init(&j, &to_stdout);
	int err = ledger_map_json(&j, NULL);
	out_puts(&to_stdout, "\n");
	return err;
}

static int answer(const struct map_options *o)
{
	if (o->why != NULL) {
		return print_why(o->why, o->format);
	}
	switch (o->format) {
	case FORMAT_JSON:
		return print_json();
	case FORMAT_SVG:
		return map_svg(&to_stdout, o->dtb);
	case FORMAT_TEXT:
	default:
		return print_text(o);
	}
}

static int run(struct map_options *o, struct map_file *dtb, struct map_file *file)
{
	static struct out to_stderr = { write_stderr };
	static struct out nowhere = { write_nowhere };
	if (map_file_read(dtb, o->dtb, 2 * DT_MAX_BYTES) != 0 || check_blob(o, dtb) != 0 ||
	    fill_in(o, dtb->data) != 0 || describe_image(o, file, o->load) != 0) {
		return MAP_UNUSABLE;
	}
	log_set_sink(o->verbose ? &to_stderr : &nowhere);
	ledger_collect_warnings();
	if (!IS_ALIGNED(o->load, SZ_2M)) {
		pr_warn("load address 0x%" PRIx64
			" is not a multiple of 2 MiB: the payload will refuse to start there",
			o->load);
	}
	struct boot_inputs in = {
		.blob = dtb->data,
		.blob_phys = o->dtb_addr,
		.image = &image,
		.initrd = o->has_initrd ? &o->initrd : NULL,
		.bootargs = o->bootargs,
		.map = map_ram,
		.unmap = unmap_ram,
	};
	struct dt_error err;
	if (dt_check_header(o->dtb_addr, dtb->data, &in.blob_bytes, &err) != 0) {
		fprintf(stderr, "fpg-map: %s: %s\n", o->dtb, err.text);
		return MAP_UNUSABLE;
	}
	int rc = boot_memory_init(&memory, &in);
	if (rc != 0) {
		fprintf(stderr, "fpg-map: %s: %s (%s)\n", o->dtb,
			rc == -ENODATA ? "the device tree has no memory that can be used" :
					 "there is no memory to boot with",
			errno_name(rc));
		print_warnings(&to_stderr);
		return MAP_UNUSABLE;
	}
	ledger_use_boot_memory(&memory);
	if (answer(o) != 0) {
		return MAP_UNUSABLE;
	}
	return ledger_warning_count() != 0 ? MAP_WARNINGS : MAP_CLEAN;
}

int main(int argc, char **argv)
{
	struct map_options options;
	struct map_file dtb = { 0 };
	struct map_file file = { 0 };
	int err = map_options_read(&options, argc, argv);
	if (err != 0) {
		return err > 0 ? MAP_CLEAN : MAP_UNUSABLE;
	}
	int status = run(&options, &dtb, &file);
	flush_stdout();
	free(dtb.data);
	free(file.data);
	while (blocks != NULL) {
		struct block *b = blocks;
		blocks = b->next;
		free(b);
	}
	if (fflush(stdout) != 0) {
		fprintf(stderr, "fpg-map: standard output: %s\n", strerror(errno));
		return MAP_UNUSABLE;
	}
	return status;
}
