/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel addresses on a PC: windows of them seen at addresses that a program can have. Set up before harts run. */
#include "fpg/base/assert.h"
#include "fpg/base/types.h"

#define WINDOWS 4U

static struct {
	uint64_t va;
	uint64_t bytes;
	uint64_t at;
} windows[WINDOWS];
static uint32_t window_count;

void vaddr_host_window(uint64_t va, uint64_t bytes, void *at)
{
	if (bytes == 0) {
		window_count = 0;
		return;
	}
	FPG_CHECK(window_count < WINDOWS);
	windows[window_count].va = va;
	windows[window_count].bytes = bytes;
	windows[window_count].at = (uint64_t)(uintptr_t)at;
	window_count++;
}

void *vaddr_host_ptr(uint64_t va)
{
	for (uint32_t i = 0; i < window_count; i++) {
		if (va - windows[i].va < windows[i].bytes) {
			va = windows[i].at + (va - windows[i].va);
			break;
		}
	}
	return (void *)(uintptr_t)va;
}

uint64_t vaddr_host_va(const void *p)
{
	uint64_t at = (uint64_t)(uintptr_t)p;
	for (uint32_t i = 0; i < window_count; i++) {
		if (at - windows[i].at < windows[i].bytes) {
			return windows[i].va + (at - windows[i].at);
		}
	}
	return at;
}
