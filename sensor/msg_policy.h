/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core and the keeper say about policy. Core sends whole plans; the keeper checks them, finds out what changed, and makes
 * it so. Framing: base/ipc.h, types: sensor/msg.h. */
#ifndef PG_SENSOR_MSG_POLICY_H
#define PG_SENSOR_MSG_POLICY_H

#include <stdint.h>

#include "enforce/nft_plan.h"

/* MSG_POLICY_PLAN, core -> keeper: a part of a plan, then count struct plan_rec. A part with POLICY_PART_FIRST begins a new plan,
 * one with POLICY_PART_LAST ends it. An empty plan: nothing of a model is enforced there. Answered by MSG_POLICY_STATE. */
enum { POLICY_PART_FIRST = 1, POLICY_PART_LAST = 2 };
#define POLICY_PART_RECS 1800u
struct msg_policy_plan {
	uint16_t ns;
	uint16_t flags;
	uint32_t mark;
	uint32_t serial;
	uint32_t count;
};

/* MSG_POLICY_HOLD, core -> keeper: block, or put in quarantine, or end that (on 0: what has the same addresses, protocol and
 * port). Answered by MSG_POLICY_STATE. */
struct msg_policy_hold {
	uint16_t ns;
	uint8_t on;
	uint8_t pad[5];
	struct plan_hold hold;
};

/* MSG_POLICY_ALL, core -> keeper, no body: all plans and holds there are have been sent; tables elsewhere are of another time. */

/* MSG_POLICY_STATE, keeper -> core. */
enum policy_how { POLICY_HOW_NONE, POLICY_HOW_SAME, POLICY_HOW_ELEMENTS, POLICY_HOW_RULESET, POLICY_HOW_REMOVED };
struct msg_policy_state {
	uint16_t ns;
	uint8_t how;           /* enum policy_how */
	uint8_t hold;          /* an answer to MSG_POLICY_HOLD */
	int32_t status;        /* 0 or -errno; then what held before still holds */
	uint32_t serial;       /* of the plan; MSG_POLICY_HOLD: of the message's header */
	uint32_t micros;       /* from the message to what it asked for */
	uint8_t bridge4, bridge6; /* bridged packets are judged in the bridge family */
	uint8_t pad[6];
	char err[240];
};

/* MSG_POLICY_TAMPER, keeper -> core: somebody else changed our table; it was put right. */
struct msg_policy_tamper {
	uint16_t ns;
	uint16_t pad;
	int32_t status;        /* of putting it right */
	uint32_t pid;          /* who, 0 unknown */
	uint32_t micros;       /* from the notice to the right state */
	uint32_t gone;         /* the table was gone, not changed */
	char comm[20];
};

/* MSG_POLICY_COUNTERS, core -> keeper: uint16_t ns; answered with struct msg_policy_counters and its rows; also sent before a
 * ruleset is replaced (serial of the plan that they counted for). */
enum policy_counter { POLICY_COUNT_EDGE, POLICY_COUNT_REFUSED_IN, POLICY_COUNT_REFUSED_OUT, POLICY_COUNT_BLOCKED, POLICY_COUNT_QUARANTINED,
		      POLICY_COUNT_UNKNOWN };
struct msg_policy_counter {
	uint8_t what;          /* enum policy_counter */
	uint8_t pad;
	uint16_t number;       /* edge or workload */
	uint32_t pad2;
	uint64_t packets, bytes;
};
struct msg_policy_counters {
	uint16_t ns;
	uint16_t count;
	uint32_t serial;
	uint32_t final, pad;   /* this table is about to go: these counters begin at 0 again */
};

#endif
