/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fpg-map as a whole program: any device tree file, any image file, any of its options and formats. It must end by
 * itself with 0, 1 or 2, and its sum must hold (a mismatch is a panic in this build).
 *
 * An input: one byte of option bits, one byte that chooses numbers, one byte that says how much of the rest is the
 * image file (in units of 16 bytes), then the image, then the blob.
 */
#define _GNU_SOURCE
#include <stdio.h>

/* The program's complaints are not the fuzzer's report, and writing them would take most of the time. */
static FILE *quiet;
#undef stderr
#define stderr quiet

#define main fpg_map_main
int fpg_map_main(int argc, char **argv);
#include "tools/fpg-map/main.c"
#undef main
#include "tools/fpg-map/options.c"
#include "tools/fpg-map/svg.c"

#include "fpg/core/memblock.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum {
	WITH_IMAGE = 1 << 0,
	WITH_LOAD = 1 << 1,
	WITH_DTB_ADDR = 1 << 2,
	WITH_INITRD = 1 << 3,
	WITH_BOOTARGS = 1 << 4,
	WITH_WHY = 1 << 5,
	FORMAT_SHIFT = 6,
};

static const char *const numbers[] = {
	"0x80200000",	      "0x80000000", "0x0",
	"0xfffffffffffff000", "0x88000000", "0x80210000",
	"0x82200000",	      "0xbfe00000", "8",
	"0x100000000",	      "1T",	    "0x7fffffff",
	"0x8000000000",	      "-1",	    "999999999999999999999",
};

static const char *const bootargs[] = {
	"mem=64M",
	"memmap=1M!0x81000000 memmap=64M@0x200000000",
	"mem=0 firmware_guess=off",
	"memblock=debug run=\"a; b",
};

static const char *const formats[] = { "--text", "--json", "--svg", "--verbose" };

static int dtb_fd;
static int image_fd;
static char dtb_path[40];
static char image_path[40];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	dtb_fd = memfd_create("dtb", 0);
	image_fd = memfd_create("image", 0);
	snprintf(dtb_path, sizeof(dtb_path), "/proc/self/fd/%d", dtb_fd);
	snprintf(image_path, sizeof(image_path), "/proc/self/fd/%d", image_fd);
	quiet = fopen("/dev/null", "w");
	if (quiet == NULL || dtb_fd < 0 || image_fd < 0 ||
	    freopen("/dev/null", "w", stdout) == NULL) {
		abort();
	}
	return 0;
}

static void fill(int fd, const uint8_t *data, size_t size)
{
	if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[20] = { (char *)"fpg-map", dtb_path };
	int argc = 2;
	if (size < 3) {
		return 0;
	}
	uint8_t options = data[0];
	const char *number = numbers[data[1] % ARRAY_SIZE(numbers)];
	size_t image_bytes = (size_t)data[2] * 16;
	image_bytes = image_bytes > size - 3 ? size - 3 : image_bytes;
	fill(image_fd, data + 3, image_bytes);
	fill(dtb_fd, data + 3 + image_bytes, size - 3 - image_bytes);
	const struct {
		int bit;
		const char *option;
		const char *value;
	} choices[] = {
		{ WITH_IMAGE, "--image", image_path },
		{ WITH_LOAD, "--load", number },
		{ WITH_DTB_ADDR, "--dtb-addr", number },
		{ WITH_INITRD, "--initrd", data[1] & 0x40 ? "0x84000000-0x85000001" : number },
		{ WITH_BOOTARGS, "--bootargs", bootargs[data[1] >> 6] },
		{ WITH_WHY, "--why", number },
	};
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		if (options & choices[i].bit) {
			argv[argc++] = (char *)choices[i].option;
			argv[argc++] = (char *)choices[i].value;
		}
	}
	argv[argc++] = (char *)formats[options >> FORMAT_SHIFT];
	optind = 0;
	memblock_reset();
	int status = fpg_map_main(argc, argv);
	if (status < MAP_CLEAN || status > MAP_UNUSABLE) {
		abort();
	}
	return 0;
}
