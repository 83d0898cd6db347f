# SPDX-License-Identifier: GPL-2.0-or-later
# Pierglass: build, test, run. `make help` lists what there is to make.

comma    := ,
B        := build$(if $(SAN),-$(subst $(comma),-,$(SAN)))
CC       ?= gcc
CLANG    ?= clang-14
FUZZCC   ?= clang-14
BPFTOOL  ?= /usr/sbin/bpftool
PREFIX   ?= /usr
DESTDIR  ?=
V        ?= 0
Q        := $(if $(filter 1,$(V)),,@)
say       = @printf '  %-7s %s\n' $(1) $(2);

STD      := -std=gnu11 -D_GNU_SOURCE -I. -I$(B)
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wno-unused-parameter -Wno-format-truncation -Wformat=2 -Wvla $(if $(CI),$(if $(SAN),,-Werror))
OPT      ?= -O2 -g
HARDEN   := -fstack-protector-strong -fPIE -ffunction-sections -fdata-sections
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=undefined -DPG_SAN=1)
FORTIFY  := $(if $(SAN),,-D_FORTIFY_SOURCE=2)
CFLAGS   += $(STD) $(WARN) $(OPT) $(HARDEN) $(FORTIFY) $(SANFLAGS)
LDFLAGS  += -pie -Wl,-z,relro,-z,now -Wl,--gc-sections $(SANFLAGS)

# --- rooms: every .c of a folder is one static library -----------------------------------------
room      = $(patsubst %.c,$(B)/%.o,$(sort $(wildcard $(1))))
BASE_O   := $(call room,base/*.c)
FLOWS_O  := $(call room,flows/*.c)
APPID_O  := $(filter-out $(B)/appid/inspect_main.o,$(call room,appid/*.c appid/config/*.c))
INTEL_O  := $(call room,intel/*.c)
ENFORCE_O:= $(call room,enforce/*.c)
KEEPER_O := $(filter-out $(B)/sensor/keeper/keeper_main.o,$(call room,sensor/keeper/*.c))
WATCH_O  := $(call room,sensor/watch/*.c)
CORE_O   := $(filter-out $(B)/sensor/core/core_main.o,$(call room,sensor/core/*.c))
SENSOR_O := $(call room,sensor/*.c)
CLI_O    := $(filter-out $(B)/tools/pierglass/main.o,$(call room,tools/pierglass/*.c))
# Libraries are named where they are linked, one executable each (DESIGN section 3 gives the licence reason).
KEEPER_L := -lbpf -lnftables -lnftnl -lmnl -lnetfilter_queue -lseccomp -lcap-ng
CORE_L   := -luv -lmaxminddb -lcurl -ljansson -lsqlite3 -lmicrohttpd -lfyaml -lbpf -lseccomp -lcrypto -lfixbuf -lglib-2.0
CLI_L    := -lnftnl -lmnl -lcurl -ljansson -lcrypto -lz -lncursesw -ltinfo -lbpf
INSPECT_L:= -lndpi -lgcrypt -lldns -lbpf -lseccomp -lcap-ng -ljansson -lfyaml -lexpat -larchive -lmaxminddb

PROGRAMS := $(B)/pierglassd $(B)/pierglass $(B)/pierglass-core $(B)/pierglass-inspect

all: $(PROGRAMS) ## build the four programs into build/


# --- eBPF -------------------------------------------------------------------------------------
BPF_SRC  := $(sort $(wildcard sensor/bpf/*.bpf.c))
BPF_SKEL := $(patsubst sensor/bpf/%.bpf.c,$(B)/sensor/bpf/%.skel.h,$(BPF_SRC))
BPF_INC  := -I/usr/include/$(shell uname -m)-linux-gnu
$(B)/sensor/bpf/vmlinux.h:
	$(call say,BTF,$@) mkdir -p $(@D)
	$(Q)if [ -r /sys/kernel/btf/vmlinux ]; then $(BPFTOOL) btf dump file /sys/kernel/btf/vmlinux format c > $@.tmp; \
	  else echo "pierglass: this machine's kernel has no BTF (/sys/kernel/btf/vmlinux); build on one that has" >&2; exit 1; fi && mv $@.tmp $@
$(B)/sensor/bpf/%.bpf.o: sensor/bpf/%.bpf.c $(B)/sensor/bpf/vmlinux.h
	$(call say,BPF,$@) mkdir -p $(@D)
	$(Q)$(CLANG) -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -g -O2 -Wall -Werror -I. -I$(B)/sensor/bpf $(BPF_INC) -MMD -MP -c $< -o $@
$(B)/sensor/bpf/%.skel.h: $(B)/sensor/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $(subst -,_,$*)_bpf > $@.tmp && mv $@.tmp $@
.SECONDARY: $(BPF_SRC:sensor/bpf/%.bpf.c=$(B)/sensor/bpf/%.bpf.o)

skeletons: $(BPF_SKEL)
$(KEEPER_O) $(B)/sensor/keeper/keeper_main.o: | $(BPF_SKEL)

# libfixbuf wants glib; in one file.
CFLAGS_sensor_core_ipfix := $(shell pkg-config --cflags glib-2.0 2>/dev/null)

# --- C ----------------------------------------------------------------------------------------
$(B)/sensor/core/page.o $(B)/fuzz/obj/sensor/core/page.o: $(wildcard tools/web/*)
$(B)/%.o: %.c
	$(call say,CC,$@) mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(CFLAGS_$(subst /,_,$*)) -MMD -MP -c $< -o $@

lib = $(B)/lib$(1).a
define ar_rule
$(B)/lib$(1).a: $(2)
	$$(call say,AR,$$@) mkdir -p $$(@D)
	$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(eval $(call ar_rule,base,$(BASE_O)))
$(eval $(call ar_rule,flows,$(FLOWS_O)))
$(eval $(call ar_rule,appid,$(APPID_O)))
$(eval $(call ar_rule,intel,$(INTEL_O)))
$(eval $(call ar_rule,enforce,$(ENFORCE_O)))
$(eval $(call ar_rule,sensor,$(SENSOR_O)))
$(eval $(call ar_rule,keeper,$(KEEPER_O)))
$(eval $(call ar_rule,watch,$(WATCH_O)))
$(eval $(call ar_rule,core,$(CORE_O)))
$(eval $(call ar_rule,cli,$(CLI_O)))

link = $(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(1)
$(B)/pierglassd: $(B)/sensor/keeper/keeper_main.o $(call lib,keeper) $(call lib,enforce) $(call lib,flows) $(call lib,sensor) $(call lib,base)
	$(call say,LINK,$@)
	$(call link,$(KEEPER_L))
$(B)/pierglass-core: $(B)/sensor/core/core_main.o $(call lib,core) $(call lib,enforce) $(call lib,watch) $(call lib,intel) $(call lib,flows) $(call lib,sensor) $(call lib,base)
	$(call say,LINK,$@)
	$(call link,$(CORE_L))
$(B)/pierglass-inspect: $(B)/appid/inspect_main.o $(call lib,appid) $(call lib,intel) $(call lib,flows) $(call lib,sensor) $(call lib,base)
	$(call say,LINK,$@)
	$(call link,$(INSPECT_L))
$(B)/pierglass: $(B)/tools/pierglass/main.o $(call lib,cli) $(call lib,enforce) $(call lib,base)
	$(call say,LINK,$@)
	$(call link,$(CLI_L))

# --- tests ------------------------------------------------------------------------------------
UNIT_T   := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
ALL_LIBS := $(foreach l,core watch appid intel keeper enforce flows sensor cli base,$(call lib,$(l)))
TEST_L   := -lcmocka $(CORE_L) $(INSPECT_L) $(KEEPER_L) $(CLI_L) -lpcap -lm
$(B)/tests/unit/%: $(B)/tests/unit/%.o $(ALL_LIBS)
	$(call say,LINK,$@)
	$(call link,$(TEST_L))
$(B)/tests/unit/%.o: | $(BPF_SKEL)
.SECONDARY: $(UNIT_T:=.o)
unit: $(UNIT_T) ## build the unit tests
# Programs that tests in containers, namespaces and the bench use: one .c, one program.
-include tests/helpers/flags.mk
HELPERS  := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/helpers/*.c tools/bench/*.c tools/gen/*.c)))
HELPER_L_nfq := -lnetfilter_queue -lmnl
HELPER_L_docker_watch = $(call lib,watch) $(call lib,flows) $(call lib,sensor) $(call lib,base) -lcurl -ljansson -lseccomp -lcap-ng
HELPER_L_files_probe = -Wl,--start-group $(call lib,keeper) $(call lib,watch) $(call lib,flows) $(call lib,sensor) $(call lib,base) -Wl,--end-group -lbpf -lmnl -lcurl -ljansson -lseccomp -lcap-ng -lcrypto
$(B)/tests/helpers/files_probe: $(call lib,keeper) $(call lib,watch) $(call lib,flows) $(call lib,sensor)
$(B)/tests/helpers/docker_watch: $(call lib,watch) $(call lib,flows) $(call lib,sensor)
$(B)/tests/helpers/%: tests/helpers/%.c $(call lib,base)
	$(call say,CC,$@) mkdir -p $(@D)
	$(Q)$(CC) $(STD) $(WARN) $(OPT) -MMD -MP $< -o $@ $(call lib,base) $(HELPER_L_$*) -lpthread
$(B)/tools/%: tools/%.c $(call lib,flows) $(call lib,base)
	$(call say,CC,$@) mkdir -p $(@D)
	$(Q)$(CC) $(STD) $(WARN) $(OPT) -MMD -MP $< -o $@ $(call lib,flows) $(call lib,base) $(HELPER_L_$(notdir $*)) -lpthread
helpers: $(HELPERS)

# Fuzz targets: clang's libFuzzer over the sources themselves, always with ASan and UBSan.
FUZZ_T   := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_SRC := $(sort $(wildcard base/*.c flows/*.c sensor/*.c)) $(filter-out appid/inspect_main.c,$(sort $(wildcard appid/*.c appid/config/*.c))) \
            $(sort $(wildcard sensor/watch/*.c intel/*.c)) sensor/keeper/link_parse.c sensor/core/config_api.c sensor/core/config_exports.c sensor/core/config_feeds.c enforce/action.c enforce/pcapng.c enforce/plan.c enforce/policy.c \
            enforce/nft_plan.c enforce/nft_elems.c enforce/nfq_msg.c enforce/nfq_conns.c enforce/nfq_sock.c
FUZZ_O   := $(patsubst %.c,$(B)/fuzz/obj/%.o,$(FUZZ_SRC))
FUZZ_F   := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -g -O1 $(STD) -Wno-unknown-warning-option -DPG_SAN=1
$(B)/fuzz/obj/%.o: %.c
	$(call say,FUZZCC,$@) mkdir -p $(@D)
	$(Q)$(FUZZCC) $(FUZZ_F) -MMD -MP -c $< -o $@
$(B)/fuzz/libfuzz.a: $(FUZZ_O)
	$(Q)rm -f $@ && ar rcs $@ $^
$(B)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(B)/fuzz/libfuzz.a
	$(call say,FUZZ,$@)
	$(Q)$(FUZZCC) $(FUZZ_F) -fsanitize=fuzzer -MMD -MP $< -o $@ $(B)/fuzz/libfuzz.a $(CORE_L) $(INSPECT_L) -lmnl -lpcap -lm
fuzzers: $(FUZZ_T) ## build the fuzz targets (libFuzzer, ASan, UBSan)

deps: ## install the Debian packages that building and testing need
	$(Q)tools/deps.sh
lint: skeletons ## include boundaries, cppcheck, clang-tidy, shellcheck
	$(Q)tools/lint.sh
coverage: skeletons ## line coverage of the parsers in appid/, by file (unit tests, fuzz seeds, captures)
	$(Q)tools/coverage.sh
test: ## install what is missing, build, run every test (needs root)
	$(Q)tests/run.sh
scenarios: all helpers ## attacks that must be found and life that must stay silent, on real containers; FULL=1 for the long form
	$(Q)FULL=$(FULL) tests/run.sh scenarios
run: ## install what is missing, build, start the sensor on the local Docker engine (needs root)
	$(Q)tools/run.sh
demo: ## an isolated engine with WordPress, MariaDB and Node, the sensor, traffic, and the map (needs root)
	$(Q)tools/demo.sh
bench: all helpers $(B)/tests/unit/test_api $(B)/tests/unit/test_exports ## measure what the sensor costs; QUICK=1 ends within 50 s
	$(Q)QUICK=$(QUICK) tools/bench.sh
install: all ## install below DESTDIR, PREFIX
	$(Q)tools/install.sh "$(B)" "$(DESTDIR)" "$(PREFIX)"
deb: ## build/pierglass_VERSION_amd64.deb
	$(Q)tools/deb.sh
image: deb ## a container image pierglass:latest, by the Docker client on PATH
	$(Q)tools/image.sh
clean: ## remove what was built
	$(Q)rm -rf build build-*
help: ## this list
	@printf 'make TARGET [V=1] [SAN=address,undefined] [QUICK=1] [DESTDIR=...] [PREFIX=/usr]\n\n'
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

.PHONY: all deps lint coverage test scenarios run demo bench install deb image clean help unit helpers fuzzers skeletons
.DELETE_ON_ERROR:
-include $(shell find $(B) -name deb -prune -o -type f -name '*.d' -print 2>/dev/null)
