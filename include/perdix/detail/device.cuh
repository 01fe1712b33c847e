// What the producers need of a GPU, as CUDA's own intrinsics and PTX instructions.
#pragma once

#include <cstdint>

namespace perdix {
namespace detail {

#define PERDIX_INLINE __device__ __forceinline__

constexpr unsigned ALL_LANES = 0xffffffffu;

// Stays in the module, where the host looks for it.
static __device__ __attribute__((used)) const unsigned char layout_marker[] = PERDIX_LAYOUT_MARKER;

// Loads and stores of the ring: system scope, in memory that the host sees.
PERDIX_INLINE std::uint64_t load_relaxed(const std::uint64_t *word) {
    std::uint64_t value;
    asm volatile("ld.relaxed.sys.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
    return value;
}
PERDIX_INLINE std::uint64_t load_acquire(const std::uint64_t *word) {
    std::uint64_t value;
    asm volatile("ld.acquire.sys.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
    return value;
}
PERDIX_INLINE void store_relaxed(std::uint64_t *word, std::uint64_t value) {
    asm volatile("st.relaxed.sys.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}
PERDIX_INLINE void store_release(std::uint64_t *word, std::uint64_t value) {
    asm volatile("st.release.sys.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}
// Two neighbouring words, aligned to 16 bytes, that nothing else orders; the link may split them.
PERDIX_INLINE void store_pair(std::uint64_t *low, std::uint64_t first, std::uint64_t second) {
    asm volatile("st.relaxed.sys.v2.u64 [%0], {%1, %2};" ::"l"(low), "l"(first), "l"(second) : "memory");
}
// The same for words that a later Release publishes: a thread's relaxed stores to host memory go one after the other, these do not.
PERDIX_INLINE void write_pair(std::uint64_t *low, std::uint64_t first, std::uint64_t second) {
    *reinterpret_cast<ulonglong2 *>(low) = make_ulonglong2(first, second);
}

// Loads and stores of the producers' state: device scope, in device memory.
PERDIX_INLINE std::uint64_t state_load(const std::uint64_t *word) {
    std::uint64_t value;
    asm volatile("ld.relaxed.gpu.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
    return value;
}
PERDIX_INLINE std::uint64_t state_load_acquire(const std::uint64_t *word) {
    std::uint64_t value;
    asm volatile("ld.acquire.gpu.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
    return value;
}
PERDIX_INLINE void state_store(std::uint64_t *word, std::uint64_t value) {
    asm volatile("st.relaxed.gpu.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}
PERDIX_INLINE void state_store_release(std::uint64_t *word, std::uint64_t value) {
    asm volatile("st.release.gpu.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
}
PERDIX_INLINE void state_add(std::uint64_t *word, std::uint64_t value) {
    atomicAdd(reinterpret_cast<unsigned long long *>(word), static_cast<unsigned long long>(value));
}
PERDIX_INLINE void state_min(std::uint64_t *word, std::uint64_t value) {
    atomicMin(reinterpret_cast<unsigned long long *>(word), static_cast<unsigned long long>(value));
}
// Whether the word was 0, and is `value` now.
PERDIX_INLINE bool state_claim(std::uint64_t *word, std::uint64_t value) {
    return atomicCAS(reinterpret_cast<unsigned long long *>(word), 0ull, static_cast<unsigned long long>(value)) == 0;
}
PERDIX_INLINE void fence_device() { __threadfence(); }

// Who calls.
PERDIX_INLINE unsigned thread_rank() {
    return threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
}
PERDIX_INLINE unsigned threads_per_block() { return blockDim.x * blockDim.y * blockDim.z; }

// Converged: called by all lanes of the warp, or all threads of the block, together.
PERDIX_INLINE void sync_warp() { __syncwarp(ALL_LANES); }
PERDIX_INLINE std::uint64_t shuffle(std::uint64_t value, unsigned lane) {
    return __shfl_sync(ALL_LANES, static_cast<unsigned long long>(value), static_cast<int>(lane));
}
PERDIX_INLINE unsigned ballot(bool yes) { return __ballot_sync(ALL_LANES, yes); }
PERDIX_INLINE void sync_threads() { __syncthreads(); }

PERDIX_INLINE std::uint64_t now_ns() {
    std::uint64_t now;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
    return now;
}
PERDIX_INLINE void sleep_ns(unsigned nanoseconds) { __nanosleep(nanoseconds); }

} // namespace detail
} // namespace perdix
