/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address-space identifiers, and the switch from one space to another.
 *
 * A space keeps its ASID for a generation. When all are given out a new generation begins: ASIDs of
 * spaces that run somewhere are kept, all others are free again, and each hart flushes everything
 * once, before the next thing that it runs. Where harts have too few ASIDs (they may have none) all
 * spaces share ASID 0, and each switch flushes everything. ASID 0 is the kernel's own space.
 *
 * Invariants, under asid_lock: in one generation no two spaces have the same ASID; active[] says what
 * each hart runs; a bit that is set in `taken` is somebody's, or lost until the next generation.
 * Source: RISC-V Privileged v1.12, 4.1.11 (ASIDLEN may be zero) and 4.2.1 (what a fence orders).
 */
#define LOG_MODULE "mm"
#include "mm_private.h"

#include "fpg/base/bits.h"
#include "fpg/core/hart.h"
#include "fpg/core/log.h"
#include "fpg/pagetable/kernel_map.h"
#include "fpg/port/port.h"

/** Source: RISC-V Privileged v1.12, 4.1.11: 16 bits at most with SXLEN 64. */
#define ASID_BITS_MAX 16U
#define ASIDS_MAX     (1U << ASID_BITS_MAX)
#define GENERATION    ((uint64_t)ASIDS_MAX)

static struct spinlock asid_lock = SPINLOCK_INIT_RANK(LOCK_LEAF);
/** Numbers that are given out are below this; 1: none are. */
static uint32_t asids = 1;
/** What the hardware has, whatever mm_set_asid_limit() says. */
static uint32_t asids_of_harts = 1;
static uint64_t generation = GENERATION;
static uint64_t taken[ASIDS_MAX / 64];
static uint32_t next_asid = 1;
/** asid_context of the space in force on each hart; 0: the kernel's. */
static uint64_t active[PORT_MAX_HARTS];
static hart_mask_t flush_pending;
static uint64_t roll_overs;

static uint32_t asid_of(uint64_t context)
{
	return (uint32_t)(context & (GENERATION - 1));
}

static void roll_over(void)
{
	generation += GENERATION;
	bits_clear_range(taken, 0, ASIDS_MAX);
	for (uint32_t hart = 0; hart < PORT_MAX_HARTS; hart++) {
		if (active[hart] != 0) {
			bits_set_range(taken, asid_of(active[hart]), asid_of(active[hart]) + 1);
		}
	}
	next_asid = 1;
	flush_pending = ~(hart_mask_t)0;
	roll_overs++;
}

/** An ASID that nobody has. More ASIDs than harts, so a new generation has one. */
static uint32_t find_asid(void)
{
	uint64_t asid = bits_find_clear(taken, next_asid, asids);
	if (asid == asids) {
		roll_over();
		asid = bits_find_clear(taken, next_asid, asids);
		FPG_CHECK(asid < asids);
	}
	next_asid = (uint32_t)asid + 1;
	return (uint32_t)asid;
}

/** The space runs somewhere since an older generation: it keeps its ASID. */
static bool keep_asid(struct mm *mm)
{
	bool found = false;
	const uint64_t now = generation | asid_of(mm->asid_context);
	for (uint32_t hart = 0; hart < PORT_MAX_HARTS && mm->asid_context != 0; hart++) {
		if (active[hart] == mm->asid_context) {
			active[hart] = now;
			found = true;
		}
	}
	if (found) {
		mm->asid_context = now;
	}
	return found;
}

/** An ASID of this generation for @mm, which this hart is about to run. The lock is held. */
static void take_asid(struct mm *mm)
{
	if ((mm->asid_context & ~(GENERATION - 1)) == generation || keep_asid(mm)) {
		return;
	}
	const uint32_t asid = find_asid();
	bits_set_range(taken, asid, asid + 1);
	mm->asid_context = generation | asid;
	/* No hart has anything of the space under this number. The number before the harts: see tlb.h. */
	__atomic_store_n(&mm->tlb.harts, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&mm->tlb.asid, asid, __ATOMIC_SEQ_CST);
}

struct mm *mm_current(void)
{
	const struct hart *hart = this_hart();
	return hart != NULL ? hart->slot[HART_SLOT_MM] : NULL;
}

/** Write satp (@pt NULL: there are no tables of the kernel's, on a host), then flush what may be another space's. */
static void enter(const struct pt *pt, uint32_t asid, bool flush)
{
	if (pt != NULL) {
		port_address_space_switch(pt->mode->satp_mode, pt->root, asid);
	}
	if (flush) {
		port_tlb_flush_all();
	}
}

void mm_switch(struct mm *mm)
{
	struct hart *hart = this_hart();
	const unsigned long irq = spin_lock_irqsave(&asid_lock);
	struct mm *old = hart->slot[HART_SLOT_MM];
	const hart_mask_t bit = hart_mask_of(hart->index);
	if (old != mm) {
		const bool numbered = asids > 1;
		/* It leaves what it runs: a roll-over need not keep that one's number for it. */
		active[hart->index] = 0;
		if (mm != NULL && numbered) {
			take_asid(mm);
		} else if (mm != NULL) {
			mm->asid_context = 0;
			__atomic_store_n(&mm->tlb.asid, 0, __ATOMIC_SEQ_CST);
		}
		if (mm != NULL) {
			tlb_context_enter(&mm->tlb);
			__atomic_fetch_or(&mm->active, bit, __ATOMIC_RELAXED);
		}
		active[hart->index] = mm != NULL ? mm->asid_context : 0;
		hart->slot[HART_SLOT_MM] = mm;
		enter(mm != NULL ? &mm->pt : kernel_pt(), mm != NULL && numbered ? mm->tlb.asid : 0,
		      !numbered || (flush_pending & bit) != 0);
		flush_pending &= ~bit;
		if (old != NULL) {
			__atomic_fetch_and(&old->active, ~bit, __ATOMIC_RELEASE);
		}
		if (old != NULL && !numbered) {
			tlb_context_leave(&old->tlb);
		}
	}
	spin_unlock_irqrestore(&asid_lock, irq);
}

/* ---- how many there are ------------------------------------------------------------------------ */

static uint32_t fewest_bits;

/** On each hart, in its interrupt handler. */
static void ask_hart(void *arg)
{
	(void)arg;
	const uint32_t bits = port_asid_bits();
	uint32_t least = __atomic_load_n(&fewest_bits, __ATOMIC_RELAXED);
	while (bits < least && !__atomic_compare_exchange_n(&fewest_bits, &least, bits, false,
							    __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
	}
}

/** Begin anew with @count numbers. No space is in force anywhere. */
static void begin(uint32_t count)
{
	const unsigned long irq = spin_lock_irqsave(&asid_lock);
	/* A space more than run at once, or a new generation might have no number for it. */
	asids = count > PORT_MAX_HARTS || count > harts_online_count() ? count : 1;
	for (uint32_t hart = 0; hart < PORT_MAX_HARTS; hart++) {
		FPG_CHECK(active[hart] == 0);
	}
	roll_over();
	roll_overs = 0;
	spin_unlock_irqrestore(&asid_lock, irq);
}

void mm_asid_init(void)
{
	fewest_bits = ASID_BITS_MAX;
	hart_call(harts_online(), ask_hart, NULL);
	asids_of_harts = 1U << fewest_bits;
	begin(asids_of_harts);
	if (asids > 1) {
		pr_info("%u ASIDs of %u bits", asids - 1, fewest_bits);
	} else {
		pr_info("the harts have %u ASID bits: each switch of address space flushes all",
			fewest_bits);
	}
}

void mm_set_asid_limit(uint32_t count)
{
	begin(count != 0 && count < asids_of_harts ? count : asids_of_harts);
}

struct mm_asid_info mm_asid_info(void)
{
	const unsigned long irq = spin_lock_irqsave(&asid_lock);
	const struct mm_asid_info info = { asids - 1, generation / GENERATION, roll_overs };
	spin_unlock_irqrestore(&asid_lock, irq);
	return info;
}
