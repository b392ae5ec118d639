target-obj-y += platform/console/console.o platform/console/uart.o
target-obj-$(CONFIG_CONSOLE_8250) += platform/console/uart_8250.o
target-obj-$(CONFIG_CONSOLE_SIFIVE) += platform/console/uart_sifive.o
