/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Route sockets inside other network namespaces: opened by entering the namespace and coming back; a socket stays in the
 * namespace it was made in, and keeps that namespace alive. */
#ifndef PG_KEEPER_LINK_SOCKET_H
#define PG_KEEPER_LINK_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nlmsghdr;

/* Opens a non-blocking NETLINK_ROUTE socket in the namespace netns_fd; events: subscribed to links, addresses and namespace
 * numbers. Aborts if it cannot come back to home_fd: a keeper in the wrong namespace is worse than none. 0 or -errno. */
int link_socket_open(int home_fd, int netns_fd, bool events, int *ret_fd);

/* SO_NETNS_COOKIE (linux/socket.h): the namespace's identity, never given twice since boot. */
int link_socket_cookie(int fd, uint64_t *ret_cookie);

/* A new descriptor of the socket's namespace that does not keep any mount of it busy, as one opened by path does. */
int link_socket_netns(int fd, int *ret_netns_fd);

enum link_dump { LINK_DUMP_LINKS, LINK_DUMP_ADDRS };
int link_socket_dump(int fd, enum link_dump what, uint32_t seq);

/* Reads one datagram of messages and calls cb for each; cb gets NLMSG_DONE and NLMSG_ERROR too. Returns 1 if something was
 * read, 0 if there is nothing, -ENOBUFS if the kernel dropped events (dump again), other -errno. */
int link_socket_read(int fd, void (*cb)(const struct nlmsghdr *nlh, void *arg), void *arg);

/* On a socket without events: the number that this socket's namespace has given to the namespace other_netns_fd; -1: none. */
int link_socket_nsid(int fd, int other_netns_fd, int32_t *ret_nsid);

#endif
