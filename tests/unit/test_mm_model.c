/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that random sequences of mmap, munmap, mprotect, brk, loads, stores and page moves leave the
 * space exactly as a model that knows each page by itself says, that its invariants hold after each,
 * and that a call which lacks memory (any of its allocations, in turn) changes nothing.
 */
#include "mm_machine.h"

#include <stdio.h>

#define PAGES	 64
#define ROUNDS	 30
#define STEPS	 400
#define HEAP_AT	 40
#define HEAP_MAX 12

/* Across the edge of a 1 GiB entry, and so of a 2 MiB one. */
#define WINDOW (0x40000000UL - 32 * PAGE_SIZE)

struct model_page {
	bool area;
	bool heap;
	uint32_t prot;
	bool present;
	uint64_t value;
};

static struct model_page model[PAGES];
static uint64_t model_break;
static struct mm *mm;
static uint64_t seed;

static uint64_t random_below(uint64_t n)
{
	return sim_random(&seed) % n;
}

static uint64_t address(uint64_t page)
{
	return WINDOW + page * PAGE_SIZE;
}

/* ---- the space is what the model says ----------------------------------------------------------- */

static void compare_page(uint64_t i)
{
	const struct model_page *want = &model[i];
	struct area *node = area_find(&mm->areas, address(i));
	const bool area = node != NULL && node->start <= address(i);
	assert_int_equal(area, want->area);
	if (area) {
		assert_int_equal(mm_area_of(node)->prot, want->prot);
		assert_int_equal(mm_area_of(node)->flags, want->heap ? MM_AREA_HEAP : 0);
	}
	struct page *page = mm_page_at(mm, vaddr(address(i)));
	assert_int_equal(page != NULL, want->present);
	if (page != NULL) {
		assert_int_equal(*(uint64_t *)page_address(page), want->value);
		struct mm *owner = NULL;
		vaddr_t at = vaddr(0);
		assert_int_equal(rmap_of(page, &owner, &at), 0);
		assert_ptr_equal(owner, mm);
		assert_int_equal(at.v, address(i));
	}
}

static void compare(void)
{
	const char *wrong = mm_wrong(mm);
	if (wrong != NULL) {
		fail_msg("%s", wrong);
	}
	for (uint64_t i = 0; i < PAGES; i++) {
		compare_page(i);
	}
	assert_int_equal(mm_brk(mm, vaddr(0)).v, model_break);
}

/* ---- operations: each on the space, with the result that the model expects ------------------------ */

struct op {
	uint64_t first, count;
	uint32_t prot;
	uint32_t flags;
	uint64_t value;
};

static void model_clear(uint64_t first, uint64_t count)
{
	memset(&model[first], 0, count * sizeof(model[0]));
}

static int do_mmap(const struct op *op, bool *done)
{
	vaddr_t out;
	const bool replace = (op->flags & MAP_FIXED_NOREPLACE) == 0;
	bool taken = false;
	for (uint64_t i = 0; i < op->count; i++) {
		taken |= model[op->first + i].area;
	}
	int err = mm_mmap(mm, vaddr(address(op->first)), op->count * PAGE_SIZE - op->value % 9,
			  op->prot, op->flags, &out);
	*done = err == 0;
	if (err == 0) {
		assert_true(replace || !taken);
		assert_int_equal(out.v, address(op->first));
		model_clear(op->first, op->count);
		for (uint64_t i = 0; i < op->count; i++) {
			model[op->first + i].area = true;
			model[op->first + i].prot = op->prot;
			model[op->first + i].present = (op->flags & MAP_POPULATE) != 0;
		}
	} else if (err == -EEXIST) {
		assert_true(taken && !replace);
		*done = true;
	}
	return err == -EEXIST ? 0 : err;
}

static int do_munmap(const struct op *op, bool *done)
{
	int err = mm_munmap(mm, vaddr(address(op->first)), op->count * PAGE_SIZE);
	*done = err == 0;
	if (err == 0) {
		model_clear(op->first, op->count);
	}
	return err;
}

static int do_mprotect(const struct op *op, bool *done)
{
	bool hole = false;
	for (uint64_t i = 0; i < op->count; i++) {
		hole |= !model[op->first + i].area;
	}
	int err = mm_mprotect(mm, vaddr(address(op->first)), op->count * PAGE_SIZE, op->prot);
	assert_true(err == 0 || err == -ENOMEM);
	assert_false(hole && err == 0);
	*done = err == 0 || hole;
	for (uint64_t i = 0; i < op->count && err == 0; i++) {
		model[op->first + i].prot = op->prot;
	}
	return *done ? 0 : err;
}

static int do_brk(const struct op *op, bool *done)
{
	const uint64_t want = address(HEAP_AT) + op->value % (HEAP_MAX * PAGE_SIZE);
	const uint64_t from = (ALIGN_UP(model_break, PAGE_SIZE) - WINDOW) / PAGE_SIZE;
	const uint64_t to = (ALIGN_UP(want, PAGE_SIZE) - WINDOW) / PAGE_SIZE;
	/* The heap does not end before it begins. */
	bool taken = want < address(HEAP_AT) + 5;
	/* Whatever lies within the distance above is in the way. */
	for (uint64_t i = from; to > from && i < PAGES; i++) {
		taken |= model[i].area;
	}
	const uint64_t got = mm_brk(mm, vaddr(want)).v;
	*done = got == want;
	if (!*done) {
		assert_int_equal(got, model_break);
		if (taken) {
			*done = true;
			return 0;
		}
		return -ENOMEM;
	}
	assert_false(taken);
	for (uint64_t i = from; i < to; i++) {
		model[i] = (struct model_page){ .area = true,
						.heap = true,
						.prot = PROT_READ | PROT_WRITE };
	}
	if (to < from) {
		model_clear(to, from - to);
	}
	model_break = want;
	return 0;
}

static int do_access(const struct op *op, bool *done)
{
	struct model_page *page = &model[op->first];
	const bool store = (op->flags & 1) != 0;
	uint64_t value = op->value;
	int err = store ? machine_store(mm, address(op->first), value) :
			  machine_load(mm, address(op->first), &value);
	const uint32_t needs = store ? PROT_WRITE : PROT_READ | PROT_WRITE;
	*done = err != -ENOMEM;
	if (!page->area) {
		assert_int_equal(err, -EFAULT);
	} else if ((page->prot & needs) == 0) {
		assert_int_equal(err, -EACCES);
	} else if (err == 0) {
		page->value = store ? value : page->value;
		assert_int_equal(page->value, value);
		page->present = true;
	}
	return *done ? 0 : err;
}

/** The page goes elsewhere; nobody notices. */
static int do_move(const struct op *op, bool *done)
{
	struct page *from = mm_page_at(mm, vaddr(address(op->first)));
	*done = true;
	if (from == NULL) {
		return 0;
	}
	struct page *to = alloc_page(GFP_USER_MOVABLE | __GFP_NOWARN);
	*done = to != NULL;
	if (to == NULL) {
		return -ENOMEM;
	}
	assert_int_equal(rmap_migrate_unmap(from), 0);
	assert_int_equal(rmap_migrate_unmap(from), -EBUSY);
	assert_null(mm_wrong(mm));
	rmap_migrate_fence();
	memcpy(page_address(to), page_address(from), PAGE_SIZE);
	if ((op->flags & 1) != 0) {
		rmap_migrate_remap(from, to);
		__free_page(from);
	} else {
		rmap_migrate_undo(from);
		__free_page(to);
	}
	return 0;
}

static struct op random_op(void)
{
	struct op op = {
		.first = random_below(PAGES),
		.prot = (uint32_t)random_below(8),
		.value = sim_random(&seed),
	};
	op.count = 1 + random_below(PAGES - op.first < 12 ? PAGES - op.first : 12);
	return op;
}

static int step(bool *done)
{
	static int (*const ops[])(const struct op *, bool *) = {
		do_mmap,   do_mmap,   do_munmap, do_mprotect, do_mprotect, do_brk,  do_access,
		do_access, do_access, do_access, do_access,   do_access,   do_move,
	};
	static const uint32_t map_flags[] = { MAP_FIXED, MAP_FIXED | MAP_POPULATE,
					      MAP_FIXED_NOREPLACE };
	struct op op = random_op();
	const uint64_t which = random_below(ARRAY_SIZE(ops));
	if (ops[which] == do_mmap) {
		op.flags = map_flags[random_below(ARRAY_SIZE(map_flags))];
	} else {
		op.flags = (uint32_t)random_below(2);
	}
	/* Each allocation that the operation makes fails once, then it has its way. */
	for (uint64_t k = 1;; k++) {
		fail_boot_set(k);
		int err = ops[which](&op, done);
		const uint64_t counted = fail_boot_end();
		compare();
		if (*done) {
			return 0;
		}
		assert_int_equal(err, -ENOMEM);
		assert_true(counted >= k);
		/* Records kept for reuse would hide the next one. */
		mm_drain();
	}
}

static void a_space_is_what_a_model_of_its_pages_says(void **state)
{
	(void)state;
	seed = sim_seed(0x6d6d2d6d6f64656cULL);
	for (int round = 0; round < ROUNDS; round++) {
		mm = mm_create("model");
		assert_non_null(mm);
		memset(model, 0, sizeof(model));
		mm_set_brk(mm, vaddr(address(HEAP_AT) + 5));
		model_break = address(HEAP_AT) + 5;
		for (int i = 0; i < STEPS; i++) {
			bool done = false;
			assert_int_equal(step(&done), 0);
		}
		mm_destroy(mm);
		machine_all_free();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_space_is_what_a_model_of_its_pages_says,
						machine_start, machine_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
