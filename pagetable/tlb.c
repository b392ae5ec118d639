/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fences by range, local and remote. Invariant: this hart is fenced first by itself, then the firmware fences the
 * others and waits for them; a firmware that cannot is a panic, because a stale translation is a memory error that
 * nobody would see.
 */
#include "fpg/pagetable/tlb.h"

#include "fpg/base/range.h"
#include "fpg/core/hart.h"
#include "fpg/core/panic.h"
#include "fpg/port/port.h"

/*
 * A page fenced by address costs 5 instructions, one of them the fence. A full fence makes the hart look up about 45
 * translations again (counted around vmalloc() and vfree(): `bench tlb`), 130 loads of a walk. With a page as dear as two
 * of those loads the two meet at 64. Linux's default for RISC-V is the same. docs/performance.md has the whole story.
 */
uint32_t tlb_flush_all_threshold_pages = 64;

static struct tlb_counters counters;

static void count(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static void check_remote(int err, hart_mask_t mask)
{
	if (err != 0) {
		panic("the firmware refuses to fence harts 0x%llx (%d)", (unsigned long long)mask,
		      err);
	}
}

/** What to fence: whole pages; bytes PORT_TLB_ALL: everything. */
struct fence {
	vaddr_t start;
	uint64_t bytes;
	uint32_t asid;
};

static struct fence make_fence(vaddr_t start, uint64_t bytes, uint32_t asid)
{
	struct fence f = { .asid = asid, .bytes = PORT_TLB_ALL };
	f.start.v = ALIGN_DOWN(start.v, PAGE_SIZE);
	uint64_t in_page = start.v - f.start.v;
	if (bytes <= PORT_TLB_ALL - 2 * PAGE_SIZE) {
		uint64_t whole = ALIGN_UP(bytes + in_page, PAGE_SIZE);
		if (whole >> PAGE_SHIFT <= tlb_flush_all_threshold_pages) {
			f.bytes = whole;
		}
	}
	return f;
}

static void fence_here(const struct fence *f)
{
	if (f->bytes == PORT_TLB_ALL) {
		count(&counters.local_all, 1);
		if (f->asid == PORT_ASID_ALL) {
			port_tlb_flush_all();
		} else {
			port_tlb_flush_asid(f->asid);
		}
		return;
	}
	count(&counters.local_ranges, 1);
	count(&counters.pages, f->bytes >> PAGE_SHIFT);
	if (f->asid == PORT_ASID_ALL) {
		port_tlb_flush_range(f->start, f->bytes);
	} else {
		port_tlb_flush_asid_range(f->asid, f->start, f->bytes);
	}
}

static void fence_harts(const struct fence *f, hart_mask_t mask)
{
	hart_mask_t self = hart_mask_of(port_hart_index());
	if (mask & self) {
		fence_here(f);
	}
	mask &= ~self;
	if (mask == 0) {
		return;
	}
	count(f->bytes == PORT_TLB_ALL ? &counters.remote_all : &counters.remote_ranges, 1);
	vaddr_t start = f->bytes == PORT_TLB_ALL ? vaddr(0) : f->start;
	check_remote(port_remote_tlb_flush(mask, start, f->bytes, f->asid), mask);
}

/**
 * The stores to tables come before the look at who is concerned: a hart that joins sets its bit first, and looks at
 * tables after that.
 */
static void order_stores(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void flush_tlb_kernel_range(vaddr_t start, uint64_t bytes)
{
	if (bytes == 0) {
		return;
	}
	struct fence f = make_fence(start, bytes, PORT_ASID_ALL);
	order_stores();
	fence_harts(&f, harts_online());
}

void flush_tlb_all(void)
{
	struct fence f = { .bytes = PORT_TLB_ALL, .asid = PORT_ASID_ALL };
	order_stores();
	fence_harts(&f, harts_online());
}

static hart_mask_t users(const struct tlb_context *tlb)
{
	return __atomic_load_n(&tlb->harts, __ATOMIC_SEQ_CST) & harts_online();
}

void flush_tlb_mm(const struct tlb_context *tlb)
{
	order_stores();
	struct fence f = { .bytes = PORT_TLB_ALL,
			   .asid = __atomic_load_n(&tlb->asid, __ATOMIC_SEQ_CST) };
	fence_harts(&f, users(tlb));
}

void flush_tlb_mm_range(const struct tlb_context *tlb, vaddr_t start, uint64_t bytes)
{
	if (bytes == 0) {
		return;
	}
	order_stores();
	struct fence f = make_fence(start, bytes, __atomic_load_n(&tlb->asid, __ATOMIC_SEQ_CST));
	fence_harts(&f, users(tlb));
}

void flush_icache_mask(hart_mask_t mask)
{
	hart_mask_t self = hart_mask_of(port_hart_index());
	/* fence.i orders this hart's own fetches only; the stores must be visible before the others fetch. */
	order_stores();
	port_fence_i();
	mask &= harts_online() & ~self;
	if (mask != 0) {
		check_remote(port_remote_fence_i(mask), mask);
	}
}

void tlb_counters_read(struct tlb_counters *out)
{
	out->local_ranges = __atomic_load_n(&counters.local_ranges, __ATOMIC_RELAXED);
	out->local_all = __atomic_load_n(&counters.local_all, __ATOMIC_RELAXED);
	out->remote_ranges = __atomic_load_n(&counters.remote_ranges, __ATOMIC_RELAXED);
	out->remote_all = __atomic_load_n(&counters.remote_all, __ATOMIC_RELAXED);
	out->pages = __atomic_load_n(&counters.pages, __ATOMIC_RELAXED);
}
