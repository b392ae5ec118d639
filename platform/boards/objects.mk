target-obj-y += platform/boards/mmio.o platform/boards/poweroff.o
