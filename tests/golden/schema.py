# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds JSON against the schemas in etc/schema: schema.py NAME < JSON; NAME "lines:flow" takes one object per line.
Prints the first difference and exits 1 when there is one."""
import json
import os
import sys
import warnings

warnings.simplefilter("ignore", DeprecationWarning)  # RefResolver: the way of the packaged 4.10
import jsonschema  # noqa: E402

base = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../etc/schema")
store = {}
for name in os.listdir(base):
    with open(os.path.join(base, name), encoding="utf-8") as f:
        schema = json.load(f)
    jsonschema.Draft202012Validator.check_schema(schema)
    store[schema["$id"]] = schema


def no_duplicates(pairs):
    keys = [k for k, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError("a key stands twice: %s" % keys)
    return dict(pairs)


def errors(name, text):
    """What is wrong, in order of place."""
    schema = store["https://pierglass.example/schema/%s.json" % name]
    validator = jsonschema.Draft202012Validator(schema, resolver=jsonschema.RefResolver(schema["$id"], schema, store))
    value = json.loads(text, object_pairs_hook=no_duplicates)
    return ["%s: at /%s: %s" % (name, "/".join(map(str, e.path)), e.message[:300]) for e in sorted(validator.iter_errors(value), key=lambda e: list(map(str, e.path)))]


def check(name, text):
    for error in errors(name, text):
        print(error)
        sys.exit(1)


def main():
    what = sys.argv[1]
    data = sys.stdin.buffer.read().decode("utf-8")
    if not data.strip():
        print("%s: no input" % what)
        sys.exit(1)
    if what.startswith("lines:"):
        for line in data.splitlines():
            check(what[6:], line)
    else:
        check(what, data)


if __name__ == "__main__":
    main()
