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
./run example          the examples, each of which compares its answer with one found by other means
./run stream           1 GiB of random bytes through the ring, from managed and from pinned memory
./run bench [ARGS]     the benchmark, with the bare link and baselines; writes bench.json and bench.html into $OUT or the current folder
./run bench --quick    a shorter form of it
./run sanitize [TOOL...]  device tests under NVIDIA's compute-sanitizer: memcheck, racecheck, synccheck unless tools are named
./run soak [ARGS]      random episodes, every message checked, as in ./run soak --duration 15m; writes soak.json as bench does
./run all              all of these but sanitize; the soak for a minute
PERDIX_TIMEOUT=SECONDS gives each part another time limit. For sanitize, PERDIX_TESTS names the tests, PERDIX_MEMORY the kinds of memory
(managed, pinned), and COMPUTE_SANITIZER the tool's path.
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
example() {
    part own-kernel 120 ./own-kernel
    part hello 60 ./hello
    part grep 60 ./grep st perdix_kernels.ptx --check
    part tokens 60 ./tokens measurements.md
    part events 60 ./events -q measurements.md
    part two_gpus 120 ./two_gpus
    part cudarc_interop 60 ./cudarc_interop
}
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

# What runs under compute-sanitizer, on each kind of memory and in both modes: every kind of producer, with few messages, because kernels
# are many times slower there. Not the kernels that trap: those are errors on purpose. Nor the block that consumes: the compiler gives its
# warps two copies of one barrier, which synccheck takes for divergence.
CHECKED="
    single_message bytes too_long_is_refused full_ring_takes_capacity messages_leave_a_running_kernel
    thread/every_length thread/tiny_rings thread/numbers_wrap thread_batched/every_length thread_batched/sentinels
    warp/every_length warp/sentinels warp_batched/every_length warp_batched/tiny_rings warp/odd_batches
    block/every_length block/tiny_rings block/numbers_wrap block/small_batches block/one_warp
    grid/every_length grid/sentinels grid/tiny_rings grid/numbers_wrap
    warp/backpressure block/backpressure grid/backpressure block/consumer_gone grid/consumer_gone block/time_limit grid/time_limit
    kernel_forgets_to_finish kernel_pauses_and_others_go_on cpu_then_gpu_then_cpu
    records/tiny_rings packed/tiny_rings packed/12_bytes
    typed/warp typed/block typed/grid events/threads_64_slots events/lanes events/log_grid
    to_gpu/relay_thread/every_length to_gpu/relay_warp/every_length service/calls
    cpp/thread/tiny_rings cpp/warp_batched/every_length cpp/block/tiny_rings
"
# What the tool ends with when it has found something.
FOUND=86

sanitize() {
    sanitizer=$(find_sanitizer) || {
        echo "compute-sanitizer is not installed: it comes with the CUDA toolkit; COMPUTE_SANITIZER=PATH says where it is" >&2
        exit 1
    }
    "$sanitizer" --version
    export PERDIX_TESTS="${PERDIX_TESTS:-$CHECKED}"
    [ $# -gt 0 ] || set -- memcheck racecheck synccheck
    for tool in "$@"; do
        for memory in ${PERDIX_MEMORY:-managed pinned}; do
            part "$tool, $memory memory" 240 "$sanitizer" --tool "$tool" --error-exitcode $FOUND \
                --target-processes application-only ./perdix-gpu-tests "$memory/"
        done
    done
    case " $* " in
        *" memcheck "*) for memory in ${PERDIX_MEMORY:-managed pinned} device; do stray "$memory"; done ;;
    esac
}

# A checker that finds nothing must be seen to find something: passes if memcheck reports a kernel's write beyond such memory.
stray() {
    part "memcheck sees a write beyond $1 memory" 120 sh -c '
        output=$(PERDIX_STRAY=1 PERDIX_TESTS="stray/$2" "$1" --tool memcheck ./perdix-gpu-tests 2>&1)
        printf "%s\n" "$output" | grep -m 1 -A 3 "Invalid __global__ write" && exit
        printf "%s\n" "$output"
        exit 1' sh "$sanitizer" "$1"
}

find_sanitizer() {
    for candidate in "${COMPUTE_SANITIZER:-}" "$(command -v compute-sanitizer)" /usr/local/cuda/bin/compute-sanitizer \
        /usr/local/cuda-*/bin/compute-sanitizer /opt/cuda/bin/compute-sanitizer; do
        if [ -x "$candidate" ]; then
            echo "$candidate"
            return 0
        fi
    done
    return 1
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
    default | all | doctor | tests | sanitize | transport | example | stream | bench | soak) check_loader ;;
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
