/* SPDX-License-Identifier: BSD-2-Clause */
/* The simulated machine of sim.h: RAM by platform/host, the frame table by mmap and mprotect. */
#define _GNU_SOURCE
#include "sim.h"
#include "random.h"

#include "host.h"

#include "fpg/base/range.h"
#include "fpg/core/log.h"
#include "fpg/core/memblock.h"
#include "fpg/core/page.h"
#include "fpg/core/page_alloc.h"
#include "fpg/port/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct page *table;
static size_t table_bytes;
static struct pfn_range table_frames;
/** A byte a chunk: populated. */
static uint8_t *chunk_state;
static uint64_t chunks_populated;
static uint64_t pages_taken;
static long budget = -1;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static size_t chunk_of(pfn_t f)
{
	return (f.n - table_frames.start.n) / FRAME_TABLE_CHUNK;
}

static bool populated(struct pfn_range frames)
{
	for (size_t i = chunk_of(frames.start); i <= chunk_of(pfn(frames.end.n - 1)); i++) {
		if (!chunk_state[i]) {
			return false;
		}
	}
	return true;
}

static void make_chunk(size_t i)
{
	void *at = (char *)table + i * PAGE_SIZE;
	if (mprotect(at, PAGE_SIZE, PROT_READ | PROT_WRITE) != 0) {
		die("mprotect");
	}
	memset(at, 0, PAGE_SIZE);
	chunk_state[i] = 1;
	chunks_populated++;
}

static int populate(struct pfn_range frames, phys_addr_t (*take)(void *ctx),
		    void (*give)(void *ctx, phys_addr_t pa), void *ctx)
{
	if (populated(frames)) {
		return 0;
	}
	size_t first = chunk_of(frames.start);
	size_t last = chunk_of(pfn(frames.end.n - 1));
	phys_addr_t *taken = calloc(last - first + 1, sizeof(*taken));
	size_t count = 0;
	bool refused = budget == 0;
	budget -= budget > 0;
	for (size_t i = first; i <= last && !refused; i++) {
		if (!chunk_state[i]) {
			taken[count] = take(ctx);
			refused = taken[count] == 0;
			count += !refused;
		}
	}
	for (size_t i = first; i <= last && !refused; i++) {
		if (!chunk_state[i]) {
			make_chunk(i);
		}
	}
	if (!refused) {
		pages_taken += count;
	}
	while (refused && count > 0) {
		give(ctx, taken[--count]);
	}
	free(taken);
	return refused ? -ENOMEM : 0;
}

static const struct vmemmap_ops sim_vmemmap = { .populate = populate, .populated = populated };

void sim_frame_table_start(struct pfn_range frames)
{
	sim_frame_table_stop();
	table_frames.start = pfn(ALIGN_DOWN(frames.start.n, SZ_1G / PAGE_SIZE));
	table_frames.end = pfn(ALIGN_UP(frames.end.n, SZ_1G / PAGE_SIZE));
	table_bytes = pfn_range_pages(table_frames) * sizeof(struct page);
	void *at = mmap(NULL, table_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			-1, 0);
	chunk_state = calloc(table_bytes / PAGE_SIZE, 1);
	if (at == MAP_FAILED || chunk_state == NULL) {
		die("frame table");
	}
	table = at;
	chunks_populated = 0;
	pages_taken = 0;
	budget = -1;
	frame_table_register(&sim_vmemmap, table, table_frames.start);
}

void sim_frame_table_stop(void)
{
	if (table != NULL) {
		munmap(table, table_bytes);
		free(chunk_state);
	}
	table = NULL;
	chunk_state = NULL;
	frame_table_register(NULL, NULL, pfn(0));
}

void sim_frame_table_reset(void)
{
	size_t chunks = table_bytes / PAGE_SIZE;
	for (size_t i = 0; i < chunks; i++) {
		if (chunk_state[i]) {
			void *at = (char *)table + i * PAGE_SIZE;
			memset(at, 0, PAGE_SIZE);
			if (mprotect(at, PAGE_SIZE, PROT_READ) != 0) {
				die("mprotect");
			}
			chunk_state[i] = 0;
		}
	}
	/* What was known to be populated is not any more. */
	frame_table_register(&sim_vmemmap, table, table_frames.start);
	chunks_populated = 0;
	pages_taken = 0;
	budget = -1;
}

void sim_frame_table_populate(struct pfn_range frames)
{
	for (size_t i = chunk_of(frames.start); i <= chunk_of(pfn(frames.end.n - 1)); i++) {
		if (!chunk_state[i]) {
			make_chunk(i);
		}
	}
}

int sim_env_populate(void *ctx, struct pfn_range frames)
{
	(void)ctx;
	sim_frame_table_populate(frames);
	return 0;
}

void sim_env_reset(void *ctx)
{
	(void)ctx;
	sim_frame_table_reset();
}

void sim_populate_budget(long calls)
{
	budget = calls;
}

uint64_t sim_populated_chunks(void)
{
	return chunks_populated;
}

uint64_t sim_populate_pages(void)
{
	return pages_taken;
}

void sim_start(const struct sim_ram *ram, size_t count)
{
	phys_addr_t low = PHYS_ADDR_MAX;
	phys_addr_t high = 0;
	sim_stop();
	for (size_t i = 0; i < count; i++) {
		low = ram[i].base < low ? ram[i].base : low;
		high = ram[i].base + ram[i].size > high ? ram[i].base + ram[i].size : high;
	}
	low = ALIGN_DOWN(low, SZ_2M);
	if (host_ram_window(low, ALIGN_UP(high - low, SZ_2M)) != 0) {
		die("RAM window");
	}
	port_linear_ready = true;
	memblock_allow_resize();
	for (size_t i = 0; i < count; i++) {
		if (host_ram_add(ram[i].base, ram[i].size) != 0 ||
		    memblock_add_node(ram[i].base, ram[i].size, ram[i].nid, MEMBLOCK_NONE) != 0) {
			die("RAM");
		}
	}
	sim_frame_table_start(
		(struct pfn_range){ phys_to_pfn(low), phys_to_pfn(high + PAGE_SIZE - 1) });
}

void sim_stop(void)
{
	page_alloc_reset();
	memblock_reset();
	sim_frame_table_stop();
	host_ram_release();
}

uint64_t sim_seed(uint64_t standard)
{
	const char *text = getenv("FPG_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : standard;
	seed = seed != 0 ? seed : 1;
	printf("seed: FPG_SEED=0x%llx\n", (unsigned long long)seed);
	return seed;
}

uint64_t sim_random(uint64_t *state)
{
	return xorshift64star(state);
}
