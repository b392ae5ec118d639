target-obj-y += platform/sbi/sbi.o platform/sbi/sbi_console.o platform/sbi/sbi_harts.o platform/sbi/sbi_remote.o
