target-obj-y += platform/riscv/hart.o platform/riscv/trap_entry.o platform/riscv/trap.o platform/riscv/trap_print.o
target-obj-y += platform/riscv/backtrace.o platform/riscv/string.o
