// Producers for CUDA C++ kernels: messages leave the kernel while it runs, and a Rust consumer reads them (crate `perdix-host`).
//
// A kernel takes a perdix::DeviceRing by value, which `DeviceProducer::ring()` makes on the Rust side, and makes one producer of it:
//
//   ThreadProducer   one thread
//   WarpProducer     all 32 lanes of one warp together
//   BlockProducer    all threads of one block together
//
// Only one producer uses a ring at a time. Every wait ends: after the ring's time limit, or when the consumer is gone. End with
// finish(), with fail() if the stream ends early, or with pause() if a later kernel goes on; a kernel that ends without any of them is
// an error to its consumer. The protocol is the one of docs/protocol.md.
#pragma once

#include "perdix.h"

#if defined(__CUDACC__)
#include "detail/device.cuh"
#else
#include "detail/emulated.h"
#endif
#include "detail/policy.h"

namespace perdix {

// Why a producer did not send; the numbers are those of the Rust crate `perdix-gpu`.
enum class Error : std::uint32_t {
    None = 0,
    Full = 1,         // the ring is full now (try_ forms)
    TimedOut = 2,     // it stayed full longer than the time limit
    ConsumerGone = 3, // nobody will read
    TooLong = 4,      // the message is longer than 240 bytes
    Corrupt = 5,      // the ring's memory, or the handle
    Stopped = 6,      // another warp of the block gave up, so the stream ends before this message
    Launch = 7,       // the block is not made of whole warps
    Version = 8,      // the host's perdix has another layout version: recompile the kernels; nothing was touched
};

// 16 bytes of payload.
struct Chunk {
    std::uint64_t low, high;
};

// How a batch went: its first `sent` messages were sent.
struct Sent {
    std::uint64_t sent;
    Error error;
};

namespace detail {

constexpr unsigned WARP = 32;
constexpr unsigned LANES_PER_SLOT = WARP / 2;
constexpr unsigned FIRST_SLEEP_NS = 100, LONGEST_SLEEP_NS = 4000, QUICK_LOOKS = 32;

PERDIX_INLINE unsigned lane_id() { return thread_rank() % WARP; }
PERDIX_INLINE unsigned warp_id() { return thread_rank() / WARP; }
PERDIX_INLINE unsigned warps_per_block() { return (threads_per_block() + WARP - 1) / WARP; }

// What a look across the link, or several, led to.
struct Waited {
    std::uint64_t tail, full;
    Error error;
};

// One producer's end of the link.
struct Link {
    DeviceRing ring;
    std::uint64_t tail = 0; // one that the consumer has reached
    std::uint64_t messages = 0, bytes = 0, full = 0;

    PERDIX_INLINE Error begin(const DeviceRing &handle) {
        ring = handle;
        if (handle.format >> 32 != VERSION) return Error::Version;
        const std::uint64_t capacity = handle.capacity;
        const bool is_ring = capacity != 0 && capacity <= MAX_CAPACITY && (capacity & (capacity - 1)) == 0 &&
                             handle.format <= FORMAT_FENCE_FREE && handle.memory != nullptr && handle.state != nullptr &&
                             reinterpret_cast<std::uintptr_t>(handle.memory) % SLOT_SIZE == 0;
        if (!is_ring) return Error::Corrupt;
        tail = state_load_acquire(&handle.state->tail);
        // Earlier kernels' pauses say nothing about how this one ends.
        state_store(&handle.state->paused, 0);
        return Error::None;
    }

    PERDIX_INLINE std::uint64_t *word(std::size_t offset) const {
        return reinterpret_cast<std::uint64_t *>(ring.memory + offset);
    }
    PERDIX_INLINE std::uint64_t *slot(std::uint64_t number) const {
        return word(CONTROL_SIZE + SLOT_SIZE * static_cast<std::size_t>(number & (ring.capacity - 1)));
    }
    PERDIX_INLINE bool is_fenced() const { return ring.format == FORMAT_FENCED; }
    PERDIX_INLINE policy::Credit credit() const { return policy::Credit{ring.capacity, tail}; }
    PERDIX_INLINE bool has_failed() const { return state_load(&ring.state->fault) != 0; }
    // Forgets what is known of free slots: the next message asks again, and a gap is reported first.
    PERDIX_INLINE void forget_credit(std::uint64_t head) {
        policy::Credit known = credit();
        known.forget(head);
        tail = known.tail;
    }

    // Waits, up to limit_ns, until the slots of all messages below `end` are free. One thread; changes nothing here.
    PERDIX_INLINE Waited look(std::uint64_t end, std::uint64_t limit_ns) const {
        DeviceState *state = ring.state;
        policy::Credit known = credit();
        std::uint64_t full = 0;
        const std::uint64_t begun = now_ns();
        unsigned looks = 0, sleep = FIRST_SLEEP_NS;
        for (;;) {
            // pairs with the release store below, by another warp
            known.newest(state_load_acquire(&state->tail));
            if (known.covers(end)) return Waited{known.tail, full, Error::None};
            // One looks for all, unless the caller wants an answer at once: reads across the link queue up.
            const bool is_looker = state_claim(&state->refreshing, 1);
            if (is_looker || limit_ns == 0) {
                // pairs with the consumer's Release store of tail
                const policy::Refused refused = known.renew(load_acquire(word(offset::TAIL)), end);
                if (refused == policy::Refused::None) state_store_release(&state->tail, known.tail);
                if (is_looker) state_store(&state->refreshing, 0);
                if (refused == policy::Refused::ConsumerGone) return Waited{known.tail, full, Error::ConsumerGone};
                if (refused != policy::Refused::None) return Waited{known.tail, full, Error::Corrupt};
                if (known.covers(end)) return Waited{known.tail, full, Error::None};
            }
            full = 1;
            if (limit_ns == 0) return Waited{known.tail, full, Error::Full};
            if (state_load(&state->fault) != 0) return Waited{known.tail, full, Error::Stopped};
            if (now_ns() - begun >= limit_ns) return Waited{known.tail, full, Error::TimedOut};
            sleep_ns(sleep);
            if (++looks > QUICK_LOOKS && sleep < LONGEST_SLEEP_NS) sleep *= 2;
        }
    }

    PERDIX_INLINE Error wait_thread(std::uint64_t end, std::uint64_t limit_ns) {
        if (credit().covers(end)) return Error::None;
        const Waited found = look(end, limit_ns);
        tail = found.tail;
        full += found.full;
        return found.error;
    }

    // The same for a warp: one lane looks, all get the answer. Converged.
    PERDIX_INLINE Error wait_warp(std::uint64_t end, std::uint64_t limit_ns) {
        if (credit().covers(end)) return Error::None;
        Waited found = {tail, 0, Error::None};
        if (lane_id() == 0) {
            found = look(end, limit_ns);
            full += found.full;
        }
        tail = shuffle(found.tail, 0);
        const std::uint64_t error = shuffle(static_cast<std::uint64_t>(found.error), 0);
        // A shuffle orders no memory: only now come all lanes' writes after what the consumer did before it moved the tail.
        sync_warp();
        return static_cast<Error>(error);
    }

    // Ends the stream before message `number`, which was claimed and will not be sent. One thread.
    PERDIX_INLINE void give_up(std::uint64_t number, Error error) const {
        state_min(&ring.state->unsent, number - ring.start);
        std::uint64_t fault = 0;
        switch (error) {
        case Error::Full:
        case Error::TimedOut: fault = FAULT_TIMED_OUT; break;
        case Error::ConsumerGone: fault = FAULT_CONSUMER_GONE; break;
        case Error::Corrupt: fault = FAULT_CORRUPT; break;
        case Error::TooLong: fault = FAULT_TOO_LONG; break;
        default: break;
        }
        if (fault != 0) state_claim(&ring.state->fault, fault); // the first one stays
    }

    // Adds this thread's counts to the shared ones.
    PERDIX_INLINE void settle() {
        if (messages != 0) state_add(&ring.state->messages, messages);
        if (bytes != 0) state_add(&ring.state->bytes, bytes);
        if (full != 0) state_add(&ring.state->full, full);
        messages = bytes = full = 0;
    }

    // Says that the stream is left open on purpose. One thread, after all others have settled.
    PERDIX_INLINE void leave_open() const {
        store_relaxed(word(offset::STATS_DROPPED), state_load(&ring.state->dropped));
        state_store(&ring.state->paused, 1);
    }

    // Ends the stream after the last message that was sent without a gap. One thread, after all others have settled.
    PERDIX_INLINE void close() const {
        fence_device();
        const DeviceState *state = ring.state;
        const policy::Claims ended = policy::claims(
            ring.start, state_load(&state->head), state_load(&state->unsent), state_load(&state->messages));
        store_relaxed(word(offset::STATS_MESSAGES), ended.messages);
        store_relaxed(word(offset::STATS_BYTES), state_load(&state->bytes));
        store_relaxed(word(offset::STATS_FULL), state_load(&state->full));
        store_relaxed(word(offset::STATS_LOST), ended.lost);
        store_relaxed(word(offset::STATS_DROPPED), state_load(&state->dropped));
        store_relaxed(word(offset::FAULT), state_load(&state->fault));
        // pairs with the consumer's Acquire load of end
        store_release(word(offset::END), ended.end << 1 | 1);
    }

    // Publishes the gap marker that says that `dropped` messages are missing, as message `number`, whose slot is free. One thread.
    PERDIX_INLINE void publish_gap_marker(std::uint64_t number, std::uint64_t dropped) const {
        std::uint64_t *slot = this->slot(number);
        const bool is_sentinel = !is_fenced() && dropped == SENTINEL;
        store_pair(slot + 2, is_sentinel ? ~SENTINEL : dropped, 0);
        store_relaxed(slot + 1, GAP_LENGTH | (is_sentinel ? 1ull << META_MASK_SHIFT : 0));
        // pairs with the consumer's Acquire load of seq
        store_release(slot, policy::published(number));
        state_store(&ring.state->unreported, 0);
    }
};

// Bit i of `low` goes to bit 2 i, bit i of `high` to bit 2 i + 1: votes of 15 lanes to a mask of 30 words.
PERDIX_INLINE std::uint64_t interleave(unsigned low, unsigned high) {
    std::uint64_t mask = 0;
    for (unsigned i = 0; i < 15; ++i) {
        mask |= static_cast<std::uint64_t>((low >> i & 1) | (high >> i & 1) << 1) << (2 * i);
    }
    return mask;
}

// Writes and publishes messages `first` to `first + count` (at most 32), which are messages `index` onwards of `source`, half a warp a
// slot, 16 bytes a lane: lane l writes the header of a message if l % 16 is 0, else its chunk l % 16 - 1. Their slots are free. Converged.
template <class Source>
PERDIX_INLINE void publish_warp(Link &link, std::uint64_t first, unsigned count, const Source &source, std::uint64_t index) {
    const unsigned lane = lane_id(), half = lane / LANES_PER_SLOT, part = lane % LANES_PER_SLOT;
    const bool fenced = link.is_fenced();
    // Votes need both halves in every round, so the rounds are counted for the warp.
    for (unsigned round = 0; 2 * round < count; ++round) {
        const unsigned i = 2 * round + half;
        const bool is_there = i < count;
        const std::uint64_t number = first + i, item = index + i;
        const unsigned len = is_there ? static_cast<unsigned>(source.len(item)) : 0;
        const bool is_mine = is_there && (part == 0 || 16 * (part - 1) < len);
        policy::Header header = {0, 0};
        // One sequence word publishes a fenced batch: its head says how many follow.
        if (part == 0 && is_there) {
            header = fenced && i == 0
                         ? policy::head_header(link.ring.capacity, number, len, source.kind(item), count)
                         : policy::header(number, len, source.kind(item));
        }
        Chunk words = {header.seq, header.meta};
        if (part != 0) {
            words = Chunk{0, 0};
            if (is_mine) words = source.chunk(item, part - 1);
        }
        if (!fenced) {
            const bool low = part != 0 && words.low == SENTINEL, high = part != 0 && words.high == SENTINEL;
            const unsigned lows = ballot(low), highs = ballot(high);
            if (low) words.low = ~SENTINEL;
            if (high) words.high = ~SENTINEL;
            const unsigned shift = LANES_PER_SLOT * half + 1;
            if (part == 0) {
                words.high |= interleave(lows >> shift & 0x7fff, highs >> shift & 0x7fff) << META_MASK_SHIFT;
            }
        }
        if (is_mine) store_pair(link.slot(number) + 2 * part, words.low, words.high);
    }
    if (fenced) {
        // All lanes' writes come before lane 0's Release, which is cumulative.
        sync_warp();
        // pairs with the consumer's Acquire load of seq
        if (lane == 0) store_release(link.slot(first), policy::published(first));
    }
    if (lane < count) {
        link.messages += 1;
        link.bytes += source.len(index + lane);
    }
}

// How many of the `count` (at most 32) messages from `index` on fit their slots, up to the first that does not. Converged.
template <class Source>
PERDIX_INLINE unsigned fitting(const Source &source, std::uint64_t index, unsigned count) {
    const unsigned lane = lane_id();
    const unsigned too_long = ballot(lane < count && source.len(index + lane) > PAYLOAD_SIZE);
    unsigned fit = 0;
    while (fit < count && !(too_long >> fit & 1)) ++fit;
    return fit;
}

// One message as a batch.
template <class Make> struct One {
    std::uint32_t length;
    std::uint16_t tag;
    const Make &make;
    PERDIX_INLINE std::uint32_t len(std::uint64_t) const { return length; }
    PERDIX_INLINE std::uint16_t kind(std::uint64_t) const { return tag; }
    PERDIX_INLINE Chunk chunk(std::uint64_t, unsigned chunk) const { return make(chunk); }
};

} // namespace detail

// Sends messages from one thread: simplest, slowest.
class ThreadProducer {
    detail::Link link_;
    std::uint64_t head_ = 0;
    Error begun_;

public:
    // Goes on where the producer before paused. Every method says Corrupt (or Version) if the handle is none that a host (of this version) made.
    PERDIX_INLINE explicit ThreadProducer(const DeviceRing &ring) : begun_(link_.begin(ring)) {
        if (begun_ == Error::None) {
            head_ = detail::state_load(&ring.state->head);
            if (detail::state_load(&ring.state->unreported) != 0) link_.forget_credit(head_);
        }
    }

    // Sends `len` bytes (up to 240), waiting while the ring is full, up to the ring's time limit.
    PERDIX_INLINE Error produce(std::uint16_t kind, const void *message, std::size_t len) {
        return produce_within(kind, message, len, link_.ring.limit_ns);
    }
    // Full if no slot is free now.
    PERDIX_INLINE Error try_produce(std::uint16_t kind, const void *message, std::size_t len) {
        return produce_within(kind, message, len, 0);
    }
    PERDIX_INLINE Error produce_within(std::uint16_t kind, const void *message, std::size_t len, std::uint64_t limit_ns) {
        const unsigned char *bytes = static_cast<const unsigned char *>(message);
        return produce_with(
            kind, len,
            [=](unsigned chunk) {
                std::uint64_t words[2] = {0, 0};
                for (std::size_t i = 16 * chunk; i < len && i < 16 * chunk + 16; ++i) {
                    words[i / 8 % 2] |= static_cast<std::uint64_t>(bytes[i]) << (8 * (i % 8));
                }
                return Chunk{words[0], words[1]};
            },
            limit_ns);
    }

    // Sends `len` bytes that never lie in memory: make(chunk) gives bytes 16 * chunk to 16 * chunk + 16.
    template <class Make> PERDIX_INLINE Error produce_with(std::uint16_t kind, std::size_t len, Make make) {
        return produce_with(kind, len, make, link_.ring.limit_ns);
    }
    template <class Make>
    PERDIX_INLINE Error produce_with(std::uint16_t kind, std::size_t len, Make make, std::uint64_t limit_ns) {
        if (begun_ != Error::None) return begun_;
        if (len > PAYLOAD_SIZE) return Error::TooLong;
        const Error error = wait(limit_ns);
        if (error != Error::None) return error;
        std::uint64_t *slot = link_.slot(head_), header = policy::meta(len, kind);
        const bool fenced = link_.is_fenced();
        for (unsigned chunk = 0; 16 * chunk < len; ++chunk) {
            Chunk words = make(chunk);
            if (!fenced) {
                if (words.low == SENTINEL) {
                    words.low = ~SENTINEL;
                    header |= 1ull << (META_MASK_SHIFT + 2 * chunk);
                }
                if (words.high == SENTINEL) {
                    words.high = ~SENTINEL;
                    header |= 1ull << (META_MASK_SHIFT + 2 * chunk + 1);
                }
            }
            if (fenced) {
                detail::write_pair(slot + 2 + 2 * chunk, words.low, words.high);
            } else {
                detail::store_pair(slot + 2 + 2 * chunk, words.low, words.high);
            }
        }
        if (fenced) {
            detail::store_relaxed(slot + 1, header);
            // pairs with the consumer's Acquire load of seq
            detail::store_release(slot, policy::published(head_));
        } else {
            detail::store_pair(slot, policy::published(head_), header);
        }
        head_ += 1;
        link_.messages += 1;
        link_.bytes += len;
        return Error::None;
    }

    // Leaves the stream open for a later kernel.
    PERDIX_INLINE void pause() {
        if (settle()) link_.leave_open();
    }
    // Ends the stream.
    PERDIX_INLINE void finish() {
        if (settle()) link_.close();
    }
    // Ends the stream, and tells the consumer why it ends early.
    PERDIX_INLINE void fail(Error error) {
        if (settle()) {
            link_.give_up(head_, error);
            link_.close();
        }
    }

private:
    PERDIX_INLINE Error wait(std::uint64_t limit_ns) {
        if (link_.credit().covers(head_ + 1)) return Error::None;
        // While a gap is unreported, no credit is known.
        const std::uint64_t gap = detail::state_load(&link_.ring.state->unreported);
        if (gap != 0) {
            const Error error = link_.wait_thread(head_ + 1, limit_ns);
            if (error != Error::None) return error;
            link_.publish_gap_marker(head_, gap);
            head_ += 1;
        }
        return link_.wait_thread(head_ + 1, limit_ns);
    }
    PERDIX_INLINE bool settle() {
        if (begun_ != Error::None) return false;
        link_.settle();
        detail::state_store(&link_.ring.state->head, head_);
        return true;
    }
};

// Sends messages from one warp, whose 32 lanes call every method together with the same arguments. The block is made of whole warps.
class WarpProducer {
    detail::Link link_;
    std::uint64_t head_ = 0;
    Error begun_;

public:
    PERDIX_INLINE explicit WarpProducer(const DeviceRing &ring)
        : begun_(detail::threads_per_block() % detail::WARP == 0 ? link_.begin(ring) : Error::Launch) {
        if (begun_ == Error::None) {
            link_.tail = detail::shuffle(link_.tail, 0);
            head_ = detail::state_load(&ring.state->head);
            const std::uint64_t gap = detail::state_load(&ring.state->unreported);
            detail::sync_warp();
            if (gap != 0) link_.forget_credit(head_);
        }
    }

    // Sends one message of `len` bytes (up to 240), waiting up to the ring's time limit: the lane that stores bytes 16 * chunk to
    // 16 * chunk + 16 calls make(chunk) for them, which must not be a collective operation.
    template <class Make> PERDIX_INLINE Error produce(std::uint16_t kind, std::uint32_t len, const Make &make) {
        return produce_batch(1, detail::One<Make>{len, kind, make}).error;
    }
    template <class Make> PERDIX_INLINE Error try_produce(std::uint16_t kind, std::uint32_t len, const Make &make) {
        return produce_batch_within(1, detail::One<Make>{len, kind, make}, 0).error;
    }

    // Sends the first `count` messages of `source`, up to 32 under one fence. A source has len(index), kind(index) and
    // chunk(index, chunk), which are called by many lanes, in any order, more than once.
    template <class Source> PERDIX_INLINE Sent produce_batch(std::uint64_t count, const Source &source) {
        return produce_batch_within(count, source, link_.ring.limit_ns);
    }
    template <class Source>
    PERDIX_INLINE Sent produce_batch_within(std::uint64_t count, const Source &source, std::uint64_t limit_ns) {
        if (begun_ != Error::None) return Sent{0, begun_};
        const std::uint64_t chunk = link_.ring.capacity < detail::WARP ? link_.ring.capacity : detail::WARP;
        std::uint64_t sent = 0;
        while (sent < count) {
            const unsigned asked = static_cast<unsigned>(count - sent < chunk ? count - sent : chunk);
            const unsigned some = detail::fitting(source, sent, asked);
            const Error error = wait(some, limit_ns);
            if (error != Error::None) return Sent{sent, error};
            if (some != 0) detail::publish_warp(link_, head_, some, source, sent);
            head_ += some;
            sent += some;
            if (some < asked) return Sent{sent, Error::TooLong};
        }
        return Sent{sent, Error::None};
    }

    PERDIX_INLINE void pause() {
        if (settle() && detail::lane_id() == 0) link_.leave_open();
    }
    PERDIX_INLINE void finish() {
        if (settle() && detail::lane_id() == 0) link_.close();
    }
    PERDIX_INLINE void fail(Error error) {
        if (settle() && detail::lane_id() == 0) {
            link_.give_up(head_, error);
            link_.close();
        }
    }

private:
    PERDIX_INLINE Error wait(std::uint64_t count, std::uint64_t limit_ns) {
        if (link_.credit().covers(head_ + count)) return Error::None;
        const std::uint64_t gap = detail::shuffle(detail::state_load(&link_.ring.state->unreported), 0);
        if (gap != 0) {
            const Error error = link_.wait_warp(head_ + 1, limit_ns);
            if (error != Error::None) return error;
            if (detail::lane_id() == 0) link_.publish_gap_marker(head_, gap);
            detail::sync_warp();
            head_ += 1;
        }
        return link_.wait_warp(head_ + count, limit_ns);
    }
    PERDIX_INLINE bool settle() {
        if (begun_ != Error::None) return false;
        link_.settle();
        if (detail::lane_id() == 0) detail::state_store(&link_.ring.state->head, head_);
        detail::sync_warp();
        return true;
    }
};

// Sends messages from one block, whose threads call every method together with the same arguments. A batch is dealt out to the warps, 32
// messages each, which publish them side by side; the consumer sees them in the batch's order. Should a warp give up, the stream ends
// before its first unsent message: call finish(), which tells the consumer.
class BlockProducer {
    detail::Link link_;
    std::uint64_t head_ = 0, dealt_ = 0, gap_ = 0;
    Error begun_;

public:
    PERDIX_INLINE explicit BlockProducer(const DeviceRing &ring)
        : begun_(detail::threads_per_block() % detail::WARP == 0 ? link_.begin(ring) : Error::Launch) {
        if (begun_ == Error::None) {
            link_.tail = detail::shuffle(link_.tail, 0);
            head_ = detail::state_load(&ring.state->head);
            gap_ = detail::state_load(&ring.state->unreported);
            detail::sync_threads();
        }
    }

    // Sends the first `count` messages of `source` (see WarpProducer), waiting up to the ring's time limit. The error may differ between
    // warps.
    template <class Source> PERDIX_INLINE Error produce_batch(std::uint64_t count, const Source &source) {
        if (begun_ != Error::None) return begun_;
        const std::uint64_t limit_ns = link_.ring.limit_ns;
        const std::uint64_t marker = head_, gap = gap_;
        // The whole batch and its gap marker count as claimed, sent or not: then all warps agree on the head, whichever gives up.
        head_ += policy::marker_and(gap, count);
        gap_ = 0;
        if (gap != 0) {
            const Error error = report(marker, gap, limit_ns);
            if (error != Error::None) return error;
        }
        const std::uint64_t chunk = link_.ring.capacity < detail::WARP ? link_.ring.capacity : detail::WARP;
        const std::uint64_t warps = detail::warps_per_block(), first = head_ - count;
        std::uint64_t index = (detail::warp_id() + warps - dealt_ % warps) % warps * chunk;
        dealt_ += (count + chunk - 1) / chunk;
        for (; index < count; index += chunk * warps) {
            const unsigned asked = static_cast<unsigned>(count - index < chunk ? count - index : chunk);
            const unsigned some = detail::fitting(source, index, asked);
            const Error error = link_.wait_warp(first + index + some, limit_ns);
            if (error != Error::None) return stop(first + index, error);
            if (some != 0) detail::publish_warp(link_, first + index, some, source, index);
            if (some < asked) return stop(first + index + some, Error::TooLong);
        }
        return Error::None;
    }

    PERDIX_INLINE void pause() {
        if (settle() && detail::thread_rank() == 0) link_.leave_open();
    }
    PERDIX_INLINE void finish() {
        if (settle() && detail::thread_rank() == 0) link_.close();
    }

private:
    PERDIX_INLINE Error stop(std::uint64_t number, Error error) {
        if (detail::lane_id() == 0) link_.give_up(number, error);
        return error;
    }
    // The first warp publishes a gap marker as message `number`, which the block has claimed, when its slot is free.
    PERDIX_INLINE Error report(std::uint64_t number, std::uint64_t gap, std::uint64_t limit_ns) {
        if (detail::warp_id() != 0) return Error::None;
        const Error error = link_.wait_warp(number + 1, limit_ns);
        if (error != Error::None) return stop(number, error);
        if (detail::lane_id() == 0) link_.publish_gap_marker(number, gap);
        detail::sync_warp();
        return Error::None;
    }
    PERDIX_INLINE bool settle() {
        if (begun_ != Error::None) return false;
        link_.settle();
        // A warp that has nothing to send gets here while others still read where to begin.
        detail::sync_threads();
        if (detail::thread_rank() == 0) {
            detail::state_store(&link_.ring.state->head, head_);
            detail::state_store(&link_.ring.state->unreported, gap_);
        }
        detail::sync_threads();
        return true;
    }
};

} // namespace perdix
