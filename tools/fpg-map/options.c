/* SPDX-License-Identifier: BSD-2-Clause */
/* fpg-map's command line and files. Whatever is wrong is said with the option's name and value. */
#include "fpg_map.h"

#include "fpg/base/parse.h"
#include "fpg/base/range.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Bytes of the first read, doubled as the file needs it; zeros kept behind its end. */
#define FIRST_READ (64UL << 10)
#define PADDING	   64

static const char usage[] =
	"usage: fpg-map BOARD.dtb [options]\n"
	"Prints the memory map that Firstpage would make of a device tree blob, and why.\n"
	"\n"
	"  --load ADDR         physical address of the payload (default: 2 MiB above the first RAM)\n"
	"  --image FILE        the payload, a flat image with a Linux Image header\n"
	"  --image-size BYTES  instead of a file: how large it is in memory (default 2M)\n"
	"  --dtb-addr ADDR     where the blob lies (default: 32 MiB above the payload, as OpenSBI's fw_jump)\n"
	"  --initrd S-E        an initrd in [S, E), instead of the one in /chosen\n"
	"  --bootargs \"...\"    instead of /chosen/bootargs\n"
	"  --why ADDR          who holds the byte at ADDR, in sentences\n"
	"  --text | --json | --svg\n"
	"                      the form of the answer (default --text); one object in JSON\n"
	"  --verbose           the payload's log on stderr\n"
	"  --help              this text\n"
	"\n"
	"Numbers are decimal or 0x hex, with K, M, G, T.\n"
	"Exit status: 0 clean, 1 with warnings, 2 unusable (or a wrong command line).\n";

enum long_option {
	OPT_LOAD = 256,
	OPT_IMAGE,
	OPT_IMAGE_SIZE,
	OPT_DTB_ADDR,
	OPT_INITRD,
	OPT_BOOTARGS,
	OPT_WHY,
	OPT_TEXT,
	OPT_JSON,
	OPT_SVG,
	OPT_VERBOSE,
	OPT_HELP,
};

static const struct option long_options[] = {
	{ "load", required_argument, NULL, OPT_LOAD },
	{ "image", required_argument, NULL, OPT_IMAGE },
	{ "image-size", required_argument, NULL, OPT_IMAGE_SIZE },
	{ "dtb-addr", required_argument, NULL, OPT_DTB_ADDR },
	{ "initrd", required_argument, NULL, OPT_INITRD },
	{ "bootargs", required_argument, NULL, OPT_BOOTARGS },
	{ "why", required_argument, NULL, OPT_WHY },
	{ "text", no_argument, NULL, OPT_TEXT },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "svg", no_argument, NULL, OPT_SVG },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static int number(const char *option, const char *text, uint64_t *value)
{
	int err = parse_size_all(text, value);
	if (err != 0) {
		fprintf(stderr, "fpg-map: --%s: '%s' is not a number%s\n", option, text,
			err == -ERANGE ? " of 64 bits" : "");
		return -EINVAL;
	}
	return 0;
}

static int initrd_range(struct map_options *o, const char *text)
{
	const char *at;
	uint64_t start;
	uint64_t end;
	if (parse_size(text, &at, &start) != 0 || *at != '-' || parse_size_all(at + 1, &end) != 0 ||
	    end <= start) {
		fprintf(stderr, "fpg-map: --initrd: '%s' is not START-END with START below END\n",
			text);
		return -EINVAL;
	}
	o->initrd = (struct phys_range){ start, end - start };
	o->has_initrd = true;
	return 0;
}

static int take(struct map_options *o, int option)
{
	switch (option) {
	case OPT_LOAD:
		o->has_load = true;
		return number("load", optarg, &o->load);
	case OPT_IMAGE:
		o->image = optarg;
		return 0;
	case OPT_IMAGE_SIZE:
		o->has_image_bytes = true;
		return number("image-size", optarg, &o->image_bytes);
	case OPT_DTB_ADDR:
		o->has_dtb_addr = true;
		return number("dtb-addr", optarg, &o->dtb_addr);
	case OPT_INITRD:
		return initrd_range(o, optarg);
	case OPT_BOOTARGS:
		o->bootargs = optarg;
		return 0;
	case OPT_WHY:
		o->why = optarg;
		return 0;
	case OPT_TEXT:
	case OPT_JSON:
	case OPT_SVG:
		o->format = option == OPT_TEXT ? FORMAT_TEXT :
			    option == OPT_JSON ? FORMAT_JSON :
						 FORMAT_SVG;
		return 0;
	case OPT_VERBOSE:
		o->verbose = true;
		return 0;
	case OPT_HELP:
		fputs(usage, stdout);
		return 1;
	default:
		fputs("fpg-map: try --help\n", stderr);
		return -EINVAL;
	}
}

int map_options_read(struct map_options *o, int argc, char **argv)
{
	int option;
	*o = (struct map_options){ 0 };
	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		int err = take(o, option == 'h' ? OPT_HELP : option);
		if (err != 0) {
			return err;
		}
	}
	if (argc - optind != 1) {
		fprintf(stderr, "fpg-map: %s; try --help\n",
			argc == optind ? "which device tree blob?" :
					 "one device tree blob at a time");
		return -EINVAL;
	}
	if (o->image != NULL && o->has_image_bytes) {
		fputs("fpg-map: --image and --image-size exclude each other\n", stderr);
		return -EINVAL;
	}
	o->dtb = argv[optind];
	return 0;
}

/** Read to the end or past @max. Return: 0 | -ENOMEM | -EIO; what was read is in @f either way */
static int read_all(struct map_file *f, FILE *in, size_t max)
{
	size_t room = 0;
	for (;;) {
		if (f->bytes == room) {
			room = room == 0 ? FIRST_READ : 2 * room;
			char *more = realloc(f->data, room + PADDING);
			if (more == NULL) {
				return -ENOMEM;
			}
			memset(more + f->bytes, 0, room + PADDING - f->bytes);
			f->data = more;
		}
		size_t got = fread((char *)f->data + f->bytes, 1, room - f->bytes, in);
		f->bytes += got;
		if (got == 0 || f->bytes > max) {
			return ferror(in) != 0 ? -EIO : 0;
		}
	}
}

int map_file_read(struct map_file *f, const char *path, size_t max)
{
	FILE *in = fopen(path, "rb");
	if (in == NULL) {
		int err = errno;
		fprintf(stderr, "fpg-map: %s: %s\n", path, strerror(err));
		return -err;
	}
	*f = (struct map_file){ 0 };
	int err = read_all(f, in, max);
	fclose(in);
	if (err == 0 && f->bytes <= max) {
		return 0;
	}
	fprintf(stderr, "fpg-map: %s: %s\n", path,
		err == 0       ? "is too large" :
		err == -ENOMEM ? "no memory" :
				 "cannot be read");
	free(f->data);
	f->data = NULL;
	return err != 0 ? err : -EFBIG;
}
