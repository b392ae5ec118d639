target-obj-y += platform/boards/poweroff.o
