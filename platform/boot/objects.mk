# main.c is the only file that sees every layer; the others bring the hart to it.
target-obj-y += platform/boot/entry.o platform/boot/early_paging.o platform/boot/image.o platform/boot/segments.o platform/boot/main.o platform/boot/notices.o platform/boot/blob.o

# Runs at the load address: no table of absolute addresses.
$(O)/obj/platform/boot/early_paging.o: TARGET_CFLAGS += -fno-jump-tables
