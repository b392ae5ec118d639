obj-y += platform/boards/boards.o platform/boards/jh7100.o platform/boards/jh7110.o
target-obj-y += platform/boards/mmio.o platform/boards/poweroff.o
