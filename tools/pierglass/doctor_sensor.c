/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor, the engine and the running sensor. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/pierglass/cli_http.h"
#include "tools/pierglass/cli_value.h"
#include "tools/pierglass/doctor.h"

#define DOCKER_SOCKET "/var/run/docker.sock"
/* API 1.40 (19.03) is the oldest whose answers are understood. */
#define API_LEAST 40

/* 0 or errno of a connection to a unix socket. */
static int reachable(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;

	if (strlen(path) >= sizeof(sa.sun_path))
		return ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd >= 0 && !connect(fd, (struct sockaddr *)&sa, sizeof(sa)) ? 0 : errno;
}

static void engine_info(struct doctor *d, const char *socket)
{
	const char *driver;
	json_t *j, *o;
	size_t i;

	if (cli_ask(socket, "/info", &j))
		return;
	driver = str_of(j, "Driver");
	doctor_add(d, !strcmp(driver, "overlay2") || !strcmp(driver, "overlayfs") ? DOCTOR_OK : DOCTOR_NOTE, "Engine", "storage",
		   !strncmp(driver, "overlay", 7) ? "" : "with another driver than overlay2 no image layer is named for a file", "%s", driver);
	json_array_foreach(json_object_get(j, "SecurityOptions"), i, o) {
		const char *s = json_string_value(o);

		if (s && strstr(s, "rootless"))
			doctor_add(d, DOCTOR_WARN, "Engine", "rootless", "run the containers by a system-wide engine to have their traffic seen",
				   "its containers' traffic goes through user space");
		if (s && strstr(s, "userns"))
			doctor_add(d, DOCTOR_OK, "Engine", "user namespaces", "", "remapped users are shown as the host sees them");
	}
	json_decref(j);
}

void doctor_engine(struct doctor *d, const char *socket)
{
	int err = reachable(socket ? socket : (socket = DOCKER_SOCKET));
	unsigned minor = 0;
	json_t *j;

	if (err) {
		doctor_add(d, err == EACCES ? DOCTOR_NOTE : DOCTOR_WARN, "Engine", "socket",
			   err == EACCES ? "run as root: sudo pierglass doctor" :
					   "start it (systemctl start docker), or name its socket: pierglassd --docker SOCKET; the sensor waits for it",
			   "%s: %s", socket, strerror(err));
		return;
	}
	err = cli_ask(socket, "/version", &j);
	if (err) {
		doctor_add(d, DOCTOR_WARN, "Engine", "answer", "is this a Docker engine's socket? Look at its log", "%s: no answer to /version",
			   socket);
		return;
	}
	sscanf(str_of(j, "ApiVersion"), "1.%u", &minor);
	doctor_add(d, minor >= API_LEAST ? DOCTOR_OK : DOCTOR_FAIL, "Engine", "version",
		   minor >= API_LEAST ? "" : "the sensor speaks API 1.40 and later: update the engine", "%s, API %s, at %s", str_of(j, "Version"),
		   str_of(j, "ApiVersion"), socket);
	json_decref(j);
	engine_info(d, socket);
}

static void sensor_status(struct doctor *d, const json_t *j)
{
	const char *key;
	json_t *v;
	size_t i;

	doctor_add(d, DOCTOR_OK, "Sensor", "running", "", "version %s on node %s since %.19s", str_of(j, "version"), str_of(j, "node"),
		   str_of(j, "started"));
	json_array_foreach(json_object_get(j, "programs"), i, v) {
		if (!bool_of(v, "running"))
			doctor_add(d, DOCTOR_FAIL, "Sensor", str_of(v, "name"), "look at the log: journalctl -u pierglassd", "is not running");
		else if (u64_of(v, "starts") > 3)
			doctor_add(d, DOCTOR_WARN, "Sensor", str_of(v, "name"), "look at the log: journalctl -u pierglassd",
				   "was started %" PRIu64 " times", u64_of(v, "starts"));
	}
	json_array_foreach(json_object_get(j, "not_seen"), i, v)
		doctor_add(d, DOCTOR_WARN, "Sensor", "cannot see", "", "%s", json_string_value(v) ? json_string_value(v) : "");
	json_object_foreach(json_object_get(j, "loss"), key, v)
		if (json_integer_value(v) > 0)
			doctor_add(d, DOCTOR_NOTE, "Sensor", "loss", "", "%s %" PRIu64, key, (uint64_t)json_integer_value(v));
}

void doctor_sensor(struct doctor *d, const struct cli_options *o)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	json_t *j;
	int err;

	if ((size_t)snprintf(path, sizeof(path), "%s/api.sock", o->run) >= sizeof(path)) {
		doctor_add(d, DOCTOR_FAIL, "Sensor", "--run", "name a shorter directory", "too long for a socket");
		return;
	}
	err = reachable(path);
	if (err) {
		doctor_add(d, DOCTOR_NOTE, "Sensor", "socket",
			   err == EACCES ? "run as root or join the group pierglass" : "start it: systemctl start pierglassd, or pierglassd", "%s: %s",
			   path, strerror(err));
		return;
	}
	err = cli_ask(path, "/v1/status", &j);
	if (err) {
		doctor_add(d, DOCTOR_FAIL, "Sensor", "answer", "look at the log: journalctl -u pierglassd", "%s: %s", path, strerror(-err));
		return;
	}
	sensor_status(d, j);
	json_decref(j);
}
