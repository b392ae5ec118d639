/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces and U-mode on the machine itself: each program ends as it is meant to, on one hart
 * and on several in one space; changes on one hart reach a program that runs on another, pages move
 * under it; and whatever ran, every page comes back.
 */
#include "ktap.h"

#include "fpg/base/range.h"
#include "fpg/core/hart.h"
#include "fpg/core/ledger.h"
#include "fpg/core/page_alloc.h"
#include "fpg/core/page_cache.h"
#include "fpg/pagetable/user.h"
#include "fpg/pagetable/vmalloc.h"
#include "fpg/port/port.h"

#include <errno.h>
#include <string.h>

/** Programs that do nothing wrong take far less than the first. */
#define LONG_MS	 60000
#define SHORT_MS 300

static void drain(void)
{
	mm_drain();
	vmalloc_drain();
	page_cache_drain_all();
}

/** The highest index of a hart that is online. */
static unsigned int last_hart(void)
{
	unsigned int last = 0;
	for (unsigned int i = 0; i < PORT_MAX_HARTS; i++) {
		last = (harts_online() & hart_mask_of(i)) != 0 ? i : last;
	}
	return last;
}

/* ---- running ----------------------------------------------------------------------------------- */

struct job {
	const struct user_program *program;
	struct mm *mm;
	uint64_t arg;
	struct user_exit exit[PORT_MAX_HARTS];
};
static struct job job;

static int run_job(void *arg)
{
	(void)arg;
	return user_run(job.program, job.mm, job.arg, &job.exit[hart_index()]);
}

static bool ends_well(struct out *out, const struct user_program *program)
{
	char text[USER_EXIT_TEXT];
	struct user_exit exit;
	user_set_time_limit(program->timed_out ? SHORT_MS : LONG_MS);
	int err = user_run(program, NULL, program->arg, &exit);
	user_set_time_limit(10000);
	if (err != 0 || !user_exit_expected(program, &exit)) {
		out_printf(out, "# %s: error %d, %s\n", program->name, err,
			   err == 0 ? user_exit_text(text, sizeof(text), &exit) : "");
		return false;
	}
	return true;
}

static bool run_all_programs(struct out *out)
{
	for (const struct user_program *p = user_programs; p->name != NULL; p++) {
		if (!ends_well(out, p)) {
			return false;
		}
	}
	return true;
}

static int every_program_ends_as_it_is_meant_to(struct out *out)
{
	KTAP_EXPECT(out, user_programs[0].name != NULL);
	KTAP_EXPECT(out, run_all_programs(out));
	KTAP_EXPECT(out, mm_current() == NULL && mm_count() == 0);
	return 0;
}

/** `shared` on the harts of @mask, in one space. */
static int run_shared(struct out *out, hart_mask_t mask)
{
	unsigned int harts = 0;
	for (hart_mask_t rest = mask; rest != 0; rest &= rest - 1) {
		harts++;
	}
	job.program = user_program_find("shared");
	job.mm = user_load(job.program);
	job.arg = harts;
	KTAP_EXPECT(out, job.mm != NULL);
	user_set_time_limit(LONG_MS);
	KTAP_EXPECT(out, hart_run_mask(mask, "test", run_job, NULL, NULL) == 0);
	user_set_time_limit(10000);
	mm_destroy(job.mm);
	for (unsigned int i = 0; i < PORT_MAX_HARTS; i++) {
		if ((mask & hart_mask_of(i)) != 0) {
			KTAP_EXPECT(out, user_exit_expected(job.program, &job.exit[i]));
		}
	}
	return 0;
}

static int harts_share_one_space(struct out *out)
{
	const hart_mask_t self = hart_mask_of(hart_index());
	int bad = run_shared(out, self | hart_mask_of(last_hart()));
	return bad != 0 ? bad : run_shared(out, harts_online());
}

/* ---- nothing stays ------------------------------------------------------------------------------- */

static bool count_change(void *ctx, struct phys_range range, const struct ledger_row *from,
			 const struct ledger_row *to)
{
	(void)range;
	(void)from;
	(void)to;
	++*(uint64_t *)ctx;
	return true;
}

static bool kill_a_hundred(struct out *out)
{
	unsigned int runs = 0;
	while (runs < 100) {
		for (const struct user_program *p = user_programs; p->name != NULL; p++) {
			if (p->killed && !p->timed_out && runs < 100) {
				if (!ends_well(out, p)) {
					return false;
				}
				runs++;
			}
		}
	}
	drain();
	return true;
}

/* The first hundred may use frames that were never used, whose records are populated then. */
static int a_hundred_killed_programs_leave_no_trace_in_the_ledger(struct out *out)
{
	uint64_t changes = 0;
	KTAP_EXPECT(out, run_all_programs(out));
	KTAP_EXPECT(out, kill_a_hundred(out));
	KTAP_EXPECT(out, ledger_snapshot("before programs") == 0);
	KTAP_EXPECT(out, kill_a_hundred(out));
	KTAP_EXPECT(out, ledger_diff(ledger_snapshot_find("before programs"), NULL, count_change,
				     &changes) == 0);
	KTAP_EXPECT(out, changes == 0);
	return 0;
}

static int destroying_a_space_gives_every_page_back(struct out *out)
{
	vaddr_t at;
	for (int round = 0; round < 2; round++) {
		drain();
		const uint64_t free = page_alloc_free_pages();
		struct mm *mm = mm_create("test");
		KTAP_EXPECT(out, mm != NULL);
		for (uint64_t i = 1; i < 40; i++) {
			const uint32_t flags = MAP_FIXED | MAP_POPULATE;
			KTAP_EXPECT(out, mm_mmap(mm, vaddr(i * SZ_2M * 3), i * PAGE_SIZE, i % 8,
						 flags, &at) == 0);
		}
		mm_destroy(mm);
		drain();
		/* The first round may have populated the frame table. */
		KTAP_EXPECT(out, round == 0 || page_alloc_free_pages() == free);
	}
	return 0;
}

/* ---- ASIDs --------------------------------------------------------------------------------------- */

static int run_with_asids(struct out *out, uint32_t count, uint64_t roll_overs)
{
	mm_set_asid_limit(count);
	const struct user_program *touch = user_program_find("touch");
	const struct user_program *stale = user_program_find("unmapped");
	for (unsigned int i = 0; i < 3 * count; i++) {
		KTAP_EXPECT(out, ends_well(out, i % 2 == 0 ? touch : stale));
	}
	int bad = run_shared(out, harts_online());
	KTAP_EXPECT(out, mm_asid_info().roll_overs >= roll_overs);
	mm_set_asid_limit(0);
	return bad;
}

static int asids_roll_over(struct out *out)
{
	const uint32_t count = harts_online_count() + 2;
	return run_with_asids(out, count, 2);
}

static int spaces_work_without_asids(struct out *out)
{
	return run_with_asids(out, 1, 0);
}

/* ---- what one hart changes, another sees ---------------------------------------------------------- */

/** The hart that runs `count`, and what another one does meanwhile. */
struct far {
	unsigned int hart;
	int (*meanwhile)(struct out *out, struct mm *mm);
	struct out *out;
	int bad;
	/** The program has ended; atomic. */
	uint32_t done;
};

static struct far far;

/** Both harts are in here: this one does something, the other one runs the program. */
static int far_part(void *arg)
{
	(void)arg;
	if (hart_index() == far.hart) {
		int err = user_run(job.program, job.mm, job.arg, &job.exit[far.hart]);
		__atomic_store_n(&far.done, 1, __ATOMIC_RELEASE);
		return err;
	}
	uint64_t begun = 0;
	while (begun == 0 && __atomic_load_n(&far.done, __ATOMIC_ACQUIRE) == 0) {
		/* The program counts in the second word of its data. */
		if (mm_read(job.mm, vaddr(USER_DATA_BASE + 8), &begun, sizeof(begun)) != 0) {
			return -EFAULT;
		}
		port_relax();
	}
	far.bad = far.meanwhile(far.out, job.mm);
	return 0;
}

/** Run `count` on another hart until it is stopped or killed, @meanwhile here. */
static int with_program_far_away(struct out *out, int (*meanwhile)(struct out *out, struct mm *mm))
{
	far = (struct far){ .hart = last_hart(), .meanwhile = meanwhile, .out = out };
	job.program = user_program_find("count");
	job.mm = user_load(job.program);
	job.arg = 0;
	KTAP_EXPECT(out, job.mm != NULL);
	user_set_time_limit(LONG_MS);
	const hart_mask_t mask = hart_mask_of(hart_index()) | hart_mask_of(far.hart);
	KTAP_EXPECT(out, hart_run_mask(mask, "test", far_part, NULL, NULL) == 0);
	user_set_time_limit(10000);
	mm_destroy(job.mm);
	return far.bad;
}

static int take_write_away(struct out *out, struct mm *mm)
{
	KTAP_EXPECT(out,
		    mm_mprotect(mm, vaddr(USER_DATA_BASE + PAGE_SIZE), PAGE_SIZE, PROT_READ) == 0);
	return 0;
}

static int take_memory_away(struct out *out, struct mm *mm)
{
	KTAP_EXPECT(out, mm_munmap(mm, vaddr(USER_DATA_BASE + 2 * PAGE_SIZE), PAGE_SIZE) == 0);
	return 0;
}

static int a_change_reaches_a_program_on_another_hart(struct out *out)
{
	const struct user_exit *exit = &job.exit[last_hart()];
	if (last_hart() == hart_index()) {
		return ktap_skip("one hart");
	}
	int bad = with_program_far_away(out, take_write_away);
	KTAP_EXPECT(out, bad == 0 && exit->killed && exit->status == -EACCES);
	KTAP_EXPECT(out, exit->addr.v == USER_DATA_BASE + PAGE_SIZE + 8);
	bad = with_program_far_away(out, take_memory_away);
	KTAP_EXPECT(out, bad == 0 && exit->killed && exit->status == -EFAULT);
	KTAP_EXPECT(out, exit->addr.v == USER_DATA_BASE + 2 * PAGE_SIZE + 8);
	return 0;
}

/* ---- moving pages --------------------------------------------------------------------------------- */

#define MOVES 1000

static uint64_t moved;

/** Move the pages at @at, all in one batch. Return: pages moved, or a negative errno */
static int move_batch(struct mm *mm, const uint64_t *at, unsigned int count)
{
	struct page *from[USER_DATA_BYTES / PAGE_SIZE];
	struct page *to[ARRAY_SIZE(from)];
	unsigned int n = 0;
	for (unsigned int i = 0; i < count; i++) {
		int err = mm_pin_page(mm, vaddr(at[i]), PROT_READ, &from[n]);
		if (err != 0) {
			return err;
		}
		/* Pinned it must not move. */
		if (rmap_migrate_unmap(from[n]) != -EBUSY) {
			return -EINVAL;
		}
		mm_unpin_page(from[n]);
		to[n] = alloc_page(GFP_USER_MOVABLE);
		if (to[n] == NULL) {
			break;
		}
		if (rmap_migrate_unmap(from[n]) == 0) {
			n++;
		} else {
			__free_page(to[n]);
		}
	}
	rmap_migrate_fence();
	for (unsigned int i = 0; i < n; i++) {
		port_copy_page(page_address(to[i]), page_address(from[i]));
		const bool back = (moved + i) % 8 == 7;
		if (back) {
			rmap_migrate_undo(from[i]);
		} else {
			rmap_migrate_remap(from[i], to[i]);
		}
		/* What is left must not be seen by the program any more. */
		struct page *left = back ? to[i] : from[i];
		memset(page_address(left), 0xa5, PAGE_SIZE);
		__free_page(left);
	}
	moved += n;
	return (int)n;
}

static int move_pages(struct out *out, struct mm *mm)
{
	/* Text, data, in turn one page, two, three. */
	const uint64_t at[] = { USER_DATA_BASE, USER_DATA_BASE + PAGE_SIZE, USER_TEXT_BASE,
				USER_DATA_BASE + 3 * PAGE_SIZE };
	moved = 0;
	int err = 0;
	for (unsigned int i = 0; err >= 0 && moved < MOVES; i++) {
		err = move_batch(mm, at, 1 + i % ARRAY_SIZE(at));
	}
	const uint64_t stop = 1;
	KTAP_EXPECT(out, mm_write(mm, vaddr(USER_DATA_BASE), &stop, sizeof(stop)) == 0);
	KTAP_EXPECT(out, err >= 0);
	return 0;
}

static int pages_move_under_a_program_and_no_write_is_lost(struct out *out)
{
	const struct user_exit *exit = &job.exit[last_hart()];
	if (last_hart() == hart_index()) {
		return ktap_skip("one hart");
	}
	int bad = with_program_far_away(out, move_pages);
	KTAP_EXPECT(out, bad == 0);
	KTAP_EXPECT(out, user_exit_expected(job.program, exit));
	KTAP_EXPECT(out, mm_count() == 0);
	return 0;
}

/* ---- the kernel in a space -------------------------------------------------------------------------- */

static int copies_have_the_programs_rights(struct out *out)
{
	struct mm *mm = mm_create("test");
	char buf[32] = "text";
	vaddr_t rw;
	vaddr_t ro;
	KTAP_EXPECT(out, mm != NULL);
	KTAP_EXPECT(out, copy_to_user(vaddr(0x10000), buf, 1) == -EFAULT);
	KTAP_EXPECT(out, mm_mmap(mm, vaddr(0x100000), 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
				 MAP_FIXED, &rw) == 0);
	KTAP_EXPECT(out, mm_mmap(mm, vaddr(0x200000), PAGE_SIZE, PROT_READ, MAP_FIXED, &ro) == 0);
	mm_switch(mm);
	int errors = copy_to_user(vaddr(rw.v + PAGE_SIZE - 3), buf, sizeof(buf)) != 0;
	memset(buf, 1, sizeof(buf));
	errors += copy_from_user(buf, vaddr(rw.v + PAGE_SIZE - 3), sizeof(buf)) != 0;
	errors += strcmp(buf, "text") != 0;
	errors += copy_from_user(buf, ro, sizeof(buf)) != 0 || buf[0] != 0;
	errors += copy_to_user(ro, buf, 1) != -EFAULT;
	errors += copy_to_user(vaddr(rw.v + 2 * PAGE_SIZE - 1), buf, 2) != -EFAULT;
	errors += copy_from_user(buf, vaddr(0), 1) != -EFAULT;
	errors += copy_from_user(buf, vaddr_of(user_programs), 8) != -EFAULT;
	errors += copy_to_user(vaddr_of(&far), buf, 1) != -EFAULT;
	mm_switch(NULL);
	mm_destroy(mm);
	KTAP_EXPECT(out, errors == 0);
	return 0;
}

static int kernel_mappings_made_later_are_there_in_every_space(struct out *out)
{
	struct mm *mm = mm_create("test");
	KTAP_EXPECT(out, mm != NULL);
	mm_switch(mm);
	/* More than one entry of the root table holds, where addresses reach that far. */
	uint64_t *area = vzalloc(64 * PAGE_SIZE);
	bool good = area != NULL;
	for (uint64_t i = 0; good && i < 64; i++) {
		area[i * PAGE_SIZE / sizeof(*area)] = i;
	}
	mm_switch(NULL);
	for (uint64_t i = 0; good && i < 64; i++) {
		good = area[i * PAGE_SIZE / sizeof(*area)] == i;
	}
	vfree(area);
	mm_destroy(mm);
	KTAP_EXPECT(out, good);
	return 0;
}

const struct target_test target_tests_mm[] = {
	{ "every_program_ends_as_it_is_meant_to", every_program_ends_as_it_is_meant_to },
	{ "harts_share_one_space", harts_share_one_space },
	{ "a_hundred_killed_programs_leave_no_trace_in_the_ledger",
	  a_hundred_killed_programs_leave_no_trace_in_the_ledger },
	{ "destroying_a_space_gives_every_page_back", destroying_a_space_gives_every_page_back },
	{ "asids_roll_over", asids_roll_over },
	{ "spaces_work_without_asids", spaces_work_without_asids },
	{ "a_change_reaches_a_program_on_another_hart",
	  a_change_reaches_a_program_on_another_hart },
	{ "pages_move_under_a_program_and_no_write_is_lost",
	  pages_move_under_a_program_and_no_write_is_lost },
	{ "copies_have_the_programs_rights", copies_have_the_programs_rights },
	{ "kernel_mappings_made_later_are_there_in_every_space",
	  kernel_mappings_made_later_are_there_in_every_space },
	{ 0 },
};
