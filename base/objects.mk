obj-y += base/out.o base/json.o base/assert.o
obj-y += base/bits.o
obj-y += base/area_tree.o base/area_gap.o
obj-y += base/parse.o base/sort.o base/errno_name.o
host-obj-y += base/vaddr_host.o
