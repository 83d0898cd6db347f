/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PG_INTEL_FEED_MAIN_H
#define PG_INTEL_FEED_MAIN_H

/* pierglass-inspect feed [--json] [--format F] FD NAME [FD NAME]… [-- THING…]: reads feeds whose files are open, in the
 * sandbox; tells for each thing (address, name, digest, URL) whether and where it is listed, without a thing what each feed
 * holds. Exit status: 0 listed (or all feeds usable), 1 not listed, 2 usage, 4 a feed cannot be used and nothing is listed. */
int feed_main(int argc, char **argv);

#endif
