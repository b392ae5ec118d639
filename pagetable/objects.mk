# SPDX-License-Identifier: BSD-2-Clause
obj-y += pagetable/pt.o pagetable/map.o pagetable/change.o pagetable/walk.o pagetable/share.o pagetable/hide.o
obj-y += pagetable/fixmap.o pagetable/layout.o
obj-y += pagetable/kernel_map.o pagetable/kernel_pages.o pagetable/vmemmap.o pagetable/dump.o pagetable/dump_walk.o
obj-y += pagetable/table_stock.o pagetable/kernel_change.o pagetable/initmem.o
obj-y += pagetable/tlb.o
obj-y += pagetable/vmalloc.o pagetable/palloc_meta.o pagetable/vm_area.o pagetable/ioremap.o pagetable/debug_pagealloc.o
obj-y += pagetable/mm/mm.o pagetable/mm/area.o pagetable/mm/mmap.o pagetable/mm/brk.o pagetable/mm/supply.o
obj-y += pagetable/mm/pages.o pagetable/mm/fault.o pagetable/mm/rmap.o pagetable/mm/movable.o pagetable/mm/asid.o
obj-y += pagetable/mm/user_access.o pagetable/mm/run.o pagetable/mm/syscall.o
host-obj-y += pagetable/mm/programs_host.o
target-obj-y += pagetable/mm/programs.o pagetable/mm/programs/memory.o pagetable/mm/programs/calls.o \
	pagetable/mm/programs/bad.o
