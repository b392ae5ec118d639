/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See the header. RAM is a file in memory, mapped once as the linear map. A first touch of a window traps; the handler
 * follows the kernel's tables and maps the page of the file there with their permissions, which stands for a TLB entry.
 * A fence takes such entries away.
 */
#define _GNU_SOURCE
#include "host_mmu.h"

#include "host.h"

#include "fpg/base/range.h"
#include "fpg/pagetable/kernel_map.h"
#include "fpg/port/port.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/** Of RAM, at its end, that is not zero at first. */
#define JUNK_BYTES (4 * SZ_1M)

/** As much of each part as a test's machine needs, in every mode. */
#define WINDOW_BYTES (16 * SZ_1G)

/** The beginning of the vmalloc window, then of the frame table. */
static char *windows;
#define PARTS 2U

static int ram_file = -1;
static phys_addr_t ram_base;
static uint64_t ram_span;
static struct sigaction before;
/** Something is mapped in the windows. */
static uint32_t dirty;

static void die(const char *what)
{
	perror(what);
	_exit(3);
}

static void *reserve(void *at, uint64_t bytes)
{
	void *p = mmap(at, bytes, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (at != NULL ? MAP_FIXED : 0),
		       -1, 0);
	if (p == MAP_FAILED) {
		die("host_mmu: a window");
	}
	return p;
}

/* Return: false when the tables have nothing there, or not for this access. */
static bool translate(char *at, bool write)
{
	struct pt_walk walk;
	char *page = (char *)ALIGN_DOWN((uintptr_t)at, PAGE_SIZE);
	const struct pt *pt = kernel_pt();
	if (pt == NULL || pt_walk(pt, vaddr_of(page), &walk) != 0 || !walk.mapped ||
	    !(walk.prot & (write ? MEM_W : MEM_R)) || walk.phys - ram_base >= ram_span) {
		return false;
	}
	int prot = PROT_READ | (walk.prot & MEM_W ? PROT_WRITE : 0);
	__atomic_store_n(&dirty, 1, __ATOMIC_RELEASE);
	return mmap(page, PAGE_SIZE, prot, MAP_SHARED | MAP_FIXED, ram_file,
		    (off_t)(ALIGN_DOWN(walk.phys, PAGE_SIZE) - ram_base)) != MAP_FAILED;
}

/* Page-fault error code, bit 1: a write. Source: Intel 64 and IA-32 SDM, volume 3, 4.7. */
static bool was_write(const void *context)
{
	const ucontext_t *uc = context;
	return (uc->uc_mcontext.gregs[REG_ERR] & 2) != 0;
}

static void fault(int number, siginfo_t *info, void *context)
{
	char *at = info->si_addr;
	if (at >= windows && at < windows + PARTS * WINDOW_BYTES &&
	    translate(at, was_write(context))) {
		return;
	}
	/* Somebody else's to report: the access is tried again under the handler that was there before. */
	(void)sigaction(number, &before, NULL);
}

static void forget(vaddr_t va, uint64_t bytes)
{
	if (__atomic_load_n(&dirty, __ATOMIC_ACQUIRE) == 0) {
		return;
	}
	if (bytes == UINT64_MAX) {
		__atomic_store_n(&dirty, 0, __ATOMIC_RELEASE);
		(void)reserve(windows, PARTS * WINDOW_BYTES);
		return;
	}
	char *at = vaddr_ptr(vaddr(ALIGN_DOWN(va.v, PAGE_SIZE)));
	if (at >= windows && at < windows + PARTS * WINDOW_BYTES) {
		(void)reserve(at, ALIGN_UP(bytes + va.v % PAGE_SIZE, PAGE_SIZE));
	}
}

void host_mmu_start(const struct vm_layout *layout, phys_addr_t base, uint64_t span)
{
	ram_base = ALIGN_DOWN(base, SZ_2M);
	ram_span = span;
	ram_file = memfd_create("ram", 0);
	if (ram_file < 0 || ftruncate(ram_file, (off_t)span) != 0) {
		die("host_mmu: RAM");
	}
	port_linear_offset = (uint64_t)(uintptr_t)reserve(NULL, span) - ram_base;
	windows = reserve(NULL, PARTS * WINDOW_BYTES);
	vaddr_host_window(0, 0, NULL);
	vaddr_host_window(layout->vmalloc.v, WINDOW_BYTES, windows);
	vaddr_host_window(layout->vmemmap.v, WINDOW_BYTES, windows + WINDOW_BYTES);
	struct sigaction action = { .sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	if (sigaction(SIGSEGV, &action, &before) != 0) {
		die("host_mmu: SIGSEGV");
	}
	host_set_tlb_hook(forget);
}

void host_mmu_add(phys_addr_t base, uint64_t bytes)
{
	void *at = port_phys_to_virt(base);
	if (base - ram_base > ram_span || bytes > ram_span - (base - ram_base) ||
	    mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, ram_file,
		 (off_t)(base - ram_base)) == MAP_FAILED) {
		die("host_mmu: RAM");
	}
	/* Nobody may rely on zeroes. All of it would take its time; allocations come from the top. */
	const uint64_t junk = bytes < JUNK_BYTES ? bytes : JUNK_BYTES;
	memset((char *)at + (bytes - junk), 0xa5, junk);
}
