host-obj-y += platform/host/port_host.o platform/host/trap_host.o platform/host/harts_host.o
host-obj-y += platform/host/translation_host.o platform/host/user_host.o
