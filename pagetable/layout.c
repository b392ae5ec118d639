/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the parts of the kernel half lie in each mode.
 *
 * Parts do not overlap and lie between the hole of the mode and the fixmap; linear windows begin at
 * a multiple of 1 GiB; the frame table has one root entry to itself. Addresses below -2 GiB belong
 * to the mode, above to the image.
 */
#include "fpg/pagetable/fixmap.h"
#include "fpg/pagetable/kernel_map.h"

#define TIB ((uint64_t)1 << 40)

const struct vm_layout vm_layout_sv39 = {
	.mode = &pt_mode_sv39,
	.linear_leaf = 2,
	.linear = { 0xffffffd800000000 },
	.linear_bytes = 124 * SZ_1G,
	.vmalloc = { 0xffffffc800000000 },
	.vmalloc_bytes = 64 * SZ_1G,
	.vmemmap = { 0xffffffc400000000 },
	.vmemmap_bytes = SZ_1G,
};

const struct vm_layout vm_layout_sv48 = {
	.mode = &pt_mode_sv48,
	.linear_leaf = 2,
	.linear = { 0xffffa00000000000 },
	.linear_bytes = 64 * TIB,
	.vmalloc = { 0xffff900000000000 },
	.vmalloc_bytes = 16 * TIB,
	.vmemmap = { 0xffff808000000000 },
	.vmemmap_bytes = TIB / 2,
};

const struct vm_layout vm_layout_sv57 = {
	.mode = &pt_mode_sv57,
	.linear_leaf = 3,
	.linear = { 0xff40000000000000 },
	.linear_bytes = 32768 * TIB,
	.vmalloc = { 0xff20000000000000 },
	.vmalloc_bytes = 8192 * TIB,
	.vmemmap = { 0xff01000000000000 },
	.vmemmap_bytes = 256 * TIB,
};

#define RECORDS(linear_bytes) ((linear_bytes) / PAGE_SIZE * sizeof(struct page))
static_assert(RECORDS(124 * SZ_1G) <= SZ_1G, "Sv39: the frame table fits its root entry");
static_assert(RECORDS(64 * TIB) <= TIB / 2, "Sv48: the frame table fits its root entry");
static_assert(RECORDS(32768 * TIB) <= 256 * TIB, "Sv57: the frame table fits its root entry");

static bool inside(vaddr_t va, vaddr_t base, uint64_t bytes)
{
	return va.v >= base.v && va.v - base.v < bytes;
}

const char *vm_layout_region(const struct vm_layout *layout, vaddr_t va)
{
	const struct {
		const char *name;
		vaddr_t base;
		uint64_t bytes;
	} regions[] = {
		{ "frame table", layout->vmemmap, layout->vmemmap_bytes },
		{ "vmalloc", layout->vmalloc, layout->vmalloc_bytes },
		{ "linear map", layout->linear, layout->linear_bytes },
		{ "fixmap", { FIXMAP_BASE }, SZ_1G },
		{ "image", { FIXMAP_BASE + SZ_1G }, 2 * SZ_1G - PAGE_SIZE },
	};
	for (size_t i = 0; i < ARRAY_SIZE(regions); i++) {
		if (inside(va, regions[i].base, regions[i].bytes)) {
			return regions[i].name;
		}
	}
	return "";
}

/* ---- which one ---- */

static const struct vm_layout *const layouts[] = { &vm_layout_sv39, &vm_layout_sv48,
						   &vm_layout_sv57 };

FPG_INIT struct vm_choice vm_layout_choose(unsigned int satp_mode, uint64_t span,
					   bool (*has)(const struct vm_layout *layout))
{
	struct vm_choice choice = { 0 };
	const struct vm_layout *largest = NULL;
	for (size_t i = 0; satp_mode != 0 && i < ARRAY_SIZE(layouts); i++) {
		if (layouts[i]->mode->satp_mode != satp_mode) {
			continue;
		}
		if (has(layouts[i])) {
			choice.layout = layouts[i];
		} else {
			choice.refused = layouts[i];
		}
	}
	for (size_t i = 0; choice.layout == NULL && i < ARRAY_SIZE(layouts); i++) {
		if (!has(layouts[i])) {
			continue;
		}
		largest = layouts[i];
		if (layouts[i]->linear_bytes >= span) {
			choice.layout = layouts[i];
		}
	}
	if (choice.layout == NULL) {
		choice.layout = largest;
	}
	choice.covers = choice.layout != NULL && choice.layout->linear_bytes >= span;
	return choice;
}
