/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which workload is enforced, since when, until when; what is blocked and in quarantine. */
#include "sensor/core/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sensor/core/policy_priv.h"

#define STATE_FILE "policy.state"
#define STATE_MAX (1U << 20)
#define COUNTERS_EVERY_NS (2 * NSEC_PER_SEC)
#define HOLD_MAX_S 86400u

const char *policy_mode_name(enum policy_mode m)
{
	static const char *const names[POLICY_MODE_MAX] = { "learn", "monitor", "enforce" };

	return m < POLICY_MODE_MAX ? names[m] : "?";
}

/* ---- choices --------------------------------------------------------------------------------------------------------------- */
struct policy_choice *policy_choice_find(const struct core_policy *p, const char *workload)
{
	for (unsigned i = 0; i < p->choice_count; i++)
		if (!strcmp(p->choices[i].name, workload))
			return &p->choices[i];
	return NULL;
}

static struct policy_choice *choice_get(struct core_policy *p, const char *workload)
{
	struct policy_choice *ch = policy_choice_find(p, workload);

	if (ch || p->choice_count == POLICY_CHOICES_MAX || strlen(workload) >= sizeof(ch->name))
		return ch;
	ch = &p->choices[p->choice_count++];
	*ch = (struct policy_choice){ .mode = POLICY_MONITOR };
	snprintf(ch->name, sizeof(ch->name), "%s", workload);
	return ch;
}

static bool edges_are_learned(const struct core *c, const char *workload)
{
	const struct model *m = core_model_named(c, workload);

	return m && model_dimension_state(m, FACT_EDGE_IN) != MODEL_LEARNING && model_dimension_state(m, FACT_EDGE_OUT) != MODEL_LEARNING;
}

bool policy_is_enforced(const struct core *c, const struct policy_choice *ch)
{
	return ch->mode == POLICY_ENFORCE && (!ch->configured || edges_are_learned(c, ch->name));
}

unsigned policy_count_enforced(const struct core *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->policy->choice_count; i++)
		n += policy_is_enforced(c, &c->policy->choices[i]);
	return n;
}

enum policy_mode policy_mode_of(const struct core *c, const char *workload)
{
	const struct policy_choice *ch = c->policy ? policy_choice_find(c->policy, workload) : NULL;

	if (ch && policy_is_enforced(c, ch))
		return POLICY_ENFORCE;
	return edges_are_learned(c, workload) ? POLICY_MONITOR : POLICY_LEARN;
}

const char *policy_refusal(const struct core *c)
{
	return c->policy ? c->policy->refusal : "";
}

static int _printf_(3, 4) refuse(struct core *c, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->policy->refusal, sizeof(c->policy->refusal), fmt, ap);
	va_end(ap);
	return err;
}

/* ---- what outlives this core ---------------------------------------------------------------------------------------------------- */
static void state_write(struct core *c)
{
	struct core_policy *p = c->policy;
	uint64_t now = clock_mono_ns(), wall = clock_wall_ns();
	char path[320], temp[330];
	FILE *f;
	int fd;

	snprintf(path, sizeof(path), "%s/" STATE_FILE, c->state_dir);
	snprintf(temp, sizeof(temp), "%s.new", path);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		log_warn("policy: %s: %s, ignoring: after a restart only the configuration holds", temp, strerror(errno));
		close_fd(&fd);
		return;
	}
	fprintf(f, "pierglass policy 1\n");
	for (unsigned i = 0; i < p->choice_count; i++) {
		const struct policy_choice *ch = &p->choices[i];
		uint8_t mode = ch->confirm_by_ns ? ch->mode_before : ch->mode; /* not confirmed: not kept */

		if (!ch->configured)
			fprintf(f, "choice\t%u\t%u\t%u\t%s\n", mode, ch->cut, ch->closed, ch->name);
	}
	for (unsigned i = 0; i < p->hold_count; i++) {
		const struct policy_hold *h = &p->holds[i];
		uint64_t until = h->until_ns ? wall + (h->until_ns - now) : 0;

		fprintf(f, "hold\t%llu\t%llu\t%u\t%u\t%u\t%u\t%u\t%u\t", (unsigned long long)until, (unsigned long long)h->finding, h->engine,
			h->hold.quarantine, h->hold.has_peer, h->hold.l4, h->hold.port, h->hold.analyst_bits);
		for (unsigned k = 0; k < 16; k++)
			fprintf(f, "%02x", h->hold.peer[k]);
		fprintf(f, "\t%s\t%s\t%s\n", h->cid, h->workload, h->container);
	}
	if (fflush(f) || fsync(fd) || fclose(f) || rename(temp, path))
		log_warn("policy: %s: %s, ignoring: after a restart only the configuration holds", path, strerror(errno));
}

static bool hex16(const char *s, uint8_t ret[16])
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned v;

		if (sscanf(s + 2 * i, "%2x", &v) != 1)
			return false;
		ret[i] = (uint8_t)v;
	}
	return true;
}

static void state_hold(struct core *c, char *line)
{
	struct core_policy *p = c->policy;
	struct policy_hold *h = p->hold_count < POLICY_HOLDS_MAX ? &p->holds[p->hold_count] : NULL;
	unsigned long long until, finding;
	unsigned engine, quarantine, has_peer, l4, port, bits;
	uint64_t wall = clock_wall_ns();
	char hex[33];
	int at = 0;

	if (!h || sscanf(line, "hold\t%llu\t%llu\t%u\t%u\t%u\t%u\t%u\t%u\t%32[0-9a-f]\t%n", &until, &finding, &engine, &quarantine, &has_peer, &l4, &port,
			 &bits, hex, &at) != 9 || !at || (until && until <= wall))
		return;
	*h = (struct policy_hold){ .engine = engine, .finding = finding, .since_wall_ns = wall, .until_ns = until ? clock_mono_ns() + (until - wall) : 0 };
	h->hold = (struct plan_hold){ .quarantine = quarantine != 0, .has_peer = has_peer != 0, .l4 = (uint8_t)l4, .port = (uint16_t)port,
				      .analyst_bits = (uint8_t)bits, .left_s = until ? (uint32_t)((until - wall) / NSEC_PER_SEC) + 1 : UINT32_MAX };
	if (!hex16(hex, h->hold.peer) || sscanf(line + at, "%64[0-9a-f]\t%299[^\t\n]\t%255[^\t\n]", h->cid, h->workload, h->container) != 3)
		return;
	p->hold_count++;
}

static void state_read(struct core *c)
{
	_cleanup_free_ char *text = calloc(1, STATE_MAX + 1);
	_cleanup_close_ int fd = -1;
	char path[320], *save = NULL;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/" STATE_FILE, c->state_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 || !text ? -1 : read(fd, text, STATE_MAX);
	if (n <= 0 || strncmp(text, "pierglass policy 1\n", 19))
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct policy_choice *ch;
		unsigned mode, cut, closed;
		int at = 0;

		if (!strncmp(line, "hold\t", 5))
			state_hold(c, line);
		if (sscanf(line, "choice\t%u\t%u\t%u\t%n", &mode, &cut, &closed, &at) != 3 || !at || mode >= POLICY_MODE_MAX)
			continue;
		ch = choice_get(c->policy, line + at);
		if (!ch)
			continue;
		ch->mode = (uint8_t)mode;
		ch->cut = cut != 0;
		ch->closed = closed != 0;
		ch->configured = false;
	}
}

static void configuration_read(struct core *c)
{
	for (unsigned i = 0; i < c->config.policy.workload_count; i++) {
		const struct config_policy_workload *w = &c->config.policy.workloads[i];
		struct policy_choice *ch = choice_get(c->policy, w->name);

		if (!ch)
			continue;
		ch->mode = w->mode;
		ch->cut = w->cut;
		ch->closed = w->closed;
		ch->configured = true;
		ch->since_wall_ns = clock_wall_ns();
	}
}

/* ---- commands --------------------------------------------------------------------------------------------------------------------- */
/* What is enforced begins without the marks of connections that were judged before. */
int policy_enforce(struct core *c, const char *workload, const struct policy_how_to *how)
{
	struct core_policy *p = c->policy;
	struct policy_choice *ch;

	if (!core_model_named(c, workload) && !how->anyway)
		return refuse(c, -ENOENT, "no workload of the name %s has a model: see pierglass model list", workload);
	if (!edges_are_learned(c, workload) && !how->anyway)
		return refuse(c, -EPERM, "the edges of %s are still being learned: what it does next would be refused (--anyway: all the same)", workload);
	ch = choice_get(p, workload);
	if (!ch)
		return refuse(c, -ENOSPC, "too many workloads have a policy of their own");
	if (how->confirm_s && !ch->confirm_by_ns) {
		ch->mode_before = ch->mode;
		ch->cut_before = ch->cut;
		ch->closed_before = ch->closed;
	}
	ch->mode = POLICY_ENFORCE;
	ch->configured = false;
	ch->since_wall_ns = clock_wall_ns();
	if (how->established >= 0)
		ch->cut = how->established == 1;
	if (how->closed >= 0)
		ch->closed = how->closed == 1;
	ch->confirm_by_ns = how->confirm_s ? clock_mono_ns() + how->confirm_s * NSEC_PER_SEC : 0;
	state_write(c);
	policy_send(c);
	return 0;
}

int policy_confirm(struct core *c, const char *workload)
{
	struct policy_choice *ch = policy_choice_find(c->policy, workload);

	if (!ch || ch->mode != POLICY_ENFORCE)
		return refuse(c, -ENOENT, "%s is not enforced (not any more)", workload);
	if (!ch->confirm_by_ns)
		return refuse(c, -EEXIST, "%s needs no confirmation", workload);
	ch->confirm_by_ns = 0;
	state_write(c);
	return 0;
}

int policy_monitor(struct core *c, const char *workload)
{
	struct policy_choice *ch = policy_choice_find(c->policy, workload);

	if (!ch && !core_model_named(c, workload))
		return refuse(c, -ENOENT, "no workload of the name %s is known", workload);
	if (!ch || ch->mode == POLICY_MONITOR)
		return 0;
	ch->mode = POLICY_MONITOR;
	ch->configured = false;
	ch->confirm_by_ns = 0;
	ch->since_wall_ns = clock_wall_ns();
	state_write(c);
	policy_send(c);
	return 0;
}

int policy_off(struct core *c, const char *workload)
{
	struct core_policy *p = c->policy;
	int n = 0;

	for (unsigned i = 0; i < p->choice_count; i++) {
		struct policy_choice *ch = &p->choices[i];

		if (ch->mode != POLICY_ENFORCE || (workload && strcmp(ch->name, workload)))
			continue;
		ch->mode = POLICY_MONITOR;
		ch->configured = false;
		ch->confirm_by_ns = 0;
		n++;
	}
	for (unsigned i = 0; i < p->hold_count;) {
		if (workload && strcmp(p->holds[i].workload, workload)) {
			i++;
			continue;
		}
		(void)policy_hold_send(c, &p->holds[i], false);
		p->holds[i] = p->holds[--p->hold_count];
		n++;
	}
	state_write(c);
	policy_send(c);
	return n;
}

/* ---- holds -------------------------------------------------------------------------------------------------------------------------- */
static struct policy_hold *hold_find(struct core_policy *p, const struct ident_container *ct, const struct plan_hold *h)
{
	for (unsigned i = 0; i < p->hold_count; i++) {
		struct policy_hold *x = &p->holds[i];

		if (x->engine == ct->engine && !strcmp(x->cid, ct->id) && x->hold.quarantine == h->quarantine &&
		    (h->quarantine || (x->hold.has_peer == h->has_peer && x->hold.l4 == h->l4 && x->hold.port == h->port &&
		      !memcmp(x->hold.peer, h->peer, 16))))
			return x;
	}
	return NULL;
}

static void hold_drop(struct core_policy *p, struct policy_hold *h)
{
	*h = p->holds[--p->hold_count];
}

static int hold_put(struct core *c, const struct ident_container *ct, const struct plan_hold *hold, unsigned ttl_s, uint64_t finding)
{
	struct core_policy *p = c->policy;
	struct policy_hold *h = hold_find(p, ct, hold);
	bool made = !h;
	int r;

	if (!h && p->hold_count == POLICY_HOLDS_MAX)
		return refuse(c, -ENOSPC, "too many are blocked already");
	if (!h)
		h = &p->holds[p->hold_count++];
	*h = (struct policy_hold){ .hold = *hold, .engine = ct->engine, .finding = finding, .since_wall_ns = clock_wall_ns() };
	h->until_ns = ttl_s ? clock_mono_ns() + ttl_s * NSEC_PER_SEC : 0;
	h->hold.left_s = ttl_s ? ttl_s : UINT32_MAX;
	snprintf(h->cid, sizeof(h->cid), "%s", ct->id);
	snprintf(h->workload, sizeof(h->workload), "%s", ct->workload);
	snprintf(h->container, sizeof(h->container), "%s", ct->name);
	r = policy_hold_send(c, h, true);
	if (r < 0 && made) {
		hold_drop(p, h);
		return refuse(c, r, "%s %s", ct->name, r == -ENOENT ? "has no address here" : "cannot be blocked: the keeper does not answer");
	}
	state_write(c);
	return r;
}

int policy_block(struct core *c, const struct ident_container *ct, const uint8_t peer[16], uint8_t l4, uint16_t port_be,
		 unsigned ttl_s, uint64_t finding)
{
	struct plan_hold h = { .has_peer = peer != NULL, .l4 = port_be ? l4 : 0, .port = (uint16_t)(port_be >> 8 | port_be << 8) };
	const char *why;

	if (!c->policy)
		return -EAGAIN;
	if (!ttl_s || ttl_s > HOLD_MAX_S)
		return refuse(c, -EINVAL, "a block lasts 1 to %u seconds", HOLD_MAX_S);
	if (!peer && !port_be)
		return refuse(c, -EINVAL, "neither a peer nor a port is named: that is a quarantine");
	if (peer) {
		why = policy_never(c, peer);
		if (why)
			return refuse(c, -EPERM, "this address is never blocked: %s", why);
		memcpy(h.peer, peer, 16);
	}
	return hold_put(c, ct, &h, ttl_s, finding);
}

int policy_unblock(struct core *c, const struct ident_container *ct)
{
	struct core_policy *p = c->policy;
	int n = 0;

	for (unsigned i = 0; i < p->hold_count;) {
		struct policy_hold *h = &p->holds[i];

		if (h->hold.quarantine || h->engine != ct->engine || strcmp(h->cid, ct->id)) {
			i++;
			continue;
		}
		(void)policy_hold_send(c, h, false);
		hold_drop(p, h);
		n++;
	}
	state_write(c);
	return n;
}

int policy_quarantine(struct core *c, const struct ident_container *ct, const struct policy_prefix *analyst, bool on)
{
	struct plan_hold h = { .quarantine = 1 };
	struct policy_hold *there;

	if (!c->policy)
		return -EAGAIN;
	if (!on) {
		there = hold_find(c->policy, ct, &h);
		if (!there)
			return refuse(c, -ENOENT, "%s is not in quarantine", ct->name);
		(void)policy_hold_send(c, there, false);
		hold_drop(c->policy, there);
		state_write(c);
		return 0;
	}
	if (analyst) {
		h.analyst_bits = analyst->bits;
		memcpy(h.peer, analyst->addr, 16);
	} else if (c->config.policy.analyst[0]) {
		(void)policy_prefix(c->config.policy.analyst, h.peer, &h.analyst_bits);
	}
	/* A hole for everybody is no quarantine. */
	if (analyst && (!h.analyst_bits || (plan_addr_is_v4(h.peer) ? h.analyst_bits < 96 + 8 : h.analyst_bits < 19)))
		return refuse(c, -EPERM, "the analyst's prefix is too wide");
	return hold_put(c, ct, &h, 0, 0);
}

/* ---- life ------------------------------------------------------------------------------------------------------------------------------ */
static void on_soon(uv_timer_t *t)
{
	struct core *c = t->data;

	c->policy->soon_armed = false;
	c->policy->ident_generation = ident_generation(c->ident);
	c->policy->dns_generation = c->priv->dns_generation;
	policy_send(c);
}

void policy_touch(struct core *c)
{
	struct core_policy *p = c->policy;

	if (!p || p->soon_armed || !p->ready || !p->enforced)
		return;
	p->soon_armed = true;
	uv_timer_start(&p->soon, on_soon, 0, 0);
}

static void unconfirmed_back(struct core *c, uint64_t now_ns)
{
	struct core_policy *p = c->policy;
	bool any = false;

	for (unsigned i = 0; i < p->choice_count; i++) {
		struct policy_choice *ch = &p->choices[i];

		if (!ch->confirm_by_ns || now_ns < ch->confirm_by_ns)
			continue;
		log_info("policy: %s was not confirmed: it is back to %s", ch->name, policy_mode_name((enum policy_mode)ch->mode_before));
		ch->confirm_by_ns = 0;
		ch->mode = ch->mode_before;
		ch->cut = ch->cut_before;
		ch->closed = ch->closed_before;
		ch->since_wall_ns = clock_wall_ns();
		any = true;
	}
	if (!any)
		return;
	state_write(c);
	policy_send(c);
}

static void holds_expire(struct core *c, uint64_t now_ns)
{
	struct core_policy *p = c->policy;

	for (unsigned i = 0; i < p->hold_count;)
		if (p->holds[i].until_ns && now_ns >= p->holds[i].until_ns)
			hold_drop(p, &p->holds[i]);
		else
			i++;
}

void policy_tick(struct core *c, uint64_t now_ns)
{
	struct core_policy *p = c->policy;
	uint64_t models;

	if (!p || !c->priv->ready || !c->priv->synced)
		return;
	if (!p->ready) {
		policy_send(c);
		return;
	}
	if (p->choice_count && p->enforced != policy_count_enforced(c))
		policy_send(c); /* something is learned that is to be enforced then */
	unconfirmed_back(c, now_ns);
	holds_expire(c, now_ns);
	if (now_ns >= p->counters_at_ns) {
		p->counters_at_ns = now_ns + COUNTERS_EVERY_NS;
		policy_ask_counters(c);
		policy_retry(c);
		models = p->enforced ? policy_models_generation(c) : p->model_generation;
		if (models != p->model_generation) {
			p->model_generation = models;
			policy_touch(c);
		}
	}
	if (p->ident_generation != ident_generation(c->ident) || p->dns_generation != c->priv->dns_generation)
		policy_touch(c);
}

int core_policy_open(struct core *c)
{
	struct core_policy *p = calloc(1, sizeof(*p));

	c->policy = p;
	if (!p)
		return -ENOMEM;
	p->core = c;
	p->choices = calloc(POLICY_CHOICES_MAX, sizeof(*p->choices));
	p->counts = policy_counts_new();
	if (!p->choices || !p->counts)
		return -ENOMEM;
	uv_timer_init(c->priv->loop, &p->soon);
	p->soon.data = c;
	p->soon_open = true;
	configuration_read(c);
	state_read(c);
	return 0;
}

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

void core_policy_close(struct core *c)
{
	struct core_policy *p = c->policy;

	if (!p)
		return;
	c->policy = NULL;
	policy_link_free(p);
	policy_counts_free(p->counts);
	free(p->choices);
	if (p->soon_open) {
		uv_timer_stop(&p->soon);
		p->soon.data = p;
		uv_close((uv_handle_t *)&p->soon, on_closed);
	} else {
		free(p);
	}
}
