/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that kernelcore= and movablecore= make zone Movable where Linux does: at the end of each node, spread evenly,
 * from the highest zone's memory only, and not at all where that would leave nobody anything.
 */
#include "sim.h"

#include "fpg/base/range.h"
#include "fpg/core/bootargs.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/page.h"
#include "fpg/core/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define RAM_BASE 0x80000000UL

static struct bootargs args;
static char warning[256];

static void on_log(void *ctx, enum log_level level, const char *module, const char *text)
{
	(void)ctx;
	(void)module;
	if (level <= LOG_WARN) {
		snprintf(warning, sizeof(warning), "%s", text);
	}
}

static void start(const struct sim_ram *ram, size_t count, const char *line)
{
	sim_start(ram, count);
	warning[0] = '\0';
	log_set_observer(on_log, NULL);
	bootargs_init(&args);
	bootargs_parse(&args, line);
	zone_movable_size(&args.kernelcore, &args.movablecore);
	assert_int_equal(zone_init(), 0);
}

static int stop(void **state)
{
	(void)state;
	log_set_observer(NULL, NULL);
	zone_reset();
	sim_stop();
	return 0;
}

static uint64_t movable_bytes(int nid)
{
	return node_by_id(nid)->zones[ZONE_MOVABLE].present_pages << PAGE_SHIFT;
}

static const struct sim_ram one[] = { { RAM_BASE, SZ_1G, 0 } };

static void the_kernel_gets_what_kernelcore_says(void **state)
{
	(void)state;
	start(one, 1, "kernelcore=256M");
	assert_int_equal(movable_bytes(0), SZ_1G - 256 * SZ_1M);
	assert_int_equal(node_by_id(0)->zones[ZONE_MOVABLE].span.start.n,
			 (RAM_BASE + 256 * SZ_1M) >> PAGE_SHIFT);
	start(one, 1, "kernelcore=25%");
	assert_int_equal(movable_bytes(0), SZ_1G - 256 * SZ_1M);
	/* Rounded up to a largest-order block. */
	start(one, 1, "kernelcore=255M");
	uint64_t block = MAX_ORDER_NR_PAGES << PAGE_SHIFT;
	assert_int_equal(movable_bytes(0), SZ_1G - ALIGN_UP(255 * SZ_1M, block));
}

static void the_kernel_does_not_get_what_movablecore_says(void **state)
{
	(void)state;
	start(one, 1, "movablecore=256M");
	assert_int_equal(movable_bytes(0), 256 * SZ_1M);
	start(one, 1, "movablecore=75%");
	assert_int_equal(movable_bytes(0), 768 * SZ_1M);
	/* Both: what leaves more to the kernel. */
	start(one, 1, "kernelcore=512M movablecore=256M");
	assert_int_equal(movable_bytes(0), 256 * SZ_1M);
	start(one, 1, "kernelcore=900M movablecore=256M");
	assert_int_equal(movable_bytes(0), 124 * SZ_1M);
}

static void nobody_is_left_without_memory(void **state)
{
	(void)state;
	start(one, 1, "");
	assert_int_equal(movable_bytes(0), 0);
	assert_string_equal(warning, "");
	start(one, 1, "kernelcore=2G");
	assert_int_equal(movable_bytes(0), 0);
	assert_non_null(strstr(warning, "ignored"));
	start(one, 1, "movablecore=2G");
	assert_int_equal(movable_bytes(0), 0);
	assert_non_null(strstr(warning, "ignored"));
	start(one, 1, "kernelcore=mirror");
	assert_int_equal(movable_bytes(0), 0);
	assert_non_null(strstr(warning, "mirror"));
}

static void only_the_highest_zone_becomes_movable(void **state)
{
	const struct sim_ram ram[] = { { 0xc0000000, 3 * SZ_1G, 0 } };
	(void)state;
	/* 1 GiB lies in DMA32 and counts as the kernel's. */
	start(ram, 1, "kernelcore=512M");
	assert_int_equal(movable_bytes(0), 2 * SZ_1G);
	start(ram, 1, "kernelcore=1536M");
	assert_int_equal(movable_bytes(0), 1536 * SZ_1M);
	assert_int_equal(node_by_id(0)->zones[ZONE_DMA32].present_pages << PAGE_SHIFT, SZ_1G);
}

#if MAX_NUMNODES >= 3

static void nodes_share_evenly(void **state)
{
	const struct sim_ram ram[] = {
		{ RAM_BASE, 512 * SZ_1M, 0 },
		{ RAM_BASE + 512 * SZ_1M, 512 * SZ_1M, 1 },
	};
	(void)state;
	start(ram, 2, "kernelcore=512M");
	assert_int_equal(movable_bytes(0), 256 * SZ_1M);
	assert_int_equal(movable_bytes(1), 256 * SZ_1M);
	/* A node too small for its share leaves the rest to the others. */
	const struct sim_ram uneven[] = {
		{ RAM_BASE, 128 * SZ_1M, 0 },
		{ RAM_BASE + 128 * SZ_1M, 512 * SZ_1M, 1 },
		{ RAM_BASE + 640 * SZ_1M, 512 * SZ_1M, 2 },
	};
	start(uneven, 3, "kernelcore=768M");
	assert_int_equal(movable_bytes(0), 0);
	assert_int_equal(movable_bytes(1) + movable_bytes(2), (1152 - 768) * SZ_1M);
	assert_int_equal(movable_bytes(1), movable_bytes(2));
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_kernel_gets_what_kernelcore_says, stop),
		cmocka_unit_test_teardown(the_kernel_does_not_get_what_movablecore_says, stop),
		cmocka_unit_test_teardown(nobody_is_left_without_memory, stop),
		cmocka_unit_test_teardown(only_the_highest_zone_becomes_movable, stop),
#if MAX_NUMNODES >= 3
		cmocka_unit_test_teardown(nodes_share_evenly, stop),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
