target-obj-y += platform/sbi/sbi.o platform/sbi/sbi_console.o
