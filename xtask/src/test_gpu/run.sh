#!/bin/sh
# Checks Perdix on this machine's GPU. Made by `cargo xtask test-gpu --bundle`; needs no cargo, only NVIDIA's driver.
set -u

GLIBC=@GLIBC@
GIB=1073741824

usage() {
    cat <<'END'
./run                  what is here, all device tests, the transport test with the GPU as producer
./run doctor           the device, the driver, the link, and which memory would be chosen
./run tests [ARGS]     device tests, perhaps only those whose name contains a text; --list lists them
./run transport [ARGS] the transport test
./run example          the kernel of a user's own crate
./run stream           1 GiB of random bytes through the ring, from managed and from pinned memory
./run bench [ARGS]     the benchmark, with the bare link and baselines; writes bench.json and bench.html into $OUT or the current folder
./run bench --quick    a shorter form of it
./run soak [ARGS]      random episodes, every message checked, as in ./run soak --duration 15m; writes soak.json as bench does
./run all              all of these; the soak for a minute
PERDIX_TIMEOUT=SECONDS gives each part another time limit.
END
}

# Where results go, seen from where the script was called.
results=$(cd "${OUT:-.}" && pwd) || exit 2
cd "$(dirname "$0")" || exit 2
summary=
failed=0

# part NAME SECONDS COMMAND...: runs the command and keeps its outcome for the summary.
part() {
    name=$1
    limit=${PERDIX_TIMEOUT:-$2}
    shift 2
    echo "== $name (at most $limit s): $*"
    begun=$(date +%s)
    timeout --kill-after=10 "$limit" "$@"
    status=$?
    took=$(($(date +%s) - begun))
    case $status in
        0) verdict=PASS ;;
        124 | 137) verdict="FAIL (not done after $limit s)" ;;
        *) verdict="FAIL (status $status)" ;;
    esac
    [ $status -eq 0 ] || failed=$((failed + 1))
    summary="$summary$verdict $name, $took s
"
    return $status
}

doctor() { part doctor 120 ./perdix doctor "$@"; }
tests() { part tests 1200 ./perdix-gpu-tests "$@"; }
transport() { part transport 300 ./transport_test --producer gpu "$@"; }
example() { part example 120 ./own-kernel; }
bench() { part bench 600 ./bench-gpu --json "$results/bench.json" --html "$results/bench.html" "$@"; }

soak() { part soak 7200 ./perdix soak --producer gpu --json "$results/soak.json" "$@"; }

stream() {
    folder=$(mktemp -d) || exit 2
    trap 'rm -rf "$folder"' EXIT
    trap 'exit 130' INT TERM
    part "stream: make the file" 120 sh -c 'head -c "$1" /dev/urandom > "$2"' sh $GIB "$folder/in" || return
    for memory in managed pinned; do
        part "stream from $memory memory" 300 ./perdix stream "$folder/in" --producer gpu --memory $memory -o "$folder/out" &&
            part "stream from $memory memory: compare" 120 cmp "$folder/in" "$folder/out"
        rm -f "$folder/out"
    done
}

# A program that the loader cannot start says why, and none of the others would start either.
check_loader() {
    message=$(LC_ALL=C ./perdix --version 2>&1 >/dev/null) && return
    case $message in
        *libcuda.so.1*) echo "no CUDA device: libcuda.so.1 is not installed" >&2 ;;
        *GLIBC_*) echo "this bundle needs glibc $GLIBC or later: $message" >&2 ;;
        *) echo "the programs do not start: $message" >&2 ;;
    esac
    exit 1
}

finish() {
    [ -n "$summary" ] || exit 2
    printf '== summary\n%s' "$summary"
    [ $failed -eq 0 ] || exit 1
    exit 0
}

verb=${1:-default}
[ $# -eq 0 ] || shift
case $verb in
    default | all | doctor | tests | transport | example | stream | bench | soak) check_loader ;;
    help | -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
esac
case $verb in
    default)
        doctor
        tests
        transport
        ;;
    all)
        doctor
        tests
        transport
        example
        stream
        bench
        soak
        ;;
    *) "$verb" "$@" ;;
esac
finish
