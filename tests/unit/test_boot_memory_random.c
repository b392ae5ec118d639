/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves against an oracle that marks every 256-byte grain: for random trees of overlapping, unaligned memory and
 * reservations, memblock holds exactly the union of what was described, the first in the order of the tree holds each
 * byte, and no-map of any claim wins.
 */
#include "boot_sim.h"
#include "dtb_build.h"

#include "fpg/base/range.h"
#include "fpg/core/memblock.h"

#include <inttypes.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BASE   0x80000000ULL
#define GRAIN  256ULL
#define GRAINS 65536U
#define BLOB   0x90000000ULL

/** What the oracle knows of a grain. */
struct grain {
	bool ram;
	bool nomap;
	/** Index of the reservation that came first in the tree + 1; 0: none. */
	uint16_t holder;
};

static struct grain grains[GRAINS];
static uint64_t random_state;

static uint64_t next_random(uint64_t below)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (random_state >> 33) % below;
}

static struct phys_range random_range(uint64_t most)
{
	uint64_t first = next_random(GRAINS);
	uint64_t count = 1 + next_random(most);
	if (first + count > GRAINS) {
		count = GRAINS - first;
	}
	return (struct phys_range){ BASE + first * GRAIN, count * GRAIN };
}

static void mark_ram(struct phys_range r)
{
	for (uint64_t g = (r.base - BASE) / GRAIN; g < (r.base + r.size - BASE) / GRAIN; g++) {
		grains[g].ram = true;
	}
}

static void mark_reserved(struct phys_range r, uint32_t who, bool nomap)
{
	for (uint64_t g = (r.base - BASE) / GRAIN; g < (r.base + r.size - BASE) / GRAIN; g++) {
		if (grains[g].holder == 0) {
			grains[g].holder = (uint16_t)(who + 1);
		}
	}
	if (nomap) {
		uint64_t from = (r.base - BASE) / PAGE_SIZE * PAGE_SIZE / GRAIN;
		uint64_t to =
			(r.base + r.size - BASE + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE / GRAIN;
		for (uint64_t g = from; g < to && g < GRAINS; g++) {
			grains[g].nomap = true;
		}
	}
}

static void build_memory(void)
{
	uint64_t nodes = 1 + next_random(6);
	for (uint64_t i = 0; i < nodes; i++) {
		struct phys_range r = random_range(GRAINS / 3);
		dtb_memory(r.base, r.size);
		mark_ram(r);
	}
	/* The image and the blob have memory of their own above. */
	dtb_memory(BLOB, 64 << 20);
}

static struct phys_range nodes[1000];

static void build_reservations(uint64_t count)
{
	dtb_reserved_memory();
	for (uint64_t i = 0; i < count; i++) {
		char name[32];
		struct phys_range r = random_range(next_random(4) == 0 ? GRAINS / 4 : 100);
		bool nomap = next_random(3) == 0;
		snprintf(name, sizeof(name), "r%u", (unsigned int)i);
		dtb_reserved(name, r.base, r.size, nomap ? "no-map" : NULL);
		nodes[i] = r;
		mark_reserved(r, (uint32_t)i, nomap);
	}
	dtb_end();
}

static bool page_is_ram(uint64_t g)
{
	uint64_t first = g / (PAGE_SIZE / GRAIN) * (PAGE_SIZE / GRAIN);
	for (uint64_t i = first; i < first + PAGE_SIZE / GRAIN; i++) {
		if (!grains[i].ram) {
			return false;
		}
	}
	return true;
}

/** Index of the node that holds @addr by memblock; the name says it. */
static uint32_t held_by(phys_addr_t addr)
{
	const struct memblock_region *r = memblock_region_find(&memblock.reserved, addr);
	if (r == NULL || r->owner.kind != OWNER_RESERVED_NODE) {
		return 0;
	}
	const char *name = fdt_get_name(boot_sim_memory.in.blob, r->owner.node, NULL);
	return (uint32_t)strtoul(name + 1, NULL, 10) + 1;
}

static uint32_t node_number(const struct memblock_region *r)
{
	const char *name = fdt_get_name(boot_sim_memory.in.blob, r->owner.node, NULL);
	return (uint32_t)strtoul(name + 1, NULL, 10);
}

static bool count_claim(void *ctx, const struct memblock_region *claim)
{
	uint32_t *wanted = ctx;
	if (claim->owner.kind == OWNER_RESERVED_NODE && node_number(claim) == wanted[0]) {
		wanted[1]++;
	}
	return true;
}

/** Who wanted a byte and does not hold it is told of once; who holds it, or did not want it, never. */
static void compare_claims(uint64_t seed, uint64_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const phys_addr_t at[] = { nodes[i].base - 1, nodes[i].base,
					   nodes[i].base + nodes[i].size / 2,
					   nodes[i].base + nodes[i].size - 1,
					   nodes[i].base + nodes[i].size };
		for (size_t p = 0; p < sizeof(at) / sizeof(at[0]); p++) {
			uint32_t claims[2] = { i, 0 };
			bool wants = phys_range_contains(nodes[i], at[p]);
			memblock_claims_at(at[p], count_claim, claims);
			if (claims[1] != (wants && held_by(at[p]) != i + 1)) {
				fail_msg("seed %" PRIu64 ": %#" PRIx64 ": %u claims of node %u",
					 seed, at[p], claims[1], i);
			}
		}
	}
}

static void compare(uint64_t seed)
{
	uint64_t ram = 0;
	for (uint64_t g = 0; g < GRAINS; g++) {
		const struct grain *want = &grains[g];
		phys_addr_t addr = BASE + g * GRAIN + next_random(GRAIN);
		bool memory = page_is_ram(g);
		bool same = boot_memory_find_raw(&boot_sim_memory, addr, NULL) == want->ram;
		same &= memblock_is_memory(addr) == memory;
		same &= memblock_is_map_memory(addr) == (memory && !want->nomap);
		same &= held_by(addr) == want->holder;
		if (!same) {
			fail_msg("seed %" PRIu64 ": %#" PRIx64
				 ": ram %d nomap %d holder %u, but memory %d map %d holder %u",
				 seed, addr, want->ram, want->nomap, want->holder,
				 memblock_is_memory(addr), memblock_is_map_memory(addr),
				 held_by(addr));
		}
		ram += want->ram ? GRAIN : 0;
	}
	assert_true(boot_sim_memory.ram_bytes == ram + (64 << 20));
}

static void random_trees_come_out_as_the_oracle_says(void **state)
{
	(void)state;
	for (int round = 0; round < 60; round++) {
		uint64_t seed = random_state;
		struct boot_sim sim = boot_sim_default;
		sim.load = BLOB + 0x1000000;
		sim.blob_phys = BLOB;
		memset(grains, 0, sizeof(grains));
		warnings_start();
		dtb_start();
		dtb_root(2, 2);
		build_memory();
		uint64_t count = next_random(round % 10 == 0 ? 900 : 20);
		build_reservations(count);
		assert_int_equal(boot_sim_run(&sim, dtb_finish()), 0);
		if (boot_sim_wrong() != NULL) {
			fail_msg("seed %" PRIu64 ": %s", seed, boot_sim_wrong());
		}
		compare(seed);
		compare_claims(seed, count);
	}
}

int main(void)
{
	const char *seed = getenv("FPG_SEED");
	random_state = seed != NULL ? strtoull(seed, NULL, 0) : 1;
	printf("seed %llu\n", (unsigned long long)random_state);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_trees_come_out_as_the_oracle_says),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	boot_sim_end();
	return failed;
}
