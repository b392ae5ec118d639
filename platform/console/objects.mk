target-obj-y += platform/console/console.o
