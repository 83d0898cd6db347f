/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program "files": pierglass-core started as "pierglass-core files" by the keeper. It reads what fanotify and inotify say
 * about the containers that core has it watch, names it (container, path, where the file lies), joins floods, and hashes
 * executables. It has no capability and can open nothing: contents come as descriptors, from the kernel with an event or from
 * the opener (sensor/msg_files.h has who says what to whom). */
#ifndef PG_SENSOR_WATCH_FILES_H
#define PG_SENSOR_WATCH_FILES_H

/* Runs until the keeper says so or is gone. Returns an exit status. */
int files_main(int keeper_fd);

#endif
