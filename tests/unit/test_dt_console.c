/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that the console's UART is found as the bindings say, by path and alias, wherever /chosen stands, behind buses
 * that translate addresses; that what cannot be right is named by node, property and value; and that the boot then
 * stays on the firmware's console, and says what it does.
 */
#include "dtb_build.h"

#include "platform/boot/boot.h"
#include "platform/host/host.h"

#include "fpg/base/out.h"
#include "fpg/core/boot_memory.h"
#include "fpg/core/devicetree.h"

#include <errno.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct boot_memory bm;
static struct dt_facts *const facts = &bm.facts;
static struct port_console uart;

/** What a tree says of the console; NULL and 0: nothing. */
struct tree {
	const char *stdout_path;
	const char *alias;
	/** /chosen and /aliases stand after the devices. */
	bool late;
	const char *compatible;
	const char *status, *soc_status;
	bool no_reg, no_soc_ranges, big_endian, native_endian;
	uint64_t base, size;
	/** UINT32_MAX: 0 */
	uint32_t shift, width, offset;
	/** An odd length for reg-shift. */
	bool odd_shift;
};

static void add_chosen(const struct tree *t)
{
	dtb_node("chosen");
	if (t->stdout_path != NULL) {
		dtb_string("stdout-path", t->stdout_path);
	}
	dtb_end();
	dtb_node("aliases");
	if (t->alias != NULL) {
		dtb_string("serial0", t->alias);
	}
	dtb_end();
}

static void add_number(const char *name, uint32_t value)
{
	if (value != 0) {
		dtb_u32(name, value == UINT32_MAX ? 0 : value);
	}
}

static void add_serial(const struct tree *t)
{
	dtb_node("serial@1000");
	dtb_string("compatible", t->compatible != NULL ? t->compatible : "ns16550a");
	if (!t->no_reg) {
		dtb_cells("reg", (uint32_t)t->base, (uint32_t)t->size);
	}
	if (t->status != NULL) {
		dtb_string("status", t->status);
	}
	if (t->odd_shift) {
		dtb_bytes("reg-shift", "abc", 3);
	}
	add_number("reg-shift", t->shift);
	add_number("reg-io-width", t->width);
	add_number("reg-offset", t->offset);
	if (t->big_endian) {
		dtb_empty("big-endian");
	}
	if (t->native_endian) {
		dtb_empty("native-endian");
	}
	dtb_end();
}

/** The serial node on a bus of 32-bit addresses, which lies on another; 0x1000 there is 0x10_4000_1000 for the CPU. */
static const void *make(const struct tree *t)
{
	warnings_start();
	dtb_start();
	dtb_root(2, 2);
	if (!t->late) {
		add_chosen(t);
	}
	dtb_memory(0x80000000, SZ_1G);
	dtb_node("soc");
	dtb_u32("#address-cells", 2);
	dtb_u32("#size-cells", 1);
	if (t->soc_status != NULL) {
		dtb_string("status", t->soc_status);
	}
	if (!t->no_soc_ranges) {
		dtb_cells("ranges", 0, 0x40000000, 0x10, 0x40000000, 0x01000000, 0, 0x50000000, 0,
			  0x80000000, 0x1000);
	}
	dtb_node("serial@1000");
	dtb_end();
	dtb_node("bus@40000000");
	dtb_u32("#address-cells", 1);
	dtb_u32("#size-cells", 1);
	dtb_cells("ranges", 0, 0, 0x40000000, 0x100000, 0x200000, 0, 0x50000000, 0x1000);
	add_serial(t);
	dtb_end();
	dtb_end();
	dtb_node("uart");
	dtb_string("compatible", "sifive,uart0");
	dtb_u64s("reg", 0x10010000, 0x1000);
	dtb_end();
	if (t->late) {
		add_chosen(t);
	}
	return dtb_finish();
}

static void collect(const struct tree *t)
{
	struct dt_error err;
	const void *blob = make(t);
	assert_int_equal(dt_check_blob(blob, fdt_totalsize(blob), &err), 0);
	assert_int_equal(dt_collect(facts, blob), 0);
	assert_int_equal(warnings_count(), 0);
}

static int look(const struct tree *t)
{
	collect(t);
	return dt_console(facts, &uart);
}

#define PATH	"/soc/bus@40000000/serial@1000"
#define CORRECT .stdout_path = PATH, .base = 0x1000, .size = 0x100

static void assert_found(const struct tree *t)
{
	assert_int_equal(look(t), 0);
	assert_int_equal(warnings_count(), 0);
	assert_true(uart.base == 0x1040001000);
	assert_true(uart.bytes == 0x100);
}

/* ---- which node ---- */

static void the_node_is_found_by_path_and_alias_wherever_chosen_stands(void **state)
{
	static const struct {
		const char *path, *alias;
	} ways[] = {
		{ PATH, NULL },
		{ PATH ":115200n8", NULL },
		{ "/soc/bus/serial", NULL },
		{ "//soc//bus@40000000/serial@1000", NULL },
		{ "serial0", PATH },
		{ "serial0:115200n8", PATH },
		{ "serial0/serial@1000:9600", "/soc/bus@40000000" },
	};
	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(ways); i++) {
		struct tree t = { CORRECT, .late = i & 1 };
		t.stdout_path = ways[i / 2].path;
		t.alias = ways[i / 2].alias;
		assert_found(&t);
		assert_int_equal(dt_stdout_node(facts), facts->console.node[2]);
		assert_string_equal(uart.compatible, "ns16550a");
		assert_int_equal(uart.reg_shift, 0);
		assert_int_equal(uart.reg_io_width, 1);
		assert_false(uart.big_endian);
	}
	struct tree t = { .stdout_path = "/uart" };
	assert_int_equal(look(&t), 0);
	assert_true(uart.base == 0x10010000);
}

static void a_path_to_nowhere_is_named(void **state)
{
	static const char *const paths[] = { "/soc/serial@2000",
					     "/soc/bus@40000000/serial@10",
					     "serial0",
					     "serial1:115200",
					     "/",
					     ":115200",
					     "/soc/bus/serial/x" };
	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(paths); i++) {
		struct tree t = { CORRECT, .late = i & 1 };
		t.stdout_path = paths[i / 2];
		assert_int_equal(look(&t), -ENOENT);
		assert_int_equal(warnings_count(), 1);
		assert_true(warned_of("/chosen: stdout-path"));
		assert_true(warned_of(paths[i / 2]));
	}
	/* An alias that is no path. */
	struct tree t = { CORRECT, .alias = "serial0" };
	t.stdout_path = "serial0";
	assert_int_equal(look(&t), -ENOENT);
}

static void no_stdout_path_is_nothing_to_warn_of(void **state)
{
	(void)state;
	struct tree t = { .stdout_path = NULL };
	assert_int_equal(look(&t), -ENOENT);
	t.stdout_path = "";
	assert_int_equal(look(&t), -ENOENT);
	assert_int_equal(warnings_count(), 0);
}

static void nothing_is_asked_of_a_node_without_driver(void **state)
{
	(void)state;
	/* Spike's HTIF has no reg at all. */
	struct tree t = { .stdout_path = PATH, .compatible = "ucb,htif0", .no_reg = true };
	assert_int_equal(look(&t), -ENOTSUP);
	assert_int_equal(warnings_count(), 0);
}

/* ---- its registers ---- */

static void layouts_of_registers_are_read(void **state)
{
	(void)state;
	for (uint32_t shift = 0; shift <= 8; shift++) {
		for (uint32_t width = 1; width <= 4 && width <= 1U << shift; width *= 2) {
			struct tree t = { CORRECT, .compatible = "snps,dw-apb-uart" };
			t.shift = shift == 0 ? UINT32_MAX : shift;
			t.width = width;
			t.big_endian = shift & 1;
			t.native_endian = !(shift & 1);
			assert_found(&t);
			assert_int_equal(uart.reg_shift, shift);
			assert_int_equal(uart.reg_io_width, width);
			assert_true(uart.big_endian == (shift & 1));
		}
	}
}

static void reg_offset_moves_the_registers_within_reg(void **state)
{
	(void)state;
	struct tree t = { CORRECT, .offset = 0x40 };
	assert_int_equal(look(&t), 0);
	assert_true(uart.base == 0x1040001040);
	assert_true(uart.bytes == 0xc0);
}

static void what_cannot_be_right_is_named(void **state)
{
	static const struct {
		struct tree tree;
		const char *says;
	} wrong[] = {
		{ { CORRECT, .status = "disabled" }, "its status, or a parent's, is not okay" },
		{ { CORRECT, .soc_status = "disabled" }, "its status, or a parent's, is not okay" },
		{ { CORRECT, .no_reg = true }, "no reg with an address and a size" },
		{ { CORRECT, .no_soc_ranges = true }, "reg 0x1000+0x100 is no address of the CPU" },
		{ { .stdout_path = PATH, .base = 0xff000, .size = 0x2000 },
		  "reg 0xff000+0x2000 is no address of the CPU" },
		{ { .stdout_path = PATH, .base = 0x200000, .size = 0x100 },
		  "reg 0x80000000+0x100 lies in RAM at 0x80000000" },
		{ { CORRECT, .width = 3, .shift = 2 }, "reg-io-width 3 is not 1, 2 or 4" },
		{ { CORRECT, .width = 8, .shift = 3 }, "reg-io-width 8 is not 1, 2 or 4" },
		{ { CORRECT, .width = UINT32_MAX }, "reg-io-width 0 is not 1, 2 or 4" },
		{ { CORRECT, .width = 4, .shift = 1 },
		  "registers of reg-io-width 4 overlap with reg-shift 1" },
		{ { CORRECT, .shift = 32 }, "reg-shift 32 makes no sense" },
		{ { CORRECT, .odd_shift = true }, "reg-shift of 3 bytes is no number" },
		{ { CORRECT, .offset = 0x101 }, "reg-offset 257 makes no sense" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(look(&wrong[i].tree), -EINVAL);
		assert_int_equal(warnings_count(), 1);
		assert_true(warned_of(PATH ": "));
		assert_true(warned_of(wrong[i].says));
	}
}

static void a_console_deeper_than_the_limit_is_named(void **state)
{
	char path[128] = "";
	(void)state;
	for (int depth = DT_CONSOLE_DEPTH; depth <= DT_CONSOLE_DEPTH + 1; depth++) {
		warnings_start();
		dtb_start();
		dtb_root(2, 2);
		for (int i = 0; i < depth; i++) {
			char name[8];
			snprintf(name, sizeof(name), "n%d", i);
			dtb_node(name);
			dtb_u32("#address-cells", 2);
			dtb_u32("#size-cells", 2);
			dtb_empty("ranges");
			snprintf(path + 3 * (size_t)i, sizeof(path) - 3 * (size_t)i, "/n%d", i);
		}
		dtb_string("compatible", "ns16550a");
		dtb_u64s("reg", 0x1000, 0x100);
		for (int i = 0; i < depth; i++) {
			dtb_end();
		}
		dtb_node("chosen");
		dtb_string("stdout-path", path);
		dtb_end();
		assert_int_equal(dt_collect(facts, dtb_finish()), 0);
		bool fits = depth == DT_CONSOLE_DEPTH;
		assert_int_equal(dt_console(facts, &uart), fits ? 0 : -ENOENT);
		assert_int_equal(warnings_count(), fits ? 0 : 1);
	}
}

/* ---- what the boot makes of it ---- */

static char said[2048];

static void boot_console(const struct tree *t, const char *bootargs, int answer)
{
	struct out_buffer text;
	collect(t);
	bootargs_read(&bm.args, bootargs);
	host_set_console_answer(answer);
	out_buffer_init(&text, said, sizeof(said));
	log_set_sink(&text.out);
	boot_set_console(&bm);
	log_set_sink(NULL);
	host_set_console_answer(0);
}

static void the_boot_says_which_console_it_uses(void **state)
{
	struct tree t = { CORRECT };
	(void)state;
	boot_console(&t, NULL, 0);
	assert_true(host_console()->base == 0x1040001000);
	assert_non_null(strstr(said, "boot: console: host (" PATH ")\n"));
	assert_int_equal(warnings_count(), 0);
	t.compatible = "ucb,htif0";
	boot_console(&t, "console=auto", 0);
	assert_non_null(strstr(said, "boot: console: host (" PATH ": no driver)\n"));
	assert_int_equal(warnings_count(), 0);
}

static void console_sbi_leaves_the_uart_alone(void **state)
{
	static const struct tree here = { CORRECT };
	struct tree there = { .stdout_path = "/uart" };
	(void)state;
	boot_console(&there, NULL, 0);
	assert_true(host_console()->base == 0x10010000);
	boot_console(&here, "console=sbi", 0);
	assert_true(host_console()->base == 0x10010000);
	assert_non_null(strstr(said, "boot: console: host (console=sbi)\n"));
}

static void a_uart_that_fails_is_named_and_not_used(void **state)
{
	static const struct {
		int err;
		const char *says;
	} answers[] = {
		{ -EINVAL, "do not fit its reg" },
		{ -ENOMEM, "cannot be mapped" },
		{ -EFAULT, "trapped" },
		{ -ENODEV, "nothing answers there" },
		{ -EIO, "the firmware did not set it up" },
		{ -ETIMEDOUT, "takes no characters" },
	};
	static const struct tree t = { CORRECT };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		boot_console(&t, NULL, answers[i].err);
		assert_int_equal(warnings_count(), 1);
		assert_true(warned_of("stdout-path " PATH ", registers at 0x1040001000: "));
		assert_true(warned_of(answers[i].says));
		assert_non_null(strstr(said, "boot: console: host\n"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_node_is_found_by_path_and_alias_wherever_chosen_stands),
		cmocka_unit_test(a_path_to_nowhere_is_named),
		cmocka_unit_test(no_stdout_path_is_nothing_to_warn_of),
		cmocka_unit_test(nothing_is_asked_of_a_node_without_driver),
		cmocka_unit_test(layouts_of_registers_are_read),
		cmocka_unit_test(reg_offset_moves_the_registers_within_reg),
		cmocka_unit_test(what_cannot_be_right_is_named),
		cmocka_unit_test(a_console_deeper_than_the_limit_is_named),
		cmocka_unit_test(the_boot_says_which_console_it_uses),
		cmocka_unit_test(console_sbi_leaves_the_uart_alone),
		cmocka_unit_test(a_uart_that_fails_is_named_and_not_used),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
