/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vmalloc window on the machine: what is written through it is read back, what lies beside it or is given back
 * faults with the right cause on every hart, and registers of devices are reached through ioremap.
 */
#include "protect.h"
#include "smp.h"

#include "fpg/core/devicetree.h"
#include "fpg/core/log.h"
#include "fpg/core/page_alloc.h"
#include "fpg/monitor/command.h"
#include "fpg/pagetable/kernel_map.h"
#include "fpg/pagetable/vmalloc.h"
#include "monitor/commands.h"

#include <libfdt.h>
#include <string.h>

static uint64_t at(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static uint64_t pattern(uint64_t i)
{
	return (i + 1) * 0x9e3779b97f4a7c15ULL;
}

/* ---- vmalloc -------------------------------------------------------------------------------------------------- */

static int what_is_written_through_vmalloc_is_read_back(struct out *out)
{
	enum {
		WORDS = 300 * 4096 / 8
	};
	uint64_t free_pages = page_alloc_free_pages();
	for (int round = 0; round < 3; round++) {
		uint64_t *p = round == 2 ? vzalloc(WORDS * 8) : vmalloc(WORDS * 8);
		KTAP_EXPECT(out, p != NULL);
		uint64_t wrong = 0;
		for (uint64_t i = 0; i < WORDS; i++) {
			wrong += round == 2 && p[i] != 0;
			p[i] = pattern(i + (uint64_t)round);
		}
		for (uint64_t i = 0; i < WORDS; i++) {
			wrong += p[i] != pattern(i + (uint64_t)round);
		}
		vfree(p);
		KTAP_EXPECT(out, wrong == 0);
	}
	vmalloc_drain();
	/* Records of pages handed out for the first time may have taken some. */
	KTAP_EXPECT(out, page_alloc_free_pages() + 64 >= free_pages);
	return 0;
}

static int guards_of_an_area_fault(struct out *out)
{
	char *a = vmalloc(2 * PAGE_SIZE);
	char *b = vmalloc(PAGE_SIZE);
	KTAP_EXPECT(out, a != NULL && b != NULL);
	int bad = expect_works(out, do_write, at(a)) ||
		  expect_works(out, do_write, at(a) + 2 * PAGE_SIZE - 1) ||
		  expect_fault(out, do_read, at(a) - 1, TRAP_LOAD_PAGE_FAULT) ||
		  expect_fault(out, do_write, at(a) - 1, TRAP_STORE_PAGE_FAULT) ||
		  expect_fault(out, do_read, at(a) + 2 * PAGE_SIZE, TRAP_LOAD_PAGE_FAULT) ||
		  expect_fault(out, do_write, at(a) + 2 * PAGE_SIZE, TRAP_STORE_PAGE_FAULT) ||
		  expect_fault(out, do_write, at(b) - 1, TRAP_STORE_PAGE_FAULT) ||
		  expect_fault(out, do_execute, at(a), TRAP_INSN_PAGE_FAULT);
	vfree(a);
	vfree(b);
	return bad;
}

static int what_was_given_back_faults(struct out *out)
{
	char *a = vmalloc(3 * PAGE_SIZE);
	KTAP_EXPECT(out, a != NULL);
	memset(a, 1, 3 * PAGE_SIZE);
	vfree(a);
	return expect_nothing(out, at(a)) || expect_nothing(out, at(a) + 2 * PAGE_SIZE);
}

static int a_stack_has_guards(struct out *out)
{
	char *low = vmalloc_stack(16384);
	KTAP_EXPECT(out, low != NULL);
	int bad = expect_works(out, do_write, at(low)) ||
		  expect_works(out, do_write, at(low) + 16383) ||
		  expect_fault(out, do_write, at(low) - 8, TRAP_STORE_PAGE_FAULT) ||
		  expect_fault(out, do_write, at(low) + 16384, TRAP_STORE_PAGE_FAULT);
	vmalloc_stack_free(low);
	return bad;
}

/* ---- several harts -------------------------------------------------------------------------------------------- */

/*
 * Harts that have nothing to do sleep here: on a simulator with fewer processors than harts, those that spin would keep
 * the firmware's fences waiting.
 */
static struct {
	char *area;
	uint64_t expected;
} shared;

static int read_shared(void *arg)
{
	(void)arg;
	return *(volatile uint64_t *)shared.area == shared.expected ? 0 : -EIO;
}

static int fault_on_shared(void *arg)
{
	struct access a = { .address = at(shared.area) };
	uint64_t cause = 0;
	(void)arg;
	return trap_expect(do_read, &a, &cause, NULL) == -EFAULT && cause == TRAP_LOAD_PAGE_FAULT ?
		       0 :
		       -EIO;
}

static int an_area_comes_and_goes_for_all_harts_at_once(struct out *out)
{
	enum {
		ROUNDS = 100
	};
	for (uint64_t round = 0; round < ROUNDS; round++) {
		shared.area = vmalloc(PAGE_SIZE);
		KTAP_EXPECT(out, shared.area != NULL);
		shared.expected = pattern(round);
		*(uint64_t *)shared.area = shared.expected;
		int read = hart_run_mask(harts_online(), "vmalloc test", read_shared, NULL, NULL);
		vfree(shared.area);
		int faults =
			hart_run_mask(harts_online(), "vmalloc test", fault_on_shared, NULL, NULL);
		KTAP_EXPECT(out, read == 0);
		KTAP_EXPECT(out, faults == 0);
	}
	return 0;
}

/** Areas of random sizes, four at a time; each keeps what was written to it. */
static int churn_once(uint64_t *state)
{
	uint64_t words[4];
	uint64_t *areas[4];
	int err = 0;
	for (unsigned int i = 0; i < 4; i++) {
		*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
		words[i] = ((*state >> 40) % 9 + 1) * PAGE_SIZE / 8;
		areas[i] = vmalloc(words[i] * 8);
		for (uint64_t w = 0; areas[i] != NULL && w < words[i]; w += 64) {
			areas[i][w] = at(areas[i]) ^ w;
		}
	}
	for (unsigned int i = 0; i < 4; i++) {
		for (uint64_t w = 0; areas[i] != NULL && w < words[i]; w += 64) {
			err = areas[i][w] == (at(areas[i]) ^ w) ? err : -EIO;
		}
		vfree(areas[i]);
	}
	return err;
}

static int churn(void *arg)
{
	uint64_t state = (uint64_t)hart_index() + 1;
	const uint64_t *end = arg;
	int err = 0;
	for (int step = 0; err == 0 && (step < 3 || port_time_ticks() < *end); step++) {
		err = churn_once(&state);
	}
	return err;
}

static bool count_area(void *ctx, const struct vm_area_info *area)
{
	(void)area;
	(*(unsigned int *)ctx)++;
	return true;
}

/** This hart and another one for half a second. */
static int two_harts_use_the_window_side_by_side(struct out *out)
{
	hart_mask_t two = hart_mask_of(hart_index()) | (others() & (0 - others()));
	uint64_t end = port_time_ticks() + log_timebase() / 2;
	unsigned int before = 0;
	unsigned int after = 0;
	vmalloc_for_each(count_area, &before);
	KTAP_EXPECT(out, hart_run_mask(two, "vmalloc churn", churn, &end, NULL) == 0);
	vmalloc_for_each(count_area, &after);
	KTAP_EXPECT(out, before == after);
	return 0;
}

/* ---- vmap ----------------------------------------------------------------------------------------------------- */

static int two_mappings_show_one_page(struct out *out)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	struct page *twice[] = { page, page };
	KTAP_EXPECT(out, page != NULL);
	volatile uint64_t *rw = vmap(twice, 2, MEM_R | MEM_W);
	const volatile uint64_t *ro = vmap(&page, 1, MEM_R);
	KTAP_EXPECT(out, rw != NULL && ro != NULL);
	rw[3] = 0x1234;
	bool same = ro[3] == 0x1234 && rw[3 + PAGE_SIZE / 8] == 0x1234 &&
		    ((uint64_t *)page_address(page))[3] == 0x1234;
	int bad =
		expect_fault(out, do_write, at((const void *)(uintptr_t)ro), TRAP_STORE_PAGE_FAULT);
	vunmap((const void *)(uintptr_t)rw);
	vunmap((const void *)(uintptr_t)ro);
	bad = bad || expect_nothing(out, at((const void *)(uintptr_t)rw));
	__free_page(page);
	KTAP_EXPECT(out, same);
	return bad;
}

/* ---- ioremap -------------------------------------------------------------------------------------------------- */

struct uart {
	phys_addr_t phys;
	uint32_t shift;
	bool ns16550;
};

/** The console's UART, where the device tree gives it registers of its own. */
static bool find_uart(struct uart *uart)
{
	const struct dt_facts *facts = monitor_facts();
	int32_t node = facts != NULL ? dt_stdout_node(facts) : -1;
	if (node < 0) {
		return false;
	}
	int bytes = 0;
	const fdt32_t *reg = fdt_getprop(facts->blob, node, "reg", &bytes);
	int cells = fdt_address_cells(facts->blob, fdt_parent_offset(facts->blob, node));
	if (reg == NULL || cells < 1 || cells > 2 || bytes < cells * 4) {
		return false;
	}
	uart->phys = fdt32_to_cpu(reg[0]);
	if (cells == 2) {
		uart->phys = uart->phys << 32 | fdt32_to_cpu(reg[1]);
	}
	const fdt32_t *shift = fdt_getprop(facts->blob, node, "reg-shift", NULL);
	uart->shift = shift != NULL ? fdt32_to_cpu(*shift) : 0;
	uart->ns16550 = fdt_node_check_compatible(facts->blob, node, "ns16550a") == 0;
	return true;
}

/* Line status: transmitter empty, and holding register empty. Source: PC16550D data sheet, 8.4. */
#define LSR	  5U
#define LSR_EMPTY 0x60

static bool transmitter_empties(const volatile uint8_t *lsr)
{
	for (int i = 0; i < 1000000; i++) {
		if ((*lsr & LSR_EMPTY) == LSR_EMPTY) {
			return true;
		}
	}
	return false;
}

static int registers_are_read_through_ioremap(struct out *out)
{
	struct uart uart = { 0 };
	const struct dt_facts *facts = monitor_facts();
	unsigned int tried = 0;
	if (find_uart(&uart) && uart.ns16550) {
		phys_addr_t lsr_phys = uart.phys + (LSR << uart.shift);
		uint8_t *lsr = ioremap(lsr_phys, 1);
		KTAP_EXPECT(out, lsr != NULL);
		KTAP_EXPECT(out, (at(lsr) & (PAGE_SIZE - 1)) == (lsr_phys & (PAGE_SIZE - 1)));
		bool empties = transmitter_empties(lsr);
		iounmap(lsr);
		KTAP_EXPECT(out, empties);
		if (expect_nothing(out, at(lsr) & ~3ULL)) {
			return 1;
		}
		tried++;
	}
	if (facts != NULL && facts->poweroff.sifive_test != 0) {
		/* Reads as 0. */
		volatile uint32_t *test = ioremap_wc(facts->poweroff.sifive_test, 4);
		KTAP_EXPECT(out, test != NULL);
		uint32_t value = *test;
		iounmap((const void *)(uintptr_t)test);
		KTAP_EXPECT(out, value == 0);
		tried++;
	}
	if (tried == 0) {
		out_puts(out, "# no device here whose registers may be read\n");
	}
	return 0;
}

static int memory_is_refused_as_registers(struct out *out)
{
	phys_addr_t image = port_image_to_phys(&shared);
	KTAP_EXPECT(out, ioremap(image, 8) == NULL);
	KTAP_EXPECT(out, ioremap_wc(image & ~(SZ_2M - 1), SZ_2M) == NULL);
	KTAP_EXPECT(out, ioremap(1ULL << 56, 8) == NULL);
	return 0;
}

const struct target_test target_tests_vmalloc[] = {
	{ "what_is_written_through_vmalloc_is_read_back",
	  what_is_written_through_vmalloc_is_read_back },
	{ "guards_of_an_area_fault", guards_of_an_area_fault },
	{ "what_was_given_back_faults", what_was_given_back_faults },
	{ "a_stack_has_guards", a_stack_has_guards },
	{ "an_area_comes_and_goes_for_all_harts_at_once",
	  an_area_comes_and_goes_for_all_harts_at_once },
	{ "two_harts_use_the_window_side_by_side", two_harts_use_the_window_side_by_side },
	{ "two_mappings_show_one_page", two_mappings_show_one_page },
	{ "registers_are_read_through_ioremap", registers_are_read_through_ioremap },
	{ "memory_is_refused_as_registers", memory_is_refused_as_registers },
	{ 0 },
};
