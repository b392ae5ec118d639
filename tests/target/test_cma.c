/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One hart takes from a CMA area and gives back at random while the others use the pages in it: they write to a kernel
 * owner's pages, and no write is lost; they pin pages of a space, and every failure names one that was pinned; they borrow
 * from a guaranteed area and repay, and nothing fails while there is room.
 */
#include "cma_taker.h"
#include "smp.h"

#include "movable_owner.h"
#include "random.h"

#include "fpg/base/bits.h"
#include "fpg/core/page_alloc.h"
#include "fpg/pagetable/mm.h"

#include <errno.h>
#include <string.h>

#define CYCLES 4U
#define OWN    256U
/** Words of a page that are written. */
#define WORDS  8U
#define PAUSE  64U
#define FRAMES 16384U

static struct {
	struct taker taker;
	unsigned int taking;
	uint32_t done;
	/** Writes to entry i's page; guarded by the owner's lock. */
	uint64_t writes[OWN];
	/** Of pinned pages of the area: pins now, and the call during which the last one went. */
	uint32_t held[FRAMES];
	uint64_t gone[FRAMES];
	uint64_t steps[PORT_MAX_HARTS];
	struct mm *mm;
	vaddr_t at;
	uint64_t uses;
	const char *wrong;
} run;

static void pause_for(uint64_t relaxes)
{
	while (relaxes-- != 0) {
		port_relax();
	}
}

static bool done(void)
{
	return __atomic_load_n(&run.done, __ATOMIC_ACQUIRE) != 0;
}

/** One hart takes all and gives all back; the others do @step until it is through. */
static int take_or(bool (*step)(uint64_t *random))
{
	uint64_t random = (hart_index() + 1) * 0x9e3779b97f4a7c15ULL;
	if (hart_index() == run.taking) {
		bool fine = taker_fill(&run.taker) && taker_empty(&run.taker);
		__atomic_store_n(&run.done, 1, __ATOMIC_RELEASE);
		return fine ? 0 : -EIO;
	}
	bool fine = true;
	uint64_t uses = 0;
	for (; fine && !done(); uses++) {
		fine = step(&random);
		pause_for(xorshift64star(&random) % PAUSE);
	}
	__atomic_fetch_add(&run.uses, uses, __ATOMIC_RELAXED);
	return fine ? 0 : -EIO;
}

static int cycle(struct out *out, int (*fn)(void *arg))
{
	run.done = 0;
	int err = hart_run_mask(harts_online(), "cma", fn, NULL, NULL);
	taker_say(&run.taker, out);
	if (run.wrong != NULL) {
		out_printf(out, "# %s\n", run.wrong);
	}
	return err;
}

/** Return: the test has something to do */
static bool begin(struct out *out, bool guaranteed)
{
	struct cma *area = taker_area();
	struct cma_stats stats = { 0 };
	if (area != NULL) {
		cma_stats_read(area, &stats);
	}
	if (others() == 0 || stats.pages > FRAMES ||
	    !(guaranteed ? stats.guaranteed : stats.lent)) {
		return false;
	}
	memset(&run, 0, sizeof(run));
	run.taking = hart_index();
	taker_start(&run.taker, area, port_time_ticks());
	out_printf(out, "# seed 0x%llx\n", (unsigned long long)run.taker.random);
	movable_owner_start(false);
	return true;
}

static void say(struct out *out, uint64_t moved)
{
	out_printf(
		out,
		"# %llu cma_alloc served, %llu refused for a pin, %llu for want of room; %llu pages moved, %llu uses by others\n",
		(unsigned long long)run.taker.served, (unsigned long long)run.taker.explained,
		(unsigned long long)run.taker.full, (unsigned long long)moved,
		(unsigned long long)run.uses);
}

/* ---- a kernel owner's pages -------------------------------------------------------------------- */

static bool write_one(uint64_t *random)
{
	const uint32_t i = (uint32_t)(xorshift64star(random) % OWN);
	const struct movable_entry *e = &movable_owner.entry[i];
	bool fine = true;
	unsigned long flags = spin_lock_irqsave(&movable_owner.lock);
	if (!e->isolated) {
		uint64_t *words = page_address(e->page);
		for (uint32_t k = 0; k < WORDS; k++) {
			fine = fine && words[k * 64] == run.writes[i];
			words[k * 64]++;
		}
		run.writes[i]++;
	}
	spin_unlock_irqrestore(&movable_owner.lock, flags);
	if (!fine) {
		run.wrong = "a write was lost";
	}
	return fine;
}

static int write_or_take(void *arg)
{
	(void)arg;
	return take_or(write_one);
}

/** Entry @i's page is the @i-th frame of the area, which is ours. */
static void settle_in_area(uint32_t i)
{
	struct page *to = pfn_to_page(pfn_add(phys_to_pfn(cma_get_base(run.taker.area)), i));
	struct page *from = movable_take(i);
	movable_own(i, to, 0, false);
	uint64_t *words = page_address(to);
	for (uint32_t k = 0; k < WORDS; k++) {
		words[k * 64] = run.writes[i];
	}
	__free_page(from);
}

static int cma_alloc_loses_no_write_of_a_kernel_owner(struct out *out)
{
	if (!begin(out, false)) {
		return ktap_skip("one hart, or no such area");
	}
	const uint64_t before = taker_moved(run.taker.area);
	const pfn_t first = phys_to_pfn(cma_get_base(run.taker.area));
	const struct pfn_range range = { first, pfn_add(first, OWN) };
	for (unsigned int i = 0; i < CYCLES; i++) {
		KTAP_EXPECT(out, alloc_contig_range(range, GFP_USER_MOVABLE, NULL) == 0);
		for (uint32_t k = 0; k < OWN; k++) {
			settle_in_area(k);
		}
		KTAP_EXPECT(out, cycle(out, write_or_take) == 0);
	}
	const uint64_t moved = taker_moved(run.taker.area) - before;
	say(out, moved);
	for (uint32_t i = 0; i < OWN; i++) {
		const uint64_t *words = page_address(movable_owner.entry[i].page);
		for (uint32_t k = 0; k < WORDS; k++) {
			KTAP_EXPECT(out, words[k * 64] == run.writes[i]);
		}
		KTAP_EXPECT(out, movable_free(i));
	}
	KTAP_EXPECT(out, moved >= CYCLES * OWN && movable_owner.wrong == NULL && run.uses != 0);
	return 0;
}

/* ---- pins -------------------------------------------------------------------------------------- */

static bool pin_one(uint64_t *random)
{
	struct page *page;
	const uint64_t va = run.at.v + xorshift64star(random) % OWN * PAGE_SIZE;
	if (mm_pin_page(run.mm, vaddr(va), PROT_READ, &page) != 0) {
		run.wrong = "a page could not be pinned";
		return false;
	}
	const uint64_t f = page_to_pfn(page).n - phys_to_pfn(cma_get_base(run.taker.area)).n;
	uint64_t *step = &run.steps[hart_index()];
	if (f < FRAMES) {
		__atomic_fetch_add(&run.held[f], 1, __ATOMIC_ACQ_REL);
	}
	__atomic_store_n(step, *step + 1, __ATOMIC_RELEASE);
	pause_for(xorshift64star(random) % (16 * PAUSE));
	mm_unpin_page(page);
	if (f < FRAMES) {
		__atomic_store_n(&run.gone[f], __atomic_load_n(&run.taker.calls, __ATOMIC_ACQUIRE),
				 __ATOMIC_RELEASE);
		__atomic_fetch_sub(&run.held[f], 1, __ATOMIC_ACQ_REL);
	}
	return true;
}

static int pin_or_take(void *arg)
{
	(void)arg;
	return take_or(pin_one);
}

/** Every hart has said what it pins since now. */
static void wait_for_pinners(void)
{
	for (hart_mask_t m = others(); m != 0; m &= m - 1) {
		const uint64_t *step = &run.steps[bit_lowest(m)];
		const uint64_t now = __atomic_load_n(step, __ATOMIC_ACQUIRE);
		while (__atomic_load_n(step, __ATOMIC_ACQUIRE) == now && run.wrong == NULL) {
			port_relax();
		}
	}
}

/** The frame in the way is given out, or was pinned at some time during this call. */
static bool was_pinned(const struct taker *t, const struct cma_report *report)
{
	const pfn_t frame = report->blocker.frame;
	if (report->err != -EBUSY) {
		return false;
	}
	if (report->blocker.reason == MIGRATE_REASON_CMA) {
		return cma_is_given_out(t->area, frame);
	}
	const uint64_t f = frame.n - phys_to_pfn(cma_get_base(t->area)).n;
	wait_for_pinners();
	return f < FRAMES && (__atomic_load_n(&run.held[f], __ATOMIC_ACQUIRE) != 0 ||
			      __atomic_load_n(&run.gone[f], __ATOMIC_ACQUIRE) == t->calls);
}

static int cma_alloc_names_pages_that_were_pinned(struct out *out)
{
	if (!begin(out, false)) {
		return ktap_skip("one hart, or no such area");
	}
	const uint64_t before = taker_moved(run.taker.area);
	run.taker.excuse = was_pinned;
	taker_ballast_take();
	int err = 0;
	for (unsigned int i = 0; err == 0 && i < CYCLES; i++) {
		run.mm = mm_create("pinned");
		err = run.mm == NULL ? -ENOMEM :
				       mm_mmap(run.mm, vaddr(0), OWN * PAGE_SIZE,
					       PROT_READ | PROT_WRITE, MAP_POPULATE, &run.at);
		err = err != 0 ? err : cycle(out, pin_or_take);
		mm_destroy(run.mm);
	}
	taker_ballast_give();
	const uint64_t moved = taker_moved(run.taker.area) - before;
	say(out, moved);
	KTAP_EXPECT(out, err == 0 && moved != 0 && run.uses != 0);
	return 0;
}

/* ---- a guaranteed area ------------------------------------------------------------------------- */

/** Each hart has entries of its own. The entry knows the page after the area does, and before it on the way back. */
static bool borrow_or_repay(uint64_t *random)
{
	const uint32_t share = MOVABLE_MOST / PORT_MAX_HARTS;
	const uint32_t i = hart_index() * share + (uint32_t)(xorshift64star(random) % share);
	struct movable_entry *e = &movable_owner.entry[i];
	unsigned long flags = spin_lock_irqsave(&movable_owner.lock);
	struct page *page = e->isolated ? NULL : e->page;
	const bool busy = e->isolated;
	e->page = page != NULL ? NULL : e->page;
	spin_unlock_irqrestore(&movable_owner.lock, flags);
	if (page != NULL) {
		const bool fine = *(const uint64_t *)page_address(page) == i;
		cma_repay(run.taker.area, page);
		run.wrong = fine ? run.wrong : "a borrowed page was written to";
		return fine;
	}
	page = busy ? NULL : cma_borrow(run.taker.area, movable_owner.kind[1], i);
	if (page != NULL) {
		*(uint64_t *)page_address(page) = i;
		flags = spin_lock_irqsave(&movable_owner.lock);
		e->page = page;
		spin_unlock_irqrestore(&movable_owner.lock, flags);
	}
	return true;
}

static int borrow_or_take(void *arg)
{
	(void)arg;
	return take_or(borrow_or_repay);
}

static int cma_alloc_of_a_guaranteed_area_never_fails(struct out *out)
{
	if (!begin(out, true)) {
		return ktap_skip("one hart, or no such area");
	}
	const uint64_t before = taker_discarded(run.taker.area);
	for (unsigned int i = 0; i < CYCLES; i++) {
		KTAP_EXPECT(out, cycle(out, borrow_or_take) == 0);
	}
	const uint64_t discarded = taker_discarded(run.taker.area) - before;
	say(out, discarded);
	for (uint32_t i = 0; i < MOVABLE_MOST; i++) {
		if (movable_owner.entry[i].page != NULL) {
			cma_repay(run.taker.area, movable_owner.entry[i].page);
		}
	}
	struct cma_stats stats;
	cma_stats_read(run.taker.area, &stats);
	KTAP_EXPECT(out, stats.given_out == 0 && stats.pages_moved == 0 && discarded != 0);
	KTAP_EXPECT(out, movable_owner.wrong == NULL);
	return 0;
}

const struct target_test target_tests_cma[] = {
	{ "cma_alloc_loses_no_write_of_a_kernel_owner",
	  cma_alloc_loses_no_write_of_a_kernel_owner },
	{ "cma_alloc_names_pages_that_were_pinned", cma_alloc_names_pages_that_were_pinned },
	{ "cma_alloc_of_a_guaranteed_area_never_fails",
	  cma_alloc_of_a_guaranteed_area_never_fails },
	{ 0 },
};
