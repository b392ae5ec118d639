obj-$(CONFIG_CMA) += allocators/cma/cma.o allocators/cma/cma_window.o allocators/cma/cma_walk.o
palloc-overlays-$(CONFIG_CMA) += cma_palloc_ops
