obj-y += core/hart.o core/hart_call.o core/hart_hold.o core/hart_run.o core/hart_start.o core/spinlock.o
obj-y += core/log.o core/panic.o core/symbols.o core/fail_boot.o
obj-y += core/owner.o core/memblock.o core/memblock_table.o core/memblock_grow.o core/memblock_iter.o \
	 core/memblock_alloc.o core/memblock_owner.o core/memblock_query.o core/memblock_limit.o \
	 core/memblock_handover.o core/memblock_debug.o core/memtest.o
obj-y += core/dt_check.o core/dt_walk.o core/dt_value.o core/dt_collect.o core/dt_memory.o core/dt_reserved.o
obj-y += core/dt_machine.o core/dt_console.o core/dt_isa.o core/dt_dma.o core/dma_coherent.o core/dt_order.o core/dt_hole.o core/bootargs.o core/bootargs_memory.o
obj-y += core/boot_memory.o core/boot_memory_ram.o core/boot_memory_overlap.o core/boot_memory_area.o core/boot_memory_reserve.o core/boot_memory_scratch.o
obj-y += core/frame_table.o core/frame_reserve.o core/gfp.o core/pageblock.o core/zone.o core/zonelist.o core/zone_log.o core/zone_movable.o
obj-y += core/page_alloc.o core/page_alloc_slow.o core/page_alloc_large.o core/page_free.o core/fragmentation.o core/page_cache.o core/page_cache_init.o \
	core/page_cache_drain.o core/watermark.o core/page_isolate.o core/fail_page_alloc.o
obj-y += core/bootmem.o core/bootmem_handover.o core/page_poison.o
obj-y += core/page_alloc_init.o core/page_range.o core/palloc_registry.o core/palloc_handover.o \
	core/palloc_walk.o core/palloc_switch.o core/palloc_meta.o
obj-y += core/ledger.o core/ledger_json.o core/ledger_name.o core/ledger_snapshot.o core/ledger_sources.o
obj-y += core/ledger_text.o core/ledger_warnings.o core/ledger_why.o
obj-y += core/image.o core/object_pool.o core/boot_phase.o
obj-y += core/movable.o core/migrate.o core/migrate_look.o core/contig.o core/contig_hold.o
obj-$(CONFIG_COMPACTION) += core/compaction.o core/compaction_free.o core/compaction_direct.o
obj-$(CONFIG_CMA) += core/cma.o core/cma_alloc.o core/cma_boot.o core/cma_guaranteed.o core/cma_lend.o core/cma_move.o
obj-y += core/page_owner.o core/page_debug.o core/kernel_map_ops.o
