host-obj-y += platform/host/port_host.o platform/host/trap_host.o
