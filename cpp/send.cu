// CUDA C++ producers for the device tests: they send what the Rust kernels of the same names send.
#include <perdix/perdix.cuh>

namespace {

constexpr std::uint32_t ALL_LENGTHS = 0xffffffffu;

// As in kernels/src/pattern.rs.
struct Pattern {
    std::uint32_t len, sentinels;

    __device__ std::uint32_t length(std::uint64_t id) const {
        return len == ALL_LENGTHS ? static_cast<std::uint32_t>(id % (perdix::PAYLOAD_SIZE + 1)) : len;
    }
    __device__ std::uint64_t word(std::uint64_t id, std::uint64_t i) const {
        return sentinels != 0 && (id + i) % 3 == 0 ? perdix::SENTINEL : id ^ i * 0x9e3779b97f4a7c15ull;
    }
};

// Messages `first` onwards of a pattern.
struct Source {
    Pattern pattern;
    std::uint64_t first;

    __device__ std::uint32_t len(std::uint64_t index) const { return pattern.length(first + index); }
    __device__ std::uint16_t kind(std::uint64_t index) const { return static_cast<std::uint16_t>(first + index); }
    __device__ perdix::Chunk chunk(std::uint64_t index, unsigned chunk) const {
        return {pattern.word(first + index, 2 * chunk), pattern.word(first + index, 2 * chunk + 1)};
    }
};

} // namespace

// One thread sends messages 0 to `count`. (`batch` is for the Rust kernel of the same parameters.)
extern "C" __global__ void cpp_send_thread(perdix::DeviceRing ring, Pattern pattern, std::uint64_t count, std::uint64_t) {
    perdix::ThreadProducer producer(ring);
    for (std::uint64_t id = 0; id < count; ++id) {
        perdix::Error error;
        if (id % 2 == 0) {
            // From memory.
            std::uint64_t words[perdix::PAYLOAD_SIZE / 8];
            for (unsigned i = 0; i < perdix::PAYLOAD_SIZE / 8; ++i) words[i] = pattern.word(id, i);
            error = producer.produce(static_cast<std::uint16_t>(id), words, pattern.length(id));
        } else {
            error = producer.produce_with(static_cast<std::uint16_t>(id), pattern.length(id), [=](unsigned chunk) {
                return perdix::Chunk{pattern.word(id, 2 * chunk), pattern.word(id, 2 * chunk + 1)};
            });
        }
        if (error != perdix::Error::None) return producer.fail(error);
    }
    producer.finish();
}

// One warp sends messages 0 to `count`, `batch` in each call.
extern "C" __global__ void cpp_send_warp(perdix::DeviceRing ring, Pattern pattern, std::uint64_t count, std::uint64_t batch) {
    perdix::WarpProducer producer(ring);
    for (std::uint64_t id = 0; id < count;) {
        const std::uint64_t some = count - id < batch ? count - id : batch;
        const perdix::Sent sent = producer.produce_batch(some, Source{pattern, id});
        if (sent.error != perdix::Error::None) return producer.fail(sent.error);
        id += some;
    }
    producer.finish();
}

// One block sends messages 0 to `count`, `batch` in each call.
extern "C" __global__ void cpp_send_block(perdix::DeviceRing ring, Pattern pattern, std::uint64_t count, std::uint64_t batch) {
    perdix::BlockProducer producer(ring);
    for (std::uint64_t id = 0; id < count;) {
        const std::uint64_t some = count - id < batch ? count - id : batch;
        if (producer.produce_batch(some, Source{pattern, id}) != perdix::Error::None) break;
        id += some;
    }
    producer.finish();
}

// One warp sends messages `first` to `first + count`. Then it ends the stream if `last` is not zero, and leaves it open for the next
// kernel if it is.
extern "C" __global__ void cpp_continue_warp(
    perdix::DeviceRing ring, Pattern pattern, std::uint64_t first, std::uint64_t count, std::uint64_t last) {
    perdix::WarpProducer producer(ring);
    const perdix::Sent sent = producer.produce_batch(count, Source{pattern, first});
    if (sent.error != perdix::Error::None) return producer.fail(sent.error);
    if (last != 0) return producer.finish();
    producer.pause();
}

// The same by one block.
extern "C" __global__ void cpp_continue_block(
    perdix::DeviceRing ring, Pattern pattern, std::uint64_t first, std::uint64_t count, std::uint64_t last) {
    perdix::BlockProducer producer(ring);
    const bool is_sent = producer.produce_batch(count, Source{pattern, first}) == perdix::Error::None;
    // All warps decide alike. An error is told to the consumer by finish.
    if (__syncthreads_and(is_sent) && last == 0) return producer.pause();
    producer.finish();
}

// One warp sends a message that is too long, which is an error that the consumer is told of.
extern "C" __global__ void cpp_send_too_long(perdix::DeviceRing ring) {
    perdix::WarpProducer producer(ring);
    const perdix::Error error = producer.produce(0, perdix::PAYLOAD_SIZE + 1, [](unsigned) { return perdix::Chunk{0, 0}; });
    producer.fail(error);
}
