/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Data in names: many different, long labels below one domain, asked by one container in a short time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "sensor/core/model_priv.h"

#define DOMAINS_MAX 4096
#define WITHIN_NS (60 * NSEC_PER_SEC)
#define LABELS 60         /* different ones */
#define LABELS_LEARNED 8  /* so many are a habit */
#define LABEL_LENGTH 12   /* on average */
#define LABEL_LENGTH_DATA 6 /* of questions for types that bring data back */
#define BITS 1024

enum { TYPE_A = 1, TYPE_PTR = 12, TYPE_AAAA = 28 };

struct domain_key {
	uint64_t container;
	char domain[112]; /* zero-filled */
};

struct domain {
	struct domain_key key;
	uint64_t since_ns;
	unsigned different, length, data; /* data: of other types than addresses */
	char exe[256], parent[256]; /* who asked last; not the engine, which asks for others */
	uint32_t pid;
	uint64_t seen[BITS / 64]; /* labels, by hash: an estimate from below */
	UT_hash_handle hh;
};

struct dns_counts {
	struct domain *all;
};

static uint64_t hash_of(const char *s, size_t n)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)s[i]) * 0x100000001b3ULL;
	return h ^ h >> 29;
}

/* The last two labels; NULL: the name has no more than these. */
static const char *domain_of(const char *name)
{
	const char *p = name + strlen(name);
	unsigned dots = 0;

	while (p > name && dots < 2)
		dots += *--p == '.';
	return dots == 2 && p > name ? p + 1 : NULL;
}

static void expire(struct dns_counts *d, uint64_t now_ns)
{
	struct domain *one, *tmp;

	HASH_ITER(hh, d->all, one, tmp)
		if (now_ns - one->since_ns > WITHIN_NS) {
			HASH_DEL(d->all, one);
			free(one);
		}
}

static struct domain *domain_get(struct dns_counts *d, const struct ident_container *ct, const char *domain, uint64_t now_ns)
{
	struct domain_key key = { .container = name_scope(ct) };
	struct domain *one;

	snprintf(key.domain, sizeof(key.domain), "%s", domain);
	HASH_FIND(hh, d->all, &key, sizeof(key), one);
	if (one && now_ns - one->since_ns <= WITHIN_NS)
		return one;
	if (!one) {
		if (HASH_COUNT(d->all) >= DOMAINS_MAX)
			expire(d, now_ns);
		one = HASH_COUNT(d->all) >= DOMAINS_MAX ? NULL : calloc(1, sizeof(*one));
		if (!one)
			return NULL;
		one->key = key;
		HASH_ADD(hh, d->all, key, sizeof(one->key), one);
	}
	one->since_ns = now_ns;
	one->different = one->length = one->data = 0;
	one->exe[0] = one->parent[0] = '\0';
	one->pid = 0;
	memset(one->seen, 0, sizeof(one->seen));
	return one;
}

/* Mail servers ask block lists about addresses: 4.3.2.1.list.example, or 32 digits of an IPv6 one. */
static bool is_reversed_address(const char *name)
{
	unsigned labels = 0, digits = 0;

	for (const char *p = name; *p; p += strcspn(p, "."), p += *p == '.') {
		size_t n = strcspn(p, ".");

		if (n == 1 && strspn(p, "0123456789abcdef") >= 1)
			digits++;
		if (n > 3 || strspn(p, "0123456789") < n)
			break;
		labels++;
	}
	return labels >= 4 || digits >= 16;
}

static bool is_engine(const struct core *c, uint32_t pid)
{
	for (unsigned i = 0; i < c->engine_count; i++)
		if (c->engines[i].pid && c->engines[i].pid == pid)
			return true;
	return false;
}

static void asker_set(struct core *c, struct domain *d, const struct process *p)
{
	const struct process *parent = processes_get(c->procs, p->parent);

	d->pid = p->tgid;
	snprintf(d->exe, sizeof(d->exe), "%s", p->exe);
	snprintf(d->parent, sizeof(d->parent), "%s", parent ? parent->exe : "");
}

static void dns_process(struct core *c, const struct msg_dns *q, struct domain *d)
{
	struct flow *f = flow_table_find(c->flows, &q->key);
	const struct process *p;
	uint32_t index;

	if (f && flow_process(c, f, q->client_end & 1, &index) != ATTR_UNKNOWN && (p = processes_get(c->procs, index)) && !is_engine(c, p->tgid))
		asker_set(c, d, p);
}

void model_on_dns(struct core *c, const struct ident_container *ct, const struct msg_dns *q)
{
	const char *name = q->name, *domain = domain_of(name);
	struct core_model *cm = c->model;
	char key[FACT_KEY_MAX], observed[512];
	struct model_fact_in in = { .kind = FACT_DNS, .key = key, .finding = FINDING_DNS_TUNNEL, .observed = observed };
	uint64_t h, now = clock_mono_ns();
	const struct process *likely;
	struct model *m;
	struct domain *d;

	if (!cm || !domain || !config_checks(&c->config, CHECK_DNS) || ct->remote || q->qtype == TYPE_PTR || is_reversed_address(name))
		return;
	if (!cm->dns)
		cm->dns = calloc(1, sizeof(*cm->dns));
	d = cm->dns ? domain_get(cm->dns, ct, domain, now) : NULL;
	h = hash_of(name, (size_t)(domain - name));
	if (!d || d->seen[h % BITS / 64] >> (h & 63) & 1)
		return;
	d->seen[h % BITS / 64] |= 1ULL << (h & 63);
	d->different++;
	d->length += (unsigned)(domain - name - 1);
	d->data += q->qtype != TYPE_A && q->qtype != TYPE_AAAA;
	m = d->different < LABELS_LEARNED ? NULL : model_of(c, ct);
	if (!m)
		return;
	dns_process(c, q, d);
	if (model_dimension_state(m, FACT_DNS) != MODEL_LEARNING &&
	    (d->different < LABELS || d->length / d->different < (d->data > d->different / 2 ? LABEL_LENGTH_DATA : LABEL_LENGTH)))
		return;
	snprintf(key, sizeof(key), "*.%s", domain);
	snprintf(observed, sizeof(observed), "%s asked for more than %u different names below %s within a minute", ct->name, d->different - 1, domain);
	in.peer = domain;
	/* Asked by way of the engine's resolver, over the container's loopback: what was started last, most likely. */
	if (!d->exe[0] && (likely = model_likely_process(c, ct)))
		asker_set(c, d, likely);
	in.pid = d->pid;
	in.exe = d->exe;
	in.parent = d->parent;
	model_on_fact(c, ct, &in);
}

void model_dns_forget(struct core *c)
{
	struct domain *one, *tmp;

	if (!c->model->dns)
		return;
	HASH_ITER(hh, c->model->dns->all, one, tmp) {
		HASH_DEL(c->model->dns->all, one);
		free(one);
	}
	free(c->model->dns);
	c->model->dns = NULL;
}
