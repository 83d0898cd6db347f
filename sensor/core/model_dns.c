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

static void dns_process(struct core *c, const struct msg_dns *d, struct model_fact_in *in)
{
	struct flow *f = flow_table_find(c->flows, &d->key);
	const struct process *p, *parent;
	uint32_t index;

	if (!f || flow_process(c, f, d->client_end & 1, &index) == ATTR_UNKNOWN || !(p = processes_get(c->procs, index)))
		return;
	parent = processes_get(c->procs, p->parent);
	in->pid = p->tgid;
	in->exe = p->exe;
	in->parent = parent ? parent->exe : "";
}

void model_on_dns(struct core *c, const struct ident_container *ct, const struct msg_dns *q)
{
	const char *name = q->name, *domain = domain_of(name);
	struct core_model *cm = c->model;
	char key[FACT_KEY_MAX], observed[512];
	struct model_fact_in in = { .kind = FACT_DNS, .key = key, .finding = FINDING_DNS_TUNNEL, .observed = observed };
	uint64_t h, now = clock_mono_ns();
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
	if (model_dimension_state(m, FACT_DNS) != MODEL_LEARNING &&
	    (d->different < LABELS || d->length / d->different < (d->data > d->different / 2 ? LABEL_LENGTH_DATA : LABEL_LENGTH)))
		return;
	snprintf(key, sizeof(key), "*.%s", domain);
	snprintf(observed, sizeof(observed), "%s asked for more than %u different names below %s within a minute", ct->name, d->different - 1, domain);
	in.peer = domain;
	dns_process(c, q, &in);
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
