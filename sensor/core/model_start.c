/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who comes into a container from outside: its declared health check, and scripts that docker exec has a known interpreter run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sensor/core/declared.h"
#include "sensor/core/model_priv.h"
#include "sensor/watch/applet.h"
#include "sensor/watch/script_arg.h"

#define ANCESTORS_MAX 16

bool model_is_health(struct core *c, const struct ident_container *ct, const struct process *p)
{
	for (unsigned i = 0; p && i < ANCESTORS_MAX; i++, p = processes_get(c->procs, p->parent))
		if (p->entered)
			return declared_is_health(c, ct, p->args, p->flags & PG_EVF_ARGS_CUT);
	return false;
}

static void tell(struct core *c, const struct ident_container *ct, const struct model *m, const struct process *p, const char *script,
		 const char *key, uint64_t seen_mono_ns)
{
	_cleanup_free_ struct finding *f = calloc(1, sizeof(*f));

	if (!f)
		return;
	f->kind = FINDING_PROCESS_NEW;
	f->fact_kind = FACT_PROCESS;
	f->pid = p->tgid;
	f->start_boot_ns = p->start_boot_ns;
	f->observed_ns = seen_mono_ns ? clock_mono_to_wall_ns(seen_mono_ns) : 0;
	snprintf(f->key, sizeof(f->key), "process\t%s", key);
	snprintf(f->fact, sizeof(f->fact), "%s", key);
	snprintf(f->process, sizeof(f->process), "%s", p->exe);
	snprintf(f->parent, sizeof(f->parent), "%s", FACT_RUNTIME);
	snprintf(f->observed, sizeof(f->observed), "%.200s was started in %s by the engine (docker exec) to run %.200s", p->exe, ct->name, script);
	snprintf(f->why, sizeof(f->why), "%.200s is known here, but it was never started from outside to run %.200s.", p->exe, script);
	model_expect_facts(f, m, FACT_PROCESS, true, p->exe);
	if (!f->expected_count)
		model_expect_facts(f, m, FACT_PROCESS, false, p->exe);
	model_tell(c, ct, m, FACT_PROCESS, f);
}

/* Where things come and go under ever new names. */
static bool is_passing(const char *script)
{
	static const char *const places[] = { "/tmp/", "/var/tmp/", "/dev/", "/run/", "/proc/" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (!strncmp(script, places[i], strlen(places[i])))
			return true;
	return script[0] != '/';
}

bool model_on_script(struct core *c, const struct ident_container *ct, struct model *m, const struct process *p, bool known, bool from_engine,
		     uint64_t seen_mono_ns)
{
	char script[PG_SCRIPT_MAX * 4], key[FACT_KEY_MAX];
	struct model_seen s;

	/* A container's first process runs what its image says. */
	if ((p->flags & PG_EVF_NS_INIT) || p->tgid == ct->pid || !applet_script(p->exe, p->args, p->script, script, sizeof(script)))
		return false;
	if (script_is_with_programs(script) || (!from_engine && is_passing(script)))
		return false;
	s = model_seen_of(ct, clock_wall_ns());
	s.startup |= !from_engine; /* what the application runs by itself is known here, but nothing that learning waits for */
	fact_key(key, script, p->exe);
	if (model_match(m, FACT_PROCESS, key) || model_dimension_state(m, FACT_PROCESS) == MODEL_LEARNING) {
		model_see(m, FACT_PROCESS, key, &s, NULL);
		return false;
	}
	if (!from_engine || !known || declared_names_script(c, ct, script))
		return false; /* of an interpreter that never ran, its own finding tells */
	tell(c, ct, m, p, script, key, seen_mono_ns);
	return true;
}
