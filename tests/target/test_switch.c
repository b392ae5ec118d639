/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page allocators take over from each other while every hart allocates and frees: no page is lost, none is handed out
 * twice, no free is refused, and the ledger is exact. All backends of the image take turns, and the first one serves in
 * the end. The command `switches N` does the same N times, for tests/target/soak_switch.sh.
 */
#include "smp.h"
#include "switches.h"
#include "tests/conformance/palloc/switch_load.h"

#include "fpg/base/bits.h"
#include "fpg/base/errno.h"
#include "fpg/core/ledger.h"
#include "fpg/core/palloc_ops.h"
#include "fpg/core/palloc_switch.h"

#include <errno.h>
#include <string.h>

/** With few harts; the more there are to hold, the fewer. */
#define SWITCHES	   24U
/** What a hart does between two switches when nobody else does anything. */
#define STEPS_A_SWITCH	   200U
/** A hart's share of memory that the load may take, about: slots hold five pages on average, and half of them do. */
#define LEAST_PAGES_A_SLOT 24U

static struct {
	struct gate gate;
	uint32_t stop;
	uint32_t switches;
	uint64_t seed;
	struct switch_load *load[PORT_MAX_HARTS];
	/** Of all switches. */
	uint64_t pause_most;
	uint64_t pause_sum;
	uint64_t runs_most;
	uint32_t tries;
	int err;
	struct palloc_switch_report report;
} run;

/** The next backend that can take over, in the order of the table. */
static const char *next_backend(void)
{
	size_t count = 0;
	size_t serves = 0;
	for (; palloc_table[count] != NULL; count++) {
		serves = strcmp(palloc_table[count]->name, page_alloc_backend_name()) == 0 ? count :
											     serves;
	}
	return palloc_table[(serves + 1) % count]->name;
}

static int switch_once(const char *name)
{
	int err = palloc_switch(name, &run.report);
	run.pause_sum += run.report.pause_instructions;
	run.tries += run.report.tries;
	if (run.report.pause_instructions > run.pause_most) {
		run.pause_most = run.report.pause_instructions;
	}
	if (run.report.runs > run.runs_most) {
		run.runs_most = run.report.runs;
	}
	return err;
}

static bool steps(struct switch_load *load, uint32_t count)
{
	while (count-- != 0) {
		if (!switch_load_step(load)) {
			return false;
		}
	}
	return true;
}

/** The hart that asked for all this: switches, and loads in between. */
static int switch_and_load(struct switch_load *load)
{
	const char *first = page_alloc_backend_name();
	bool fine = steps(load, 8 * load->slots);
	for (uint32_t i = 0; fine && run.err == 0 && i < run.switches; i++) {
		run.err = switch_once(i + 1 == run.switches ? first : next_backend());
		fine = steps(load, STEPS_A_SWITCH);
	}
	__atomic_store_n(&run.stop, 1, __ATOMIC_RELEASE);
	return fine && run.err == 0 ? 0 : -EIO;
}

static int load_until_stopped(struct switch_load *load)
{
	while (__atomic_load_n(&run.stop, __ATOMIC_ACQUIRE) == 0) {
		if (!switch_load_step(load)) {
			return -EIO;
		}
	}
	return 0;
}

static int on_each_hart(void *arg)
{
	struct switch_load *load = run.load[hart_index()];
	gate_pass(&run.gate);
	int err = load == run.load[*(unsigned int *)arg] ? switch_and_load(load) :
							   load_until_stopped(load);
	gate_pass(&run.gate);
	if (err == 0 && !switch_load_end(load)) {
		err = -EIO;
	}
	return err;
}

static bool sum_allocated(void *ctx, const struct ledger_row *row)
{
	*(uint64_t *)ctx +=
		row->kind == LEDGER_ALLOCATED || row->kind == LEDGER_PACKED ? row->size : 0;
	return true;
}

/** Bytes that somebody allocated: not metadata, tables or records. Return: UINT64_MAX when the ledger is not exact */
static uint64_t allocated_bytes(void)
{
	struct ledger_totals totals;
	uint64_t bytes = 0;
	return ledger_walk(sum_allocated, &bytes, &totals) == 0 ? bytes : UINT64_MAX;
}

static bool take_loads(void)
{
	uint64_t pages = page_alloc_managed_pages() / harts_online_count();
	uint64_t slots = pages / LEAST_PAGES_A_SLOT;
	slots = slots < SWITCH_SLOTS ? slots : SWITCH_SLOTS;
	for (hart_mask_t m = harts_online(); m != 0; m &= m - 1) {
		unsigned int i = bit_lowest(m);
		run.load[i] =
			alloc_pages_exact(sizeof(struct switch_load), GFP_KERNEL | __GFP_ZERO);
		if (run.load[i] == NULL) {
			return false;
		}
		switch_load_start(run.load[i], i, run.seed, (uint32_t)slots);
	}
	return true;
}

static void give_loads(void)
{
	for (unsigned int i = 0; i < PORT_MAX_HARTS; i++) {
		free_pages_exact(run.load[i], sizeof(struct switch_load));
		run.load[i] = NULL;
	}
}

struct zones_wrong {
	struct out *out;
	uint32_t count;
};

static bool check_zone(void *ctx, struct zone *zone)
{
	struct zones_wrong *wrong = ctx;
	const char *why = "";
	if (zone_check(zone, &why) != 0) {
		out_printf(wrong->out, "# zone %s of node %u: %s\n", zone_name(zone->type),
			   zone->nid, why);
		wrong->count++;
	}
	return true;
}

static int run_harts(struct out *out)
{
	unsigned int me = hart_index();
	uint64_t served = 0, failed = 0;
	int err = hart_run_mask(harts_online(), "switching", on_each_hart, &me, NULL);
	if (err == 0 && !switch_load_end_shared(run.load[me])) {
		err = -EIO;
	}
	if (run.err != 0) {
		out_printf(out, "# switch to %s: %s: %s\n", run.report.to, errno_name(run.err),
			   run.report.why);
	}
	for (hart_mask_t m = harts_online(); m != 0; m &= m - 1) {
		const struct switch_load *load = run.load[bit_lowest(m)];
		served += load->served;
		failed += load->failed;
		if (load->wrong != NULL) {
			out_printf(out, "# hart %u: pfn 0x%llx: %s\n", bit_lowest(m),
				   (unsigned long long)load->wrong_pfn, load->wrong);
		}
	}
	out_printf(
		out,
		"# %u switches, %u harts loading: %llu requests served, %llu not; pause at most %llu instructions, %llu on average, at most %llu runs, %u tries\n",
		run.switches, harts_online_count(), (unsigned long long)served,
		(unsigned long long)failed, (unsigned long long)run.pause_most,
		(unsigned long long)(run.pause_sum / run.switches),
		(unsigned long long)run.runs_most, run.tries);
	return err;
}

int switches_under_load(struct out *out, uint32_t switches)
{
	const char *first = page_alloc_backend_name();
	uint64_t refused = page_alloc_refused_frees();
	struct zones_wrong wrong = { .out = out };
	memset(&run, 0, sizeof(run));
	run.switches = switches;
	run.seed = port_time_ticks();
	out_printf(out, "# seed 0x%llx, backend %s\n", (unsigned long long)run.seed, first);
	/* Once there and back, so that what is kept for reuse is there. */
	KTAP_EXPECT(out, switch_once(next_backend()) == 0 && switch_once(first) == 0);
	uint64_t allocated = allocated_bytes();
	KTAP_EXPECT(out, allocated != UINT64_MAX);
	KTAP_EXPECT(out, take_loads());
	int err = run_harts(out);
	give_loads();
	KTAP_EXPECT(out, err == 0);
	KTAP_EXPECT(out, strcmp(page_alloc_backend_name(), first) == 0);
	KTAP_EXPECT(out, page_alloc_refused_frees() == refused);
	zone_for_each(check_zone, &wrong);
	KTAP_EXPECT(out, wrong.count == 0);
	KTAP_EXPECT(out, allocated_bytes() == allocated);
	return 0;
}

static int no_page_is_lost_or_handed_out_twice_by_switches_under_load(struct out *out)
{
	const unsigned int harts = harts_online_count();
	return switches_under_load(out, harts <= 2 ? SWITCHES : 2 * SWITCHES / harts);
}

static int a_refused_switch_changes_nothing(struct out *out)
{
	const char *first = page_alloc_backend_name();
	uint64_t free_before = page_alloc_free_pages();
	KTAP_EXPECT(out, palloc_switch("cma", &run.report) == -ENOTSUP);
	KTAP_EXPECT(out, palloc_switch("none such", &run.report) == -ENOENT);
	KTAP_EXPECT(out, palloc_switch(first, &run.report) == 0 && run.report.same);
	KTAP_EXPECT(out, strcmp(page_alloc_backend_name(), first) == 0);
	KTAP_EXPECT(out, page_alloc_free_pages() == free_before);
	return 0;
}

const struct target_test target_tests_switch[] = {
	{ "a_refused_switch_changes_nothing", a_refused_switch_changes_nothing },
	{ "no_page_is_lost_or_handed_out_twice_by_switches_under_load",
	  no_page_is_lost_or_handed_out_twice_by_switches_under_load },
	{ 0 },
};
