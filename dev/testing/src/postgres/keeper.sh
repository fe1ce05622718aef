# Runs Postgres for as long as its owner holds the other end of our input.
#
# Only Postgres holds our standard output, so that its end tells the owner
# that Postgres and all its children are gone; messages go to standard error,
# a log that is locked as long as anyone has it open. initdb is run here too:
# an owner that is killed meanwhile leaves nobody else to tidy up.
#
# Arguments: directory, keep|remove, folder of the binaries, settings.

directory=$1 fate=$2 binaries=$3
shift 3
data=$directory/data

create() {
    # macOS knows no C.UTF-8, but sorts and compares alike by these two.
    case $(uname) in
    Darwin) set -- --locale=C --lc-ctype=UTF-8 ;;
    *) set -- --locale=C.UTF-8 ;;
    esac
    [ "$fate" = keep ] || set -- "$@" --no-sync
    # Half a cluster must never be taken for a whole one: hence the rename.
    rm -rf "$data.new" &&
        "$binaries/initdb" --pgdata="$data.new" --username=sabor --encoding=UTF8 \
            --auth=scram-sha-256 --pwfile="$directory/password" "$@" >&2 &&
        mv "$data.new" "$data"
}

pid=
if [ -d "$data" ] || create; then
    # Nobody else holds the log's lock, so this names a process of the past:
    # left in place, it would stop Postgres if some other program has its number.
    rm -f "$data/postmaster.pid"
    "$binaries/postgres" -D "$data" "$@" &
    pid=$!
fi
exec >&2

read -r order
if [ "$pid" ]; then
    case $order in
    kill) kill -KILL "$pid" ;;
    # A fast stop. The second signal is for a Postgres that is too young to
    # have a handler for the first; later it is ignored.
    *) kill -INT "$pid" && kill -TERM "$pid" ;;
    esac
    wait "$pid"
fi

# Without an order the owner is gone.
[ "$order" ] || [ "$fate" = keep ] || rm -rf "$directory"
