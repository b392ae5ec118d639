# SPDX-License-Identifier: BSD-2-Clause
obj-y += pagetable/pt.o pagetable/map.o pagetable/change.o pagetable/walk.o
obj-y += pagetable/fixmap.o pagetable/layout.o
obj-y += pagetable/kernel_map.o pagetable/kernel_pages.o pagetable/vmemmap.o pagetable/dump.o
