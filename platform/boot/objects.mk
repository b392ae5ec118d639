# main.c is the only file that sees every layer; the others bring the hart to it.
target-obj-y += platform/boot/entry.o platform/boot/early_paging.o platform/boot/image.o platform/boot/segments.o
# The order of things from there on is the same on a PC (tests/unit/test_boot_host.c), with an image of the test's own.
obj-y += platform/boot/main.o platform/boot/blob.o platform/boot/paging.o platform/boot/objects.o platform/boot/notices.o \
	 platform/boot/console.o

# Runs at the load address: no table of absolute addresses.
$(O)/obj/platform/boot/early_paging.o: TARGET_CFLAGS += -fno-jump-tables
