/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The version that all programs print, and the version of the API's JSON (counted up when a key changes its meaning). */
#ifndef PG_BASE_VERSION_H
#define PG_BASE_VERSION_H

#define PIERGLASS_VERSION "0.1.0"
#define PIERGLASS_API_VERSION 1

#endif
