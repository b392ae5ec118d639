/* SPDX-License-Identifier: BSD-2-Clause */
/* Translation on a PC: there is none. Switches are remembered for each hart and fences are counted, so that tests see them. */
#include "host.h"
#include "host_hart.h"

#include "fpg/port/port.h"

#include <errno.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct host_fence_counts counts;
static uint32_t satp_modes = UINT32_MAX;
static unsigned int asid_bits = 16;
static bool remote_works = true;
static __thread uint64_t satp;
static void (*tlb_hook)(vaddr_t va, uint64_t bytes);

void host_set_tlb_hook(void (*hook)(vaddr_t va, uint64_t bytes))
{
	tlb_hook = hook;
}

void host_set_satp_modes(uint32_t modes)
{
	satp_modes = modes;
}

void host_set_asid_bits(unsigned int bits)
{
	asid_bits = bits;
}

void host_set_remote_fences(bool work)
{
	remote_works = work;
}

uint64_t host_satp(void)
{
	return satp;
}

bool host_has_satp_mode(unsigned int satp_mode)
{
	return satp_mode < 32 && (satp_modes >> satp_mode & 1);
}

void host_fence_counts_read(struct host_fence_counts *out)
{
	pthread_mutex_lock(&lock);
	*out = counts;
	pthread_mutex_unlock(&lock);
}

static void count(uint64_t *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

void port_address_space_switch(unsigned int satp_mode, phys_addr_t root, uint32_t asid)
{
	uint64_t kept = asid & ((1U << asid_bits) - 1);
	satp = (uint64_t)satp_mode << 60 | kept << 44 | root >> PAGE_SHIFT;
}

int port_address_space_set(unsigned int satp_mode, phys_addr_t root, uint32_t asid)
{
	if (!host_has_satp_mode(satp_mode)) {
		return -ENOTSUP;
	}
	port_address_space_switch(satp_mode, root, asid);
	port_tlb_flush_all();
	return 0;
}

bool port_address_space_probe(unsigned int satp_mode, phys_addr_t root)
{
	(void)root;
	return host_has_satp_mode(satp_mode);
}

unsigned int port_asid_bits(void)
{
	return asid_bits;
}

void port_tlb_flush_all(void)
{
	count(&counts.local_all);
	if (tlb_hook != NULL) {
		tlb_hook(vaddr(0), UINT64_MAX);
	}
}

void port_tlb_flush_range(vaddr_t va, size_t bytes)
{
	count(&counts.local_ranges);
	if (tlb_hook != NULL) {
		tlb_hook(va, bytes);
	}
}

void port_tlb_flush_asid(uint32_t asid)
{
	(void)asid;
	count(&counts.local_asid);
}

void port_tlb_flush_asid_range(uint32_t asid, vaddr_t va, size_t bytes)
{
	(void)asid;
	(void)va;
	(void)bytes;
	count(&counts.local_asid_ranges);
}

void port_fence_i(void)
{
	count(&counts.fence_i);
}

int port_remote_tlb_flush(hart_mask_t mask, vaddr_t va, uint64_t bytes, uint32_t asid)
{
	mask &= ~hart_mask_of(port_hart_index());
	if (mask == 0) {
		return 0;
	}
	pthread_mutex_lock(&lock);
	counts.remote++;
	counts.last = (struct host_remote_fence){ mask, va, bytes, asid };
	pthread_mutex_unlock(&lock);
	return remote_works ? 0 : -EIO;
}

int port_remote_fence_i(hart_mask_t mask)
{
	mask &= ~hart_mask_of(port_hart_index());
	if (mask == 0) {
		return 0;
	}
	count(&counts.remote_fence_i);
	return remote_works ? 0 : -EIO;
}
