/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "sensor/core/events.h"

const char *core_event_name(enum core_event_kind k)
{
	switch (k) {
	case CORE_EVENT_EXEC:
		return "exec";
	case CORE_EVENT_FORK:
		return "fork";
	case CORE_EVENT_EXIT:
		return "exit";
	case CORE_EVENT_LISTEN:
		return "listen";
	case CORE_EVENT_BIND:
		return "bind";
	case CORE_EVENT_CLOSE:
		return "close";
	case CORE_EVENT_CONNECT:
		return "connect";
	case CORE_EVENT_SYSCALL:
		return "syscall";
	case CORE_EVENT_RAW_SOCKET:
		return "raw-socket";
	case CORE_EVENT_FILE:
		return "file";
	case CORE_EVENT_FILE_CHANGED:
		return "file-changed";
	case CORE_EVENT_EXE:
		return "exe";
	case CORE_EVENT_UNIX:
		return "unix-connect";
	case CORE_EVENT_THROTTLE:
		return "throttle";
	case CORE_EVENT_MAX:
		break;
	}
	return "unknown";
}

int core_event_kind_of(const char *name)
{
	for (int k = 0; k < CORE_EVENT_MAX; k++)
		if (!strcmp(core_event_name((enum core_event_kind)k), name))
			return k;
	return -1;
}
