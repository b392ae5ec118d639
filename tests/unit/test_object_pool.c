/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools of objects on the simulated machine: objects are zeroed, aligned and nobody else's, pages come and go with
 * them but for one, and a refused page changes nothing. Mistakes of callers end in a check.
 */
#include "page_check.h"

#include "fpg/base/assert.h"
#include "fpg/base/range.h"
#include "fpg/core/object_pool.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/palloc_registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RAM_BASE 0x80000000UL
#define MOST	 2000U

static struct object_pool pool;
static uint64_t used_before;

static void start(uint32_t bytes)
{
	const struct sim_ram ram[] = { { RAM_BASE, 16 * SZ_1M, 0 } };
	page_check_start(palloc_find("buddy"), ram, 1);
	pool = (struct object_pool)OBJECT_POOL_INIT("test", bytes);
	/* The first page may populate records. */
	free_pages(__get_free_pages(GFP_KERNEL, 0), 0);
	used_before = page_check_used();
}

static uint64_t pages_used(void)
{
	return page_check_used() - used_before;
}

static bool all_bytes(const uint8_t *p, uint32_t bytes, uint8_t value)
{
	for (uint32_t i = 0; i < bytes; i++) {
		if (p[i] != value) {
			return false;
		}
	}
	return true;
}

static void objects_of_any_size_are_zeroed_aligned_and_apart(void **state)
{
	static const uint32_t sizes[] = { 1, 16, 17, 48, 100, 512, 1344, 2016, 4000, 4032 };
	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		start(sizes[s]);
		uint8_t *objects[600];
		for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++) {
			objects[i] = object_pool_alloc(&pool);
			assert_non_null(objects[i]);
			assert_true(IS_ALIGNED((uintptr_t)objects[i], 16));
			assert_true(all_bytes(objects[i], sizes[s], 0));
			memset(objects[i], (int)(i % 255 + 1), sizes[s]);
		}
		for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++) {
			assert_true(all_bytes(objects[i], sizes[s], (uint8_t)(i % 255 + 1)));
			object_pool_free(&pool, objects[i]);
		}
		assert_int_equal(object_pool_used(&pool), 0);
		assert_true(pages_used() <= 1 + 1);
		object_pool_drain(&pool);
		assert_int_equal(pool.pages, 0);
		(void)page_check_stop(NULL);
	}
}

static void random_histories_keep_what_objects_hold(void **state)
{
	static uint8_t *objects[MOST];
	static uint8_t values[MOST];
	uint64_t seed = sim_seed(0x0b7ec7);
	(void)state;
	start(88);
	memset(objects, 0, sizeof(objects));
	uint32_t live = 0;
	for (unsigned int step = 0; step < 60000; step++) {
		unsigned int i = (unsigned int)(sim_random(&seed) % MOST);
		bool grow = sim_random(&seed) % 8 < (step / 10000 % 2 == 0 ? 6U : 2U);
		if (objects[i] != NULL && !grow) {
			assert_true(all_bytes(objects[i], 88, values[i]));
			object_pool_free(&pool, objects[i]);
			objects[i] = NULL;
			live--;
		} else if (objects[i] == NULL && grow) {
			objects[i] = object_pool_alloc(&pool);
			assert_non_null(objects[i]);
			assert_true(all_bytes(objects[i], 88, 0));
			values[i] = (uint8_t)(sim_random(&seed) | 1);
			memset(objects[i], values[i], 88);
			live++;
		}
		assert_int_equal(object_pool_used(&pool), live);
	}
	for (unsigned int i = 0; i < MOST; i++) {
		object_pool_free(&pool, objects[i]);
	}
	object_pool_drain(&pool);
	assert_int_equal(object_pool_used(&pool), 0);
	assert_int_equal(pool.pages, 0);
}

static void an_empty_page_is_kept_and_drained(void **state)
{
	(void)state;
	start(1024);
	void *a = object_pool_alloc(&pool);
	assert_int_equal(pages_used(), 1);
	object_pool_free(&pool, a);
	assert_int_equal(pages_used(), 1);
	/* Served from what was kept. */
	assert_ptr_equal(object_pool_alloc(&pool), a);
	assert_int_equal(pages_used(), 1);
	object_pool_free(&pool, a);
	object_pool_drain(&pool);
	assert_int_equal(pages_used(), 0);
	object_pool_drain(&pool);
	object_pool_free(&pool, NULL);
	assert_int_equal(pool.pages, 0);
}

static void when_pages_run_out_nothing_is_lost(void **state)
{
	(void)state;
	start(2000);
	uint64_t count = 0;
	void **list = NULL;
	for (void **p; (p = object_pool_alloc(&pool)) != NULL; count++) {
		*p = list;
		list = p;
	}
	assert_true(count >= 2 * 3000);
	assert_int_equal(object_pool_used(&pool), count);
	assert_null(object_pool_alloc(&pool));
	assert_int_equal(object_pool_used(&pool), count);
	/* One free object is enough for the next. */
	void **second = *list;
	object_pool_free(&pool, list);
	list = object_pool_alloc(&pool);
	assert_non_null(list);
	*list = second;
	while (list != NULL) {
		void **next = *list;
		object_pool_free(&pool, list);
		list = next;
	}
	object_pool_drain(&pool);
	assert_int_equal(object_pool_used(&pool), 0);
	assert_int_equal(pool.pages, 0);
	assert_int_equal(page_check_warnings, 0);
}

static jmp_buf check_jump;

static void on_check(const char *expr, const char *file, int line)
{
	(void)expr;
	(void)file;
	(void)line;
	longjmp(check_jump, 1);
}

static bool free_is_checked(struct object_pool *to, void *object)
{
	const unsigned long irq = port_irq_save();
	fpg_set_check_hook(on_check);
	bool caught = setjmp(check_jump) != 0;
	if (!caught) {
		object_pool_free(to, object);
	} else if (spin_is_locked(&to->lock)) {
		spin_unlock_irqrestore(&to->lock, irq);
	}
	port_irq_restore(irq);
	fpg_set_check_hook(NULL);
	return caught;
}

static void wrong_frees_are_caught(void **state)
{
	struct object_pool other = OBJECT_POOL_INIT("other", 64);
	(void)state;
	start(64);
	char *a = object_pool_alloc(&pool);
	char *b = object_pool_alloc(&pool);
	char *c = object_pool_alloc(&other);
	assert_true(free_is_checked(&pool, a + 8));
	assert_true(free_is_checked(&pool, c));
	assert_true(free_is_checked(&pool, (char *)ALIGN_DOWN((uintptr_t)a, PAGE_SIZE)));
	assert_false(free_is_checked(&pool, a));
	assert_true(free_is_checked(&pool, a));
	assert_int_equal(object_pool_used(&pool), 1);
	object_pool_free(&pool, b);
	object_pool_free(&other, c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_of_any_size_are_zeroed_aligned_and_apart),
		cmocka_unit_test_teardown(random_histories_keep_what_objects_hold, page_check_stop),
		cmocka_unit_test_teardown(an_empty_page_is_kept_and_drained, page_check_stop),
		cmocka_unit_test_teardown(when_pages_run_out_nothing_is_lost, page_check_stop),
		cmocka_unit_test_teardown(wrong_frees_are_caught, page_check_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
