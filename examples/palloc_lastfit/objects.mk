obj-$(CONFIG_PALLOC_LASTFIT) += allocators/lastfit/lastfit.o
palloc-backends-$(CONFIG_PALLOC_LASTFIT) += lastfit_palloc_ops
