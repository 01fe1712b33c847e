// What the producers need of a GPU, on a CPU: every lane is a thread. So the header's protocol is tested without a GPU, as the Rust
// crate `perdix-gpu` does. It shows errors of logic, not speed, and errors of order only as far as the CPU has them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace perdix {
namespace detail {

#define PERDIX_INLINE inline

// Where the lanes of a warp, or the threads of a block, arrive; each brings a value.
class Barrier {
    std::mutex mutex_;
    std::condition_variable all_here_;
    std::vector<std::uint64_t> brought_[2];
    unsigned arrived_ = 0;
    std::uint64_t round_ = 0;

public:
    explicit Barrier(unsigned members) : brought_{std::vector<std::uint64_t>(members), std::vector<std::uint64_t>(members)} {}

    // What all have brought; valid until this member comes to the meeting after the next.
    const std::vector<std::uint64_t> &arrive(unsigned member, std::uint64_t value) {
        std::unique_lock<std::mutex> lock(mutex_);
        const std::uint64_t round = round_;
        std::vector<std::uint64_t> &brought = brought_[round % 2];
        brought[member] = value;
        if (++arrived_ == brought.size()) {
            arrived_ = 0;
            ++round_;
            all_here_.notify_all();
        } else {
            all_here_.wait(lock, [&] { return round_ != round; });
        }
        return brought;
    }
};

// Who a thread is.
struct Lane {
    unsigned thread, threads;
    Barrier *warp, *block;
};
inline Lane &lane() {
    static thread_local Lane lane = {0, 1, nullptr, nullptr};
    return lane;
}

// Runs a kernel as one block of so many threads.
template <class Kernel> void launch(unsigned threads, const Kernel &kernel) {
    Barrier block(threads);
    std::vector<Barrier *> warps;
    for (unsigned first = 0; first < threads; first += 32) warps.push_back(new Barrier(threads - first < 32 ? threads - first : 32));
    std::vector<std::thread> lanes;
    for (unsigned thread = 0; thread < threads; ++thread) {
        lanes.emplace_back([&, thread] {
            lane() = Lane{thread, threads, warps[thread / 32], &block};
            kernel();
        });
    }
    for (std::thread &lane : lanes) lane.join();
    for (Barrier *warp : warps) delete warp;
}

inline std::uint64_t load_acquire(const std::uint64_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
inline void store_relaxed(std::uint64_t *word, std::uint64_t value) { __atomic_store_n(word, value, __ATOMIC_RELAXED); }
inline void store_release(std::uint64_t *word, std::uint64_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }
// Release, as a CPU's consumer reads what they stored plainly.
inline void store_pair(std::uint64_t *low, std::uint64_t first, std::uint64_t second) {
    store_release(low, first);
    store_release(low + 1, second);
}
inline void write_pair(std::uint64_t *low, std::uint64_t first, std::uint64_t second) {
    store_relaxed(low, first);
    store_relaxed(low + 1, second);
}

inline std::uint64_t state_load(const std::uint64_t *word) { return __atomic_load_n(word, __ATOMIC_RELAXED); }
inline std::uint64_t state_load_acquire(const std::uint64_t *word) { return load_acquire(word); }
inline void state_store(std::uint64_t *word, std::uint64_t value) { store_relaxed(word, value); }
inline void state_store_release(std::uint64_t *word, std::uint64_t value) { store_release(word, value); }
inline void state_add(std::uint64_t *word, std::uint64_t value) { __atomic_fetch_add(word, value, __ATOMIC_RELAXED); }
inline void state_min(std::uint64_t *word, std::uint64_t value) {
    std::uint64_t before = state_load(word);
    while (value < before && !__atomic_compare_exchange_n(word, &before, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}
inline bool state_claim(std::uint64_t *word, std::uint64_t value) {
    std::uint64_t zero = 0;
    return __atomic_compare_exchange_n(word, &zero, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}
inline void fence_device() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

inline unsigned thread_rank() { return lane().thread; }
inline unsigned threads_per_block() { return lane().threads; }
inline void sync_warp() { lane().warp->arrive(lane().thread % 32, 0); }
inline std::uint64_t shuffle(std::uint64_t value, unsigned from) { return lane().warp->arrive(lane().thread % 32, value)[from]; }
inline unsigned ballot(bool yes) {
    const std::vector<std::uint64_t> &votes = lane().warp->arrive(lane().thread % 32, yes);
    unsigned bits = 0;
    for (std::size_t i = 0; i < votes.size(); ++i) bits |= static_cast<unsigned>(votes[i]) << i;
    return bits;
}
inline void sync_threads() { lane().block->arrive(lane().thread, 0); }

inline std::uint64_t now_ns() {
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
}
inline void sleep_ns(unsigned) { std::this_thread::yield(); }

} // namespace detail
} // namespace perdix
