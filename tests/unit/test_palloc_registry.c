/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that the registry finds backends by name and that each way a backend can be wrong is named
 * with its field.
 */
#include "fpg/core/palloc_registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

static struct palloc_ops copy;

static void expect_fault(const struct palloc_ops *const *table, const char *backend,
			 const char *field)
{
	struct palloc_fault fault = { 0 };
	assert_int_equal(palloc_registry_validate(table, &fault), -EINVAL);
	assert_string_equal(fault.backend, backend);
	assert_string_equal(fault.field, field);
	assert_non_null(fault.problem);
}

static void expect_copy_fault(const char *field)
{
	const struct palloc_ops *const table[] = { &copy, NULL };
	expect_fault(table, copy.name != NULL ? copy.name : "?", field);
	copy = *palloc_table[0];
	copy.name = "copy";
}

static void this_build_s_backends_are_sound_and_found(void **state)
{
	struct palloc_fault fault;
	char names[64];
	(void)state;
	assert_non_null(palloc_table[0]);
	assert_int_equal(palloc_registry_validate(palloc_table, &fault), 0);
	palloc_names(names, sizeof(names));
	for (size_t i = 0; palloc_table[i] != NULL; i++) {
		assert_ptr_equal(palloc_find(palloc_table[i]->name), palloc_table[i]);
		assert_non_null(strstr(names, palloc_table[i]->name));
	}
	assert_null(palloc_find("nonsense"));
	assert_null(palloc_find(""));
	assert_null(palloc_find(NULL));
	assert_string_equal(palloc_names(names, 1), "");
	assert_int_equal(strlen(palloc_names(names, 4)), 3);
}

static void each_mistake_is_named_with_its_field(void **state)
{
	(void)state;
	copy = *palloc_table[0];
	copy.name = NULL;
	expect_copy_fault("name");
	copy.name = "cma";
	expect_copy_fault("name");
	copy.title = NULL;
	expect_copy_fault("title");
	copy.caps |= 1U << 30;
	expect_copy_fault("caps");
	copy.caps |= PALLOC_CAP_ORDER | PALLOC_CAP_RUN;
	expect_copy_fault("caps");
	copy.caps &= ~(uint32_t)(PALLOC_CAP_ORDER | PALLOC_CAP_RUN);
	expect_copy_fault("caps");
	copy.max_order = MAX_PAGE_ORDER + 1;
	expect_copy_fault("max_order");
	copy.meta_bytes = NULL;
	expect_copy_fault("meta_bytes");
	copy.walk = NULL;
	expect_copy_fault("walk");
	copy.check = NULL;
	expect_copy_fault("check");
	copy.free = NULL;
	expect_copy_fault("free");
	copy.caps &= ~(uint32_t)(PALLOC_CAP_FREE | PALLOC_CAP_SUBFREE);
	expect_copy_fault("free");
	copy.caps |= PALLOC_CAP_CLAIM;
	copy.claim = NULL;
	expect_copy_fault("claim");
	copy.caps |= PALLOC_CAP_HART;
	copy.drain = NULL;
	expect_copy_fault("drain");
	copy.caps &= ~(uint32_t)PALLOC_CAP_FREE;
	copy.caps |= PALLOC_CAP_SUBFREE;
	expect_copy_fault("caps");
}

static void an_overlay_s_mistakes_are_named_too(void **state)
{
	(void)state;
	const struct palloc_ops *cma = palloc_find("cma");
	struct palloc_overlay_ops half;
	struct palloc_fault fault;
	char names[64];
	if (!FPG_ENABLED(CONFIG_CMA)) {
		print_message("# skip: no CMA in this build\n");
		skip();
	}
	assert_non_null(cma);
	assert_true(cma->caps & PALLOC_CAP_OVERLAY);
	assert_int_equal(palloc_registry_validate(palloc_overlay_table, &fault), 0);
	/* It is found by name, and is not one of those to choose from. */
	assert_null(strstr(palloc_names(names, sizeof(names)), "cma"));
	/* Each of its functions has to be there. */
	for (size_t i = 0; i < sizeof(half) / sizeof(void (*)(void)); i++) {
		half = *cma->overlay;
		memset((char *)&half + i * sizeof(void (*)(void)), 0, sizeof(void (*)(void)));
		copy = *cma;
		copy.overlay = &half;
		expect_copy_fault("overlay");
	}
	copy = *cma;
	copy.overlay = NULL;
	expect_copy_fault("overlay");
	copy = *cma;
	copy.name = "other";
	copy.caps &= ~(uint32_t)PALLOC_CAP_OVERLAY;
	expect_copy_fault("overlay");
	copy = *palloc_table[0];
	copy.caps |= PALLOC_CAP_OVERLAY;
	expect_copy_fault("overlay");
}

static void a_name_used_twice_is_refused(void **state)
{
	(void)state;
	copy = *palloc_table[0];
	const struct palloc_ops *const table[] = { palloc_table[0], &copy, NULL };
	expect_fault(table, palloc_table[0]->name, "name");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(this_build_s_backends_are_sound_and_found),
		cmocka_unit_test(each_mistake_is_named_with_its_field),
		cmocka_unit_test(an_overlay_s_mistakes_are_named_too),
		cmocka_unit_test(a_name_used_twice_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
