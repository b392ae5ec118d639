obj-$(CONFIG_PALLOC_BUDDY) += allocators/buddy/buddy.o allocators/buddy/buddy_alloc.o allocators/buddy/buddy_search.o allocators/buddy/buddy_free.o \
	allocators/buddy/buddy_claim.o allocators/buddy/buddy_walk.o allocators/buddy/buddy_check.o \
	allocators/buddy/fresh.o
palloc-backends-$(CONFIG_PALLOC_BUDDY) += buddy_palloc_ops
