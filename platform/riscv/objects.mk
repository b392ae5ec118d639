target-obj-y += platform/riscv/hart.o platform/riscv/trap_entry.o platform/riscv/trap.o platform/riscv/trap_print.o
target-obj-y += platform/riscv/backtrace.o platform/riscv/string.o platform/riscv/translation.o
target-obj-y += platform/riscv/interrupt.o platform/riscv/harts.o platform/riscv/secondary.o
target-obj-y += platform/riscv/user.o platform/riscv/user_entry.o platform/riscv/user_copy.o
