obj-$(CONFIG_PALLOC_BOOTMEM) += allocators/bootmem/bootmem.o allocators/bootmem/bootmem_map.o \
	allocators/bootmem/bootmem_pack.o allocators/bootmem/bootmem_search.o allocators/bootmem/bootmem_walk.o
palloc-backends-$(CONFIG_PALLOC_BOOTMEM) += bootmem_palloc_ops
