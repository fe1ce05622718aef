# Runs Postgres until the owner closes our standard input or sends a command.
#
# Only Postgres holds our standard output, so that its end tells the owner that
# Postgres and all its children have ended. Messages go to standard error, a log
# that stays locked while any process has it open. initdb runs here too, so that it
# is cleaned up if the owner is killed meanwhile.
#
# Arguments: directory, keep|remove, folder of the binaries, settings.

directory=$1 at_exit=$2 binaries=$3
shift 3
data=$directory/data

create() {
    # macOS has no C.UTF-8. These two sort and compare in the same way.
    case $(uname) in
    Darwin) set -- --locale=C --lc-ctype=UTF-8 ;;
    *) set -- --locale=C.UTF-8 ;;
    esac
    [ "$at_exit" = keep ] || set -- "$@" --no-sync
    # The rename makes sure that `data` is always a complete cluster.
    rm -rf "$data.new" &&
        "$binaries/initdb" --pgdata="$data.new" --username=sabor --encoding=UTF8 \
            --auth=scram-sha-256 --pwfile="$directory/password" "$@" >&2 &&
        mv "$data.new" "$data"
}

pid=
if [ -d "$data" ] || create; then
    # We hold the log's lock, so this file is stale. Postgres would not start if
    # another program now has the same process ID.
    rm -f "$data/postmaster.pid"
    "$binaries/postgres" -D "$data" "$@" &
    pid=$!
fi
exec >&2

read -r command
if [ "$pid" ]; then
    case $command in
    kill) kill -KILL "$pid" ;;
    # A fast shutdown. The second signal is for a Postgres that has just started and
    # has no handler for the first one yet. Otherwise it is ignored.
    *) kill -INT "$pid" && kill -TERM "$pid" ;;
    esac
    wait "$pid"
fi

# Without a command the owner has died.
[ "$command" ] || [ "$at_exit" = keep ] || rm -rf "$directory"
