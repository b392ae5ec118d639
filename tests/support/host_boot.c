/* SPDX-License-Identifier: BSD-2-Clause */
/* See the header. Each boot is a child process: no state of an earlier one is left, and a crash ends the child alone. */
#define _GNU_SOURCE
#include "host_boot.h"

#include "dtb_build.h"
#include "host.h"
#include "host_mmu.h"
#include "platform/boot/boot.h"

#include "fpg/port/port.h"

#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RAM_BASE 0x80000000ULL
#define FIRMWARE 0x80000ULL
#define LOAD	 (RAM_BASE + SZ_2M)
#define BLOB	 (RAM_BASE + 16 * SZ_2M)
#define FAR_BASE (RAM_BASE + SZ_1G)
#define SECONDS	 20

/* What the target's entry code and linker script supply. */
uint64_t early_root_table[512] FPG_ALIGNED(4096);

void kernel_image_describe(struct kernel_image *image, phys_addr_t load)
{
	static const struct {
		const char *name;
		uint64_t bytes;
		uint8_t prot;
		uint16_t owner;
	} parts[] = {
		{ ".text", 0x31000, MEM_R | MEM_X, OWNER_IMAGE_TEXT },
		{ ".init.text", 0x5000, MEM_R | MEM_X, OWNER_IMAGE_INIT },
		{ ".rodata", 0x12000, MEM_R, OWNER_IMAGE_RODATA },
		{ ".data", 0x4000, MEM_R | MEM_W, OWNER_IMAGE_DATA },
		{ ".init.data", 0x3000, MEM_R | MEM_W, OWNER_IMAGE_INIT },
		{ ".bss", 0x43000, MEM_R | MEM_W, OWNER_IMAGE_BSS },
		{ "boot stack guard", 0x1000, 0, OWNER_HART },
		{ "boot stack", 0x4000, MEM_R | MEM_W, OWNER_HART },
	};
	*image = (struct kernel_image){ .load = load };
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		image->segments[image->segment_count++] = (struct kernel_segment){
			.name = parts[i].name,
			.va = vaddr(0xffffffff80000000 + image->bytes),
			.pa = load + image->bytes,
			.bytes = parts[i].bytes,
			.prot = parts[i].prot,
			.owner = parts[i].owner,
		};
		image->bytes += parts[i].bytes;
	}
}

static void add_cpus(uint32_t harts)
{
	dtb_node("cpus");
	dtb_u32("#address-cells", 1);
	dtb_u32("#size-cells", 0);
	dtb_u32("timebase-frequency", 1000000000);
	for (uint32_t i = 0; i < harts; i++) {
		char name[24];
		snprintf(name, sizeof(name), "cpu@%x", i);
		dtb_node(name);
		dtb_string("device_type", "cpu");
		dtb_u32("reg", i);
		dtb_string("riscv,isa", "rv64imac");
		dtb_string("mmu-type", "riscv,sv57");
		dtb_end();
	}
	dtb_end();
}

static void add_memory(phys_addr_t base, uint64_t bytes, uint32_t nid)
{
	char name[32];
	snprintf(name, sizeof(name), "memory@%llx", (unsigned long long)base);
	dtb_node(name);
	dtb_string("device_type", "memory");
	dtb_u64s("reg", base, bytes);
	dtb_u32("numa-node-id", nid);
	dtb_end();
}

static const void *make_blob(const struct host_machine *m, const char *bootargs)
{
	dtb_start();
	dtb_root(2, 2);
	dtb_string("model", m->name);
	add_cpus(m->harts);
	add_memory(RAM_BASE, m->ram_bytes, 0);
	if (m->far_bytes != 0) {
		add_memory(FAR_BASE, m->far_bytes, 1);
	}
	dtb_reserved_memory();
	dtb_reserved("firmware@80000000", RAM_BASE, FIRMWARE, "no-map");
	for (uint32_t i = 0; i < m->reserved_nodes; i++) {
		char name[32];
		phys_addr_t at = RAM_BASE + 20 * SZ_2M + 2ULL * i * PAGE_SIZE;
		snprintf(name, sizeof(name), "part@%llx", (unsigned long long)at);
		dtb_reserved(name, at, PAGE_SIZE, NULL);
	}
	dtb_end();
	dtb_node("chosen");
	dtb_string("bootargs", bootargs);
	dtb_end();
	return dtb_finish();
}

static const struct vm_layout *layout_of(unsigned int satp_mode)
{
	return satp_mode == 8 ? &vm_layout_sv39 :
	       satp_mode == 9 ? &vm_layout_sv48 :
				&vm_layout_sv57;
}

static void at_exit(int code)
{
	_exit(code);
}

static FPG_NORETURN void child(const struct host_machine *m, const char *bootargs, int console)
{
	const void *blob = make_blob(m, bootargs);
	if (dup2(console, STDOUT_FILENO) < 0 || dup2(console, STDERR_FILENO) < 0) {
		_exit(3);
	}
	alarm(SECONDS);
	host_mmu_start(layout_of(m->satp_mode), RAM_BASE,
		       m->far_bytes != 0 ? SZ_1G + m->far_bytes : m->ram_bytes);
	host_mmu_add(RAM_BASE, m->ram_bytes);
	if (m->far_bytes != 0) {
		host_mmu_add(FAR_BASE, m->far_bytes);
	}
	memcpy(port_phys_to_virt(BLOB), blob, fdt_totalsize(blob));
	/* Reachable by early windows alone, which on a host are the same memory. */
	port_linear_ready = false;
	host_set_exit_hook(at_exit);
	boot_main(0, BLOB, LOAD);
}

void host_boot_run(const struct host_machine *machine, uint64_t fail_boot, const char *commands,
		   struct host_boot *out)
{
	char bootargs[1024];
	int ends[2];
	int status = 0;
	size_t used = 0;
	int n = snprintf(bootargs, sizeof(bootargs), "loglevel=info %s%s", machine->bootargs,
			 machine->bootargs[0] != '\0' ? " " : "");
	if (fail_boot != 0) {
		n += snprintf(bootargs + n, sizeof(bootargs) - (size_t)n, "fail_boot=%llu ",
			      (unsigned long long)fail_boot);
	}
	(void)snprintf(bootargs + n, sizeof(bootargs) - (size_t)n, "run=\"%s; poweroff\"",
		       commands);
	fflush(NULL);
	pid_t pid = pipe(ends) == 0 ? fork() : -1;
	if (pid < 0) {
		perror("host_boot");
		exit(2);
	}
	if (pid == 0) {
		child(machine, bootargs, ends[1]);
	}
	close(ends[1]);
	for (;;) {
		char rest[4096];
		bool room = used < HOST_BOOT_LOG - 1;
		ssize_t got = read(ends[0], room ? out->log + used : rest,
				   room ? HOST_BOOT_LOG - 1 - used : sizeof(rest));
		if (got <= 0) {
			break;
		}
		used += room ? (size_t)got : 0;
	}
	close(ends[0]);
	out->log[used] = '\0';
	(void)waitpid(pid, &status, 0);
	out->exited = WIFEXITED(status);
	out->status = out->exited ? WEXITSTATUS(status) : -1;
	out->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}
