/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vmalloc window on the machine: what is written through it is read back, what lies beside it or is given back
 * faults with the right cause on every hart, and registers of devices are reached through ioremap.
 */
#include "protect.h"
#include "smp.h"

#include "fpg/core/devicetree.h"
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

static struct {
	struct gate gate;
	char *area;
	uint64_t wrong;
} shared;

enum {
	SHARED_ROUNDS = 100,
	/** Of all harts together. */
	CHURN_STEPS = 120
};

/** All harts read the new area, then it goes, then all fault. */
static int use_shared(void *arg)
{
	bool owner = hart_index() == *(const unsigned int *)arg;
	for (uint64_t round = 0; round < SHARED_ROUNDS; round++) {
		if (owner) {
			shared.area = vmalloc(PAGE_SIZE);
			*(uint64_t *)shared.area = pattern(round);
		}
		gate_pass(&shared.gate);
		uint64_t wrong = *(volatile uint64_t *)shared.area != pattern(round);
		gate_pass(&shared.gate);
		if (owner) {
			vfree(shared.area);
		}
		gate_pass(&shared.gate);
		struct access a = { .address = at(shared.area) };
		uint64_t cause = 0;
		wrong += trap_expect(do_read, &a, &cause, NULL) != -EFAULT ||
			 cause != TRAP_LOAD_PAGE_FAULT;
		__atomic_fetch_add(&shared.wrong, wrong, __ATOMIC_RELAXED);
		gate_pass(&shared.gate);
	}
	return 0;
}

static int areas_come_and_go_on_all_harts_at_once(struct out *out)
{
	unsigned int owner = hart_index();
	shared.wrong = 0;
	KTAP_EXPECT(out,
		    hart_run_mask(harts_online(), "vmalloc test", use_shared, &owner, NULL) == 0);
	KTAP_EXPECT(out, shared.wrong == 0);
	return 0;
}

static int churn(void *arg)
{
	uint64_t state = (uint64_t)hart_index() + 1;
	(void)arg;
	for (unsigned int step = 0; step < CHURN_STEPS / harts_online_count(); step++) {
		uint64_t bytes[4];
		uint64_t *areas[4];
		for (unsigned int i = 0; i < 4; i++) {
			state = state * 6364136223846793005ULL + 1442695040888963407ULL;
			bytes[i] = ((state >> 40) % 9 + 1) * PAGE_SIZE;
			areas[i] = vmalloc(bytes[i]);
			for (uint64_t w = 0; areas[i] != NULL && w < bytes[i] / 8; w += 64) {
				areas[i][w] = state + w;
			}
			if (areas[i] != NULL &&
			    areas[i][bytes[i] / 8 - 64] != state + bytes[i] / 8 - 64) {
				return -EIO;
			}
		}
		for (unsigned int i = 0; i < 4; i++) {
			vfree(areas[i]);
		}
	}
	return 0;
}

static bool count_area(void *ctx, const struct vm_area_info *area)
{
	(void)area;
	(*(unsigned int *)ctx)++;
	return true;
}

static int harts_use_the_window_side_by_side(struct out *out)
{
	unsigned int before = 0;
	unsigned int after = 0;
	vmalloc_for_each(count_area, &before);
	KTAP_EXPECT(out, hart_run_mask(harts_online(), "vmalloc churn", churn, NULL, NULL) == 0);
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
	{ "areas_come_and_go_on_all_harts_at_once", areas_come_and_go_on_all_harts_at_once },
	{ "harts_use_the_window_side_by_side", harts_use_the_window_side_by_side },
	{ "two_mappings_show_one_page", two_mappings_show_one_page },
	{ "registers_are_read_through_ioremap", registers_are_read_through_ioremap },
	{ "memory_is_refused_as_registers", memory_is_refused_as_registers },
	{ 0 },
};
