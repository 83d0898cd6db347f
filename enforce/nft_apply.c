/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "enforce/nft_apply.h"

#include <errno.h>
#include <fcntl.h>
#include <nftables/libnftables.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "enforce/nfq_rules.h"

/* Whether bridged packets of a family pass the inet hooks of this namespace; nothing is ever switched on. */
static bool bridge_calls(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c = '0';

	return fd >= 0 && read(fd, &c, 1) == 1 && c == '1';
}

static char *texts(const struct nft_job *job, const struct plan *plan, struct nft_result *r)
{
	_cleanup_free_ char *inet = nft_plan_text(plan, job->holds, job->hold_count, NFT_FAMILY_INET, true, true), *bridge = NULL;
	char *all = NULL;

	r->bridge4 = !bridge_calls("/proc/sys/net/bridge/bridge-nf-call-iptables");
	r->bridge6 = !bridge_calls("/proc/sys/net/bridge/bridge-nf-call-ip6tables");
	if (r->bridge4 || r->bridge6)
		bridge = nft_plan_text(plan, job->holds, job->hold_count, NFT_FAMILY_BRIDGE, r->bridge4, r->bridge6);
	else
		bridge = strdup(job->had_bridge ? "table bridge " PLAN_TABLE "\ndelete table bridge " PLAN_TABLE "\n" : "");
	if (!inet || !bridge || asprintf(&all, "%s%s", inet, bridge) < 0)
		return NULL;
	return all;
}

static int run_text(char *text, struct nft_result *r)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	const char *said;

	if (!nft)
		return -ENOMEM;
	nft_ctx_buffer_output(nft);
	nft_ctx_buffer_error(nft);
	if (nft_run_cmd_from_buffer(nft, text) == 0) {
		nft_ctx_free(nft);
		return 0;
	}
	said = nft_ctx_get_error_buffer(nft);
	snprintf(r->err, sizeof(r->err), "%s", said ? said : "");
	r->err[strcspn(r->err, "\n")] = '\0';
	nft_ctx_free(nft);
	return -EIO;
}

/* Where nftables has no `queue` of its own, iptables' target takes its place, in a transaction after the ruleset's. */
static int apply(const struct nft_job *job, struct nft_result *r)
{
	struct plan plan = job->plan ? *job->plan : (struct plan){ 0 };
	bool checks = job->plan && plan_has_checks(job->plan);
	char *text;
	int rc;

	plan.queue = job->queue;
	plan.earlier = job->earlier;
	plan.native_queue = checks && job->native_queue;
	text = texts(job, job->plan ? &plan : NULL, r);
	rc = text ? run_text(text, r) : -ENOMEM;
	if (rc == -EIO && plan.native_queue) {
		plan.native_queue = false;
		r->err[0] = '\0';
		free(text);
		text = texts(job, &plan, r);
		rc = text ? run_text(text, r) : -ENOMEM;
	}
	free(text);
	r->native_queue = plan.native_queue;
	if (rc == 0 && checks && job->queue && !plan.native_queue)
		r->queue_error = nfq_rules_add(job->queue);
	return rc;
}

static void child(const struct nft_job *job, int fd)
{
	struct nft_result r = { .status = 0 };

	if (setns(job->netns_fd, CLONE_NEWNET) < 0)
		r.status = -errno;
	if (r.status == 0)
		r.status = apply(job, &r);
	_exit(write(fd, &r, sizeof(r)) == sizeof(r) ? 0 : 1);
}

int nft_apply_start(const struct nft_job *job, pid_t *ret_pid, int *ret_fd)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		child(job, fds[1]);
	}
	close(fds[1]);
	if (pid < 0) {
		int r = -errno;

		close(fds[0]);
		return r;
	}
	*ret_pid = pid;
	*ret_fd = fds[0];
	return 0;
}

void nft_apply_end(pid_t pid, int fd, struct nft_result *ret)
{
	struct nft_result r;
	ssize_t n;

	do
		n = read(fd, &r, sizeof(r));
	while (n < 0 && errno == EINTR);
	close(fd);
	if (n != sizeof(r)) {
		r = (struct nft_result){ .status = -ECHILD };
		snprintf(r.err, sizeof(r.err), "the process that applies rulesets died");
	}
	r.err[sizeof(r.err) - 1] = '\0';
	(void)kill(pid, SIGKILL); /* at most it is on its way out */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	*ret = r;
}
