/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves, against UARTs played register by register, that the console reads and writes each kind in every layout that a
 * device tree can give it, leaves alone what the firmware set up, and never waits for ever: not for a device that is
 * absent, forbidden, silent or stuck, nor for a hart that will not come back.
 */
#include "uart_fake.h"

#include <pthread.h>

static void assert_sent(const char *text)
{
	assert_int_equal(fake.sent_bytes, strlen(text));
	assert_memory_equal(fake.sent, text, strlen(text));
}

static void assert_firmware_said(const char *text)
{
	assert_int_equal(fake.firmware_bytes, strlen(text));
	assert_memory_equal(fake.firmware, text, strlen(text));
}

/* ---- layouts ---- */

static void check_layout(enum fake_kind kind, unsigned int shift, unsigned int width,
			 bool big_endian)
{
	fake_start(kind, shift, width, big_endian);
	say("early\n");
	assert_int_equal(fake_choose(), 0);
	say("hi\n");
	fake_type('x', 0);
	fake_type(0xff, 0);
	assert_int_equal(port_console_read(), 'x');
	assert_int_equal(port_console_read(), 0xff);
	assert_int_equal(port_console_read(), -1);
	assert_sent("hi\r\n");
	assert_firmware_said("early\n");
	assert_int_equal(fake.wrong, 0);
	assert_int_equal(fake.lcr_writes, 0);
	assert_int_equal(fake.maps, 1);
	assert_true(fake.mapped_bytes <= 4096);
}

static void every_layout_of_registers_is_read_and_written(void **state)
{
	unsigned int layouts = 0;
	(void)state;
	for (unsigned int shift = 0; shift <= 6; shift++) {
		for (unsigned int width = 1; width <= 4 && width <= 1U << shift; width *= 2) {
			for (int i = 0; i < 4; i++) {
				check_layout(i & 1 ? FAKE_8250 : FAKE_DW_APB, shift, width, i & 2);
				layouts++;
			}
		}
	}
	assert_int_equal(layouts, 4 * (1 + 2 + 5 * 3));
	check_layout(FAKE_SIFIVE, 2, 4, false);
}

static void layouts_that_cannot_be_are_refused_untouched(void **state)
{
	static const struct {
		uint64_t base_more, bytes;
		unsigned int shift, width;
	} wrong[] = {
		{ 0, 0x100, 0, 2 },
		{ 0, 0x100, 1, 4 },
		{ 0, 0x100, 2, 3 },
		{ 0, 0x100, 2, 0 },
		{ 0, 0x100, 2, 8 },
		{ 2, 0x100, 2, 4 },
		{ 0, 5, 0, 1 },
		{ 0, 0x17, 2, 4 },
		{ 0, 0x100, 31, 4 },
		{ 0, 0x100, 40, 4 },
		{ 0, 0, 0, 1 },
		{ UINT64_MAX - FAKE_BASE - 0xff, 0x1000, 0, 1 },
		{ (uint64_t)-FAKE_BASE, 0x100, 0, 1 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		fake_start(FAKE_8250, 0, 1, false);
		struct port_console how = fake_description();
		how.base += wrong[i].base_more;
		how.bytes = wrong[i].bytes;
		how.reg_shift = (uint8_t)wrong[i].shift;
		how.reg_io_width = (uint8_t)wrong[i].width;
		assert_int_equal(port_set_console(&how), -EINVAL);
		assert_int_equal(fake.maps + fake.accesses, 0);
		assert_string_equal(port_console_name(), "sbi dbcn");
	}
	fake_start(FAKE_SIFIVE, 2, 4, false);
	struct port_console how = fake_description();
	how.base += 2;
	assert_int_equal(port_set_console(&how), -EINVAL);
	assert_int_equal(fake.maps + fake.accesses, 0);
}

static void the_smallest_reg_that_holds_the_registers_is_enough(void **state)
{
	(void)state;
	fake_start(FAKE_DW_APB, 2, 4, false);
	struct port_console how = fake_description();
	/* LSR ends there; the status register, which is far up, is not asked then. */
	how.bytes = 0x18;
	assert_int_equal(port_set_console(&how), 0);
	assert_int_equal(fake.mapped_bytes, 0x18);
	say("x");
	assert_sent("x");
	assert_int_equal(fake.wrong, 0);
}

/* ---- which driver ---- */

static void the_first_compatible_that_is_known_decides(void **state)
{
	static const char list[] = "vendor,uart\0starfive,jh7110-uart\0ns16550a";
	static const char unknown[] = "ucb,htif0\0ns16550b";
	(void)state;
	fake_start(FAKE_DW_APB, 2, 4, false);
	struct port_console how = fake_description();
	how.compatible = list;
	how.compatible_bytes = sizeof(list);
	assert_string_equal(port_console_driver(list, sizeof(list)), "starfive,jh7110-uart");
	assert_int_equal(port_set_console(&how), 0);
	assert_string_equal(port_console_name(), "starfive,jh7110-uart at 0x10000000");
	fake_start(FAKE_8250, 0, 1, false);
	how.compatible = unknown;
	how.compatible_bytes = sizeof(unknown);
	assert_null(port_console_driver(unknown, sizeof(unknown)));
	assert_int_equal(port_set_console(&how), -ENOTSUP);
	assert_int_equal(fake.maps, 0);
}

/* ---- devices that are not as they should be ---- */

static void assert_refused(int err)
{
	assert_int_equal(fake_choose(), err);
	assert_false(uart_console_active());
	assert_string_equal(port_console_name(), "sbi dbcn");
	assert_int_equal(port_console_read(), 'F');
	say("still here\n");
	assert_firmware_said("still here\n");
	assert_int_equal(fake.sent_bytes, 0);
}

static void an_absent_device_is_refused(void **state)
{
	(void)state;
	fake_start(FAKE_NOTHING, 0, 1, false);
	assert_refused(-ENODEV);
	fake_start(FAKE_SIFIVE, 2, 4, false);
	fake.txctrl = UINT32_MAX;
	assert_refused(-ENODEV);
}

static void a_device_that_traps_is_refused(void **state)
{
	(void)state;
	fake_start(FAKE_FORBIDDEN, 0, 1, false);
	assert_refused(-EFAULT);
	assert_int_equal(fake.accesses, 1);
}

static void what_cannot_be_mapped_is_refused(void **state)
{
	(void)state;
	fake_start(FAKE_8250, 0, 1, false);
	fake.no_map = true;
	assert_refused(-ENOMEM);
}

static void a_transmitter_that_is_off_is_refused(void **state)
{
	(void)state;
	fake_start(FAKE_SIFIVE, 2, 4, false);
	fake.txctrl = 0x30000;
	assert_refused(-EIO);
}

static void a_device_that_is_never_ready_is_refused(void **state)
{
	(void)state;
	for (int kind = FAKE_8250; kind <= FAKE_SIFIVE; kind++) {
		fake_start((enum fake_kind)kind, 2, 4, false);
		fake.stuck_after = 0;
		assert_refused(-ETIMEDOUT);
	}
}

static void a_slow_device_gets_every_character_in_order(void **state)
{
	static const char text[] = "the quick brown fox, one by one";
	(void)state;
	for (int kind = FAKE_8250; kind <= FAKE_SIFIVE; kind++) {
		fake_start((enum fake_kind)kind, 2, 4, false);
		fake.slow = 20000;
		assert_int_equal(fake_choose(), 0);
		say(text);
		assert_sent(text);
		assert_int_equal(fake.wrong, 0);
		assert_int_equal(fake.firmware_bytes, 0);
	}
}

static void a_device_that_gets_stuck_is_given_up_with_one_line(void **state)
{
	(void)state;
	for (int kind = FAKE_8250; kind <= FAKE_SIFIVE; kind++) {
		fake_start((enum fake_kind)kind, 2, 4, false);
		assert_int_equal(fake_choose(), 0);
		fake.stuck_after = 4;
		say("abcdef\n");
		assert_sent("abcd");
		/* It works again, but nobody believes it any more. */
		fake.stuck_after = -1;
		say("ghi\n");
		assert_sent("abcd");
		assert_firmware_said("\nfirstpage: the console's UART takes no more characters; "
				     "the firmware's console is used from here on\nef\nghi\n");
		assert_string_equal(port_console_name(), "sbi dbcn");
		assert_int_equal(port_console_read(), 'F');
	}
}

/* ---- the divisor latch, and the DesignWare part ---- */

static void an_open_divisor_latch_is_closed_and_the_format_kept(void **state)
{
	(void)state;
	for (int kind = FAKE_8250; kind <= FAKE_DW_APB; kind++) {
		fake_start((enum fake_kind)kind, 2, 4, true);
		fake.lcr = 0x9b;
		assert_int_equal(fake_choose(), 0);
		say("x");
		assert_int_equal(fake.lcr, 0x1b);
		assert_int_equal(fake.lcr_writes, 1);
		assert_int_equal(fake.latch_writes, 0);
		assert_sent("x");
	}
}

static void a_latch_that_stays_open_is_refused(void **state)
{
	(void)state;
	fake_start(FAKE_8250, 0, 1, false);
	fake.lcr = 0x83;
	fake.dlab_sticks = true;
	assert_refused(-EIO);
	assert_int_equal(fake.latch_writes, 0);
}

static void a_busy_part_is_written_when_it_says_idle(void **state)
{
	(void)state;
	fake_start(FAKE_DW_APB, 2, 4, false);
	fake.lcr = 0x83;
	fake.busy = 5000;
	assert_int_equal(fake_choose(), 0);
	assert_int_equal(fake.lcr_ignored, 0);
	assert_int_equal(fake.lcr_writes, 1);
	assert_int_equal(fake.lcr, 0x03);
}

static void a_part_that_is_busy_for_ever_is_refused(void **state)
{
	(void)state;
	fake_start(FAKE_DW_APB, 2, 4, false);
	fake.lcr = 0x83;
	fake.busy = UINT32_MAX;
	assert_refused(-EIO);
	assert_int_equal(fake.lcr_writes, 0);
}

static void a_busy_part_without_status_register_is_written_again(void **state)
{
	(void)state;
	fake_start(FAKE_DW_APB, 2, 4, false);
	fake.lcr = 0x83;
	fake.busy = 50;
	struct port_console how = fake_description();
	how.bytes = 0x20;
	assert_int_equal(port_set_console(&how), 0);
	assert_int_equal(fake.lcr_ignored, 50);
	assert_int_equal(fake.lcr, 0x03);
	assert_int_equal(fake.wrong, 0);
}

/* ---- input ---- */

static void a_break_or_a_damaged_character_is_no_input(void **state)
{
	static const uint8_t damage[] = { LSR_BI | LSR_FE, LSR_FE, LSR_PE, LSR_BI };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
		fake_start(FAKE_8250, 0, 1, false);
		assert_int_equal(fake_choose(), 0);
		fake_type('a', 0);
		fake_type(i == 0 ? 0 : 'b', damage[i]);
		fake_type('c', 0);
		assert_int_equal(port_console_read(), 'a');
		/* Writing looks at the line status, too, which makes the device forget. */
		if (i & 1) {
			say("output between");
		}
		assert_int_equal(port_console_read(), -1);
		assert_int_equal(port_console_read(), 'c');
		assert_int_equal(port_console_read(), -1);
	}
}

static void what_came_before_an_overrun_is_input(void **state)
{
	(void)state;
	fake_start(FAKE_8250, 0, 1, false);
	assert_int_equal(fake_choose(), 0);
	fake_type('a', 0x02);
	assert_int_equal(port_console_read(), 'a');
}

/* ---- several harts, and traps ---- */

static void nest(void)
{
	if (fake.sent_bytes == 3) {
		say("[trap]");
		assert_int_equal(port_console_read(), -1);
	}
}

static void a_trap_in_the_middle_of_a_write_gets_its_text_out(void **state)
{
	(void)state;
	fake_start(FAKE_8250, 0, 1, false);
	assert_int_equal(fake_choose(), 0);
	fake.sent_hook = nest;
	fake_type('z', 0);
	say("abcdef");
	assert_sent("abc[trap]def");
	assert_int_equal(port_console_read(), 'z');
}

static void trap_again(void)
{
	static const char *const words[] = { "panic\n", "panic inside a panic\n" };
	if (fake.sent_bytes <= ARRAY_SIZE(words)) {
		say(words[fake.sent_bytes - 1]);
	}
}

static void a_device_that_traps_in_a_panic_is_given_up(void **state)
{
	(void)state;
	fake_start(FAKE_8250, 0, 1, false);
	assert_int_equal(fake_choose(), 0);
	fake.sent_hook = trap_again;
	say("x");
	assert_sent("xp");
	assert_non_null(strstr(fake.firmware, "panic inside a panic\n"));
	assert_false(uart_console_active());
}

static void a_hart_that_never_comes_back_blocks_nobody_for_long(void **state)
{
	(void)state;
	fake_start(FAKE_8250, 0, 1, false);
	assert_int_equal(fake_choose(), 0);
	console.owner = 7;
	assert_int_equal(port_console_read(), -1);
	say("panic: ");
	say("over");
	assert_sent("panic: over");
	/* Taken away for good: nobody waits a second time. */
	assert_int_equal(console.owner, 0);
}

#define WRITERS 4
#define LINES	200

static void *write_lines(void *arg)
{
	char line[] = "?????????????????????????????????\n";
	port_hart_head()->index = *(const unsigned int *)arg;
	memset(line, 'a' + (int)port_hart_index(), sizeof(line) - 2);
	for (int i = 0; i < LINES; i++) {
		say(line);
	}
	return NULL;
}

static void lines_of_several_harts_do_not_mix(void **state)
{
	pthread_t thread[WRITERS];
	unsigned int index[WRITERS];
	(void)state;
	fake_start(FAKE_8250, 0, 1, false);
	assert_int_equal(fake_choose(), 0);
	for (unsigned int i = 0; i < WRITERS; i++) {
		index[i] = i;
		assert_int_equal(pthread_create(&thread[i], NULL, write_lines, &index[i]), 0);
	}
	for (unsigned int i = 0; i < WRITERS; i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	}
	assert_int_equal(fake.sent_bytes, WRITERS * LINES * 35);
	for (size_t at = 0; at < fake.sent_bytes; at += 35) {
		for (size_t i = 1; i < 33; i++) {
			assert_int_equal(fake.sent[at + i], fake.sent[at]);
		}
		assert_memory_equal(fake.sent + at + 33, "\r\n", 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_layout_of_registers_is_read_and_written),
		cmocka_unit_test(layouts_that_cannot_be_are_refused_untouched),
		cmocka_unit_test(the_smallest_reg_that_holds_the_registers_is_enough),
		cmocka_unit_test(the_first_compatible_that_is_known_decides),
		cmocka_unit_test(an_absent_device_is_refused),
		cmocka_unit_test(a_device_that_traps_is_refused),
		cmocka_unit_test(what_cannot_be_mapped_is_refused),
		cmocka_unit_test(a_transmitter_that_is_off_is_refused),
		cmocka_unit_test(a_device_that_is_never_ready_is_refused),
		cmocka_unit_test(a_slow_device_gets_every_character_in_order),
		cmocka_unit_test(a_device_that_gets_stuck_is_given_up_with_one_line),
		cmocka_unit_test(an_open_divisor_latch_is_closed_and_the_format_kept),
		cmocka_unit_test(a_latch_that_stays_open_is_refused),
		cmocka_unit_test(a_busy_part_is_written_when_it_says_idle),
		cmocka_unit_test(a_part_that_is_busy_for_ever_is_refused),
		cmocka_unit_test(a_busy_part_without_status_register_is_written_again),
		cmocka_unit_test(a_break_or_a_damaged_character_is_no_input),
		cmocka_unit_test(what_came_before_an_overrun_is_input),
		cmocka_unit_test(a_trap_in_the_middle_of_a_write_gets_its_text_out),
		cmocka_unit_test(a_device_that_traps_in_a_panic_is_given_up),
		cmocka_unit_test(a_hart_that_never_comes_back_blocks_nobody_for_long),
		cmocka_unit_test(lines_of_several_harts_do_not_mix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
