# SPDX-License-Identifier: GPL-2.0-or-later
# How single helper programs are linked: those that run in containers must need nothing there.
HELPER_L_lab_traffic := -static
HELPER_L_pid_reuse := -static
HELPER_L_sneak := -static
HELPER_L_events_load := -static
HELPER_L_flood := -static
