#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
if [[ "$1" == "eswrapper" || $(basename "$1") == "elasticsearch" ]]; then
  set -- elasticsearch
fi
exec "$@"
