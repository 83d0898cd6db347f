/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/syscall_names.h"

#include <seccomp.h>

#include "sensor/bpf/abi.h"

#define X32_BIT 0x40000000

static uint32_t arch_of(uint8_t arch)
{
	switch ((enum pg_arch)arch) {
	case PG_ARCH_NATIVE:
		return seccomp_arch_native();
	case PG_ARCH_IA32:
		return SCMP_ARCH_X86;
	case PG_ARCH_X32:
		return SCMP_ARCH_X32;
	case PG_ARCH_MAX:
		break;
	}
	return 0;
}

const char *syscall_name(uint8_t arch, uint16_t nr)
{
	static char *names[PG_ARCH_MAX][PG_SYSCALL_MAX]; /* asked for once each */
	char **at;

	if (arch >= PG_ARCH_MAX || nr >= PG_SYSCALL_MAX)
		return "";
	at = &names[arch][nr];
	if (!*at)
		*at = seccomp_syscall_resolve_num_arch(arch_of(arch), arch == PG_ARCH_X32 ? X32_BIT | nr : nr);
	return *at ? *at : "";
}
