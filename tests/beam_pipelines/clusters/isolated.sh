#!/bin/sh
# Runs a command in a network namespace that has loopback alone, where this user may make one.
# Beam's Java job server, and its harness in Flink's TaskManagers and Spark's executors, listen on
# all interfaces, and have no setting for it.
inside='ip link set lo up && exec "$@"'
if command -v ip >/dev/null && unshare --net true 2>/dev/null; then
    exec unshare --net sh -c "$inside" sh "$@"
fi
exec "$@"
