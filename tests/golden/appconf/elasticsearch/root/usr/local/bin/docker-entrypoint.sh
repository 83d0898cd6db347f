#!/bin/bash
if [[ "$1" == "eswrapper" || $(basename "$1") == "elasticsearch" ]]; then
  set -- elasticsearch
fi
exec "$@"
