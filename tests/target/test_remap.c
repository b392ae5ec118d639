/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel mapping that changes on one hart is seen changed on all, as soon as the flush returns. A page is mapped
 * again and again to another frame that holds the number of the round; no hart ever reads a number older than the last
 * one that was announced after its flush: neither harts that are all interrupted to read at once, nor harts that read
 * without a pause. The same without the remote fence tells whether this machine can show the mistake at all.
 */
#include "smp.h"

#include "fpg/base/bits.h"
#include "fpg/core/page_alloc.h"
#include "fpg/pagetable/kernel_map.h"
#include "fpg/pagetable/tlb.h"
#include "fpg/pagetable/vmalloc.h"

#include <errno.h>
#include <string.h>

enum {
	FRAMES = 4,
	ROUNDS = 10000,
	/* Simulators share few processors among harts that spin: a round there is slow. */
	SPIN_ROUNDS = 160,
	BROKEN_ROUNDS = 100,
};

static struct {
	volatile uint64_t *va;
	pte_t *entry;
	pte_t leaf[FRAMES];
	volatile uint64_t *frame[FRAMES];
	uint64_t rounds;
	bool broken;
	struct gate gate;
	/** The last round whose flush is done. */
	uint64_t announced;
	bool end;
	uint64_t seen[PORT_MAX_HARTS];
	uint64_t reads;
	uint64_t stale;
} remap;

/** Read for as long as there are rounds. A number older than the announced one is stale. */
static void read_rounds(void)
{
	uint64_t reads = 0;
	uint64_t stale = 0;
	while (!__atomic_load_n(&remap.end, __ATOMIC_ACQUIRE)) {
		uint64_t announced = __atomic_load_n(&remap.announced, __ATOMIC_ACQUIRE);
		stale += *remap.va < announced;
		reads++;
		__atomic_store_n(&remap.seen[hart_index()], announced, __ATOMIC_RELEASE);
		port_relax();
	}
	__atomic_fetch_add(&remap.reads, reads, __ATOMIC_RELAXED);
	__atomic_fetch_add(&remap.stale, stale, __ATOMIC_RELAXED);
}

/** In the interrupt handler of each hart, all at once. */
static void read_round(void *arg)
{
	const uint64_t round = *(const uint64_t *)arg;
	__atomic_fetch_add(&remap.stale, *remap.va != round, __ATOMIC_RELAXED);
	__atomic_fetch_add(&remap.reads, 1, __ATOMIC_RELAXED);
}

static void fence(void)
{
	vaddr_t va = vaddr_of((const void *)(uintptr_t)remap.va);
	if (remap.broken) {
		port_tlb_flush_range(va, PAGE_SIZE);
	} else {
		flush_tlb_kernel_range(va, PAGE_SIZE);
	}
}

/** All others have read since @round was announced: they have that translation, and at once the next one comes. */
static void wait_for_readers(uint64_t round)
{
	for (hart_mask_t m = others(); m != 0;) {
		unsigned int index = bit_lowest(m);
		if (__atomic_load_n(&remap.seen[index], __ATOMIC_ACQUIRE) >= round) {
			m &= m - 1;
		}
		port_relax();
	}
}

static void change(uint64_t round)
{
	*remap.frame[round % FRAMES] = round;
	__atomic_store_n(&remap.entry->v, remap.leaf[round % FRAMES].v, __ATOMIC_RELEASE);
	fence();
}

/** With idle harts: they are interrupted to read. */
static int call_rounds(void)
{
	for (uint64_t round = 1; round <= remap.rounds; round++) {
		change(round);
		hart_call(harts_online(), read_round, &round);
	}
	return 0;
}

static void write_rounds(void)
{
	for (uint64_t round = 1; round <= remap.rounds; round++) {
		change(round);
		__atomic_store_n(&remap.announced, round, __ATOMIC_RELEASE);
		remap.stale += *remap.va != round;
		wait_for_readers(round);
	}
	__atomic_store_n(&remap.end, true, __ATOMIC_RELEASE);
}

static int remap_hart(void *arg)
{
	const unsigned int writer = *(const unsigned int *)arg;
	gate_pass(&remap.gate);
	if (hart_index() == writer) {
		write_rounds();
	} else {
		read_rounds();
	}
	return 0;
}

/** Where the leaf of @va is, and what it says. */
static pte_t *find_leaf(vaddr_t va)
{
	struct pt_walk walk;
	if (pt_walk(kernel_pt(), va, &walk) != 0 || !walk.mapped || walk.level != 0) {
		return NULL;
	}
	const struct pt_step *last = &walk.step[walk.steps - 1];
	return (pte_t *)port_phys_to_virt(last->table) + last->index;
}

static int run_rounds(struct page *const *pages, uint64_t rounds, bool spinning, bool broken)
{
	memset(&remap, 0, sizeof(remap));
	remap.rounds = rounds;
	remap.broken = broken;
	remap.va = vmap(pages, 1, MEM_R | MEM_W);
	remap.entry = remap.va == NULL ? NULL : find_leaf(vaddr_of((const void *)remap.va));
	if (remap.entry == NULL) {
		return -ENOMEM;
	}
	const pte_t original = *remap.entry;
	for (unsigned int i = 0; i < FRAMES; i++) {
		remap.leaf[i] = original;
		remap.leaf[i].v += (page_to_pfn(pages[i]).n - page_to_pfn(pages[0]).n) << 10;
		remap.frame[i] = port_phys_to_virt(page_to_phys(pages[i]));
		*remap.frame[i] = 0;
	}
	unsigned int writer = hart_index();
	int err = spinning ? hart_run_mask(harts_online(), "remapping", remap_hart, &writer, NULL) :
			     call_rounds();
	*remap.entry = original;
	flush_tlb_all();
	vunmap((const void *)remap.va);
	return err;
}

static int run_with_pages(struct out *out, uint64_t rounds, bool spinning, bool broken)
{
	struct page *pages[FRAMES];
	unsigned int got = 0;
	while (got < FRAMES && (pages[got] = alloc_page(GFP_KERNEL)) != NULL) {
		got++;
	}
	uint64_t start = port_time_ticks();
	int err = got == FRAMES ? run_rounds(pages, rounds, spinning, broken) : -ENOMEM;
	out_printf(out, "# %llu rounds, %llu reads on %u harts, %llu stale; %llu ticks\n",
		   (unsigned long long)rounds, (unsigned long long)remap.reads,
		   harts_online_count(), (unsigned long long)remap.stale,
		   (unsigned long long)(port_time_ticks() - start));
	while (got != 0) {
		__free_page(pages[--got]);
	}
	return err;
}

static int a_remapped_page_is_never_read_stale(struct out *out)
{
	KTAP_EXPECT(out, run_with_pages(out, ROUNDS, false, false) == 0);
	KTAP_EXPECT(out, remap.stale == 0);
	KTAP_EXPECT(out, remap.reads == (uint64_t)ROUNDS * harts_online_count());
	return 0;
}

static int nor_by_harts_that_never_stop_reading(struct out *out)
{
	KTAP_EXPECT(out, run_with_pages(out, SPIN_ROUNDS / harts_online_count(), true, false) == 0);
	KTAP_EXPECT(out, remap.stale == 0);
	return 0;
}

/** A machine without caches of translations, or one that drops them often, shows no stale read: said, not failed. */
static int without_the_remote_fence_it_could_be(struct out *out)
{
	KTAP_EXPECT(out, run_with_pages(out, BROKEN_ROUNDS, false, true) == 0);
	if (harts_online_count() > 1) {
		out_printf(out, "# without the remote fence: %s\n",
			   remap.stale != 0 ? "stale reads, as it should be" :
					      "none seen: this machine cannot show the mistake");
	}
	return 0;
}

const struct target_test target_tests_remap[] = {
	{ "a_remapped_page_is_never_read_stale", a_remapped_page_is_never_read_stale },
	{ "nor_by_harts_that_never_stop_reading", nor_by_harts_that_never_stop_reading },
	{ "without_the_remote_fence_it_could_be", without_the_remote_fence_it_could_be },
	{ 0 },
};
