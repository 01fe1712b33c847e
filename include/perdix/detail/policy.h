// The rules of the protocol as pure functions: those of the Rust crate perdix-core, `perdix_core::policy`, and tested
// against the same table. Message numbers wrap.
#pragma once

#include "../perdix.h"

namespace perdix {
namespace policy {

// What a look at a tail word says.
enum class Refused : std::uint32_t { None = 0, ConsumerGone = 1, CorruptTail = 2 };

// What a producer knows of the consumer's progress: a tail that the consumer has reached.
struct Credit {
    std::uint64_t capacity, tail;

    // Slots in use if the next message is `head`.
    PERDIX_INLINE std::uint64_t used(std::uint64_t head) const { return head - tail; }
    // Whether the slots of all messages below `end` are free.
    PERDIX_INLINE bool covers(std::uint64_t end) const { return used(end) <= capacity; }
    // The same where the consumer may have passed `end`.
    PERDIX_INLINE bool covers_outdated(std::uint64_t end) const {
        return static_cast<std::int64_t>(used(end)) <= static_cast<std::int64_t>(capacity);
    }
    // Whether to ask for a newer tail ahead of need.
    PERDIX_INLINE bool runs_low(std::uint64_t end) const { return used(end) > capacity / 2; }
    // No credit for a producer whose next message is `head`: it has to read the tail first.
    PERDIX_INLINE void forget(std::uint64_t head) { tail = head - capacity; }
    // Takes another tail if it is later; it may be outdated.
    PERDIX_INLINE void newest(std::uint64_t other) {
        if (static_cast<std::int64_t>(other - tail) > 0) tail = other;
    }
    // Takes the ring's tail word. `end` is a number that the consumer cannot have passed. Changes nothing if it refuses.
    PERDIX_INLINE Refused renew(std::uint64_t word, std::uint64_t end) {
        const std::uint64_t behind = (end - (word >> 1)) & CURSOR_MASK;
        if (behind > used(end)) return Refused::CorruptTail;
        if (word & 1) return Refused::ConsumerGone;
        tail = end - behind;
        return Refused::None;
    }
};

// What a producer does with messages that it wants to publish.
enum class Plan : std::uint32_t { Send = 0, MarkThenSend = 1, MarkOnly = 2, Nothing = 3 };

// What a producer that drops what does not fit does once enough slots are free: `count` messages, `unreported` dropped.
PERDIX_INLINE Plan with_room(std::uint64_t capacity, std::uint64_t unreported, std::uint64_t count) {
    if (unreported == 0) return Plan::Send;
    return count < capacity ? Plan::MarkThenSend : Plan::MarkOnly;
}
// How many slots must be free for that.
PERDIX_INLINE std::uint64_t slots_or_drop(std::uint64_t capacity, std::uint64_t unreported, std::uint64_t count) {
    switch (with_room(capacity, unreported, count)) {
    case Plan::Send: return count;
    case Plan::MarkThenSend: return count + 1;
    default: return 1;
    }
}
PERDIX_INLINE Plan or_drop(std::uint64_t capacity, std::uint64_t unreported, std::uint64_t count, std::uint64_t free) {
    if (free < slots_or_drop(capacity, unreported, count)) return Plan::Nothing;
    return with_room(capacity, unreported, count);
}
// For a producer that waits until its messages fit: a gap marker goes as soon as one slot is free.
PERDIX_INLINE Plan or_wait(std::uint64_t unreported, std::uint64_t count, std::uint64_t free) {
    if (unreported == 0) return count <= free ? Plan::Send : Plan::Nothing;
    if (free == 0) return Plan::Nothing;
    return count < free ? Plan::MarkThenSend : Plan::MarkOnly;
}
// Numbers that `count` messages take together with the gap marker ahead of them, if one is due.
PERDIX_INLINE std::uint64_t marker_and(std::uint64_t unreported, std::uint64_t count) { return count + (unreported != 0); }
// Messages that were dropped and that no gap marker has reported.
PERDIX_INLINE std::uint64_t unreported(std::uint64_t dropped, std::uint64_t reported) {
    const std::uint64_t missing = dropped - reported;
    return static_cast<std::int64_t>(missing) > 0 ? missing : 0;
}

// The two header words of a slot.
struct Header {
    std::uint64_t seq, meta;
};

// The sequence word of message `number` once it is published.
PERDIX_INLINE std::uint64_t published(std::uint64_t number) { return number + 1; }
PERDIX_INLINE std::uint64_t meta(std::uint64_t len, std::uint64_t kind) { return len | kind << META_KIND_SHIFT; }
// A message by itself, or a follower in a batch.
PERDIX_INLINE Header header(std::uint64_t number, std::uint64_t len, std::uint64_t kind) {
    return Header{published(number), meta(len, kind)};
}
// The head of a batch of `count`, before published(number) is stored, which publishes the batch.
PERDIX_INLINE Header head_header(
    std::uint64_t capacity, std::uint64_t number, std::uint64_t len, std::uint64_t kind, std::uint64_t count) {
    return Header{published(number) - capacity, meta(len, kind) | (count - 1) << META_MASK_SHIFT};
}
// Where the messages end that a consumer may take after it has acquired a batch's head.
PERDIX_INLINE std::uint64_t acquired_end(
    std::uint64_t capacity, std::uint64_t next, std::uint64_t acquired, std::uint64_t followers) {
    const std::uint64_t most = next + capacity - acquired, count = followers + 1;
    return acquired + (most < count ? most : count);
}

// What the end word means to a consumer that finds no message; a corrupt one, how far ahead it is.
enum class StreamEnd : std::uint32_t { Open = 0, Ahead = 1, Here = 2, Corrupt = 3 };
struct End {
    StreamEnd state;
    std::uint64_t distance;
};
PERDIX_INLINE End read_end(std::uint64_t capacity, std::uint64_t word, std::uint64_t next) {
    if ((word & 1) == 0) return End{StreamEnd::Open, 0};
    const std::uint64_t distance = ((word >> 1) - next) & CURSOR_MASK;
    if (distance == 0) return End{StreamEnd::Here, 0};
    return distance <= capacity ? End{StreamEnd::Ahead, 0} : End{StreamEnd::Corrupt, distance};
}

// How a stream ends of which numbers up to `head` were claimed; `unsent` is the first that was not sent, counted from `start`.
struct Claims {
    std::uint64_t end, messages, lost;
};
PERDIX_INLINE Claims claims(std::uint64_t start, std::uint64_t head, std::uint64_t unsent, std::uint64_t sent) {
    const std::uint64_t claimed = head - start, kept = unsent < claimed ? unsent : claimed;
    return Claims{start + kept, sent < kept ? sent : kept, claimed - kept};
}

} // namespace policy
} // namespace perdix
