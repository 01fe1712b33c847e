// Runs the C++ producers on emulated lanes, on a ring in a file that the test of perdix-gpu has made and consumes from.
//
//   emulated FILE thread|warp|block COUNT LIMIT_NS GAP VERSION
//
// GAP messages count as dropped before the first; the handle says that the layout has this VERSION. Ends the stream, or fails it with the error that stopped it.
#include <perdix/perdix.cuh>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

// As Pattern { len: ALL_LENGTHS, sentinels: 1 } in kernels/src/pattern.rs.
struct Source {
    std::uint64_t first;

    std::uint32_t len(std::uint64_t index) const {
        return static_cast<std::uint32_t>((first + index) % (perdix::PAYLOAD_SIZE + 1));
    }
    std::uint16_t kind(std::uint64_t index) const { return static_cast<std::uint16_t>(first + index); }
    std::uint64_t word(std::uint64_t index, std::uint64_t i) const {
        const std::uint64_t id = first + index;
        return (id + i) % 3 == 0 ? perdix::SENTINEL : id ^ i * 0x9e3779b97f4a7c15ull;
    }
    perdix::Chunk chunk(std::uint64_t index, unsigned chunk) const { return {word(index, 2 * chunk), word(index, 2 * chunk + 1)}; }
};

perdix::Error first_error = perdix::Error::None;

void by_thread(const perdix::DeviceRing &ring, std::uint64_t count) {
    perdix::ThreadProducer producer(ring);
    for (std::uint64_t id = 0; id < count; ++id) {
        const Source source = {id};
        std::uint64_t words[perdix::PAYLOAD_SIZE / 8];
        for (unsigned i = 0; i < perdix::PAYLOAD_SIZE / 8; ++i) words[i] = source.word(0, i);
        const perdix::Error error = producer.produce(source.kind(0), words, source.len(0));
        if (error != perdix::Error::None) return first_error = error, producer.fail(error);
        // The next one goes on from where this one is.
        if (id == count / 2) {
            producer.pause();
            producer = perdix::ThreadProducer(ring);
        }
    }
    producer.finish();
}

void by_warp(const perdix::DeviceRing &ring, std::uint64_t count) {
    perdix::WarpProducer producer(ring);
    for (std::uint64_t id = 0, batch = 1; id < count; batch = batch % 40 + 1) {
        const std::uint64_t some = count - id < batch ? count - id : batch;
        const perdix::Sent sent = producer.produce_batch(some, Source{id});
        if (sent.error != perdix::Error::None) {
            if (perdix::detail::lane_id() == 0) first_error = sent.error;
            return producer.fail(sent.error);
        }
        id += some;
    }
    producer.finish();
}

void by_block(const perdix::DeviceRing &ring, std::uint64_t count) {
    perdix::BlockProducer producer(ring);
    for (std::uint64_t id = 0; id < count;) {
        const std::uint64_t some = count - id < 100 ? count - id : 100;
        const perdix::Error error = producer.produce_batch(some, Source{id});
        if (perdix::detail::thread_rank() == 0) first_error = error;
        if (error != perdix::Error::None) break;
        id += some;
    }
    producer.finish();
}

} // namespace

int main(int arguments, char **argument) {
    if (arguments != 7) return 2;
    const int file = open(argument[1], O_RDWR);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) return std::perror(argument[1]), 1;
    void *memory = mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) return std::perror("mmap"), 1;
    const auto word = [=](std::size_t offset) { return *reinterpret_cast<std::uint64_t *>(static_cast<char *>(memory) + offset); };
    if (word(perdix::offset::MAGIC) != perdix::MAGIC) return std::fputs("no ring\n", stderr), 1;

    static perdix::DeviceState state = {};
    const std::uint64_t gap = std::strtoull(argument[5], nullptr, 10);
    perdix::DeviceRing ring = {};
    ring.memory = static_cast<unsigned char *>(memory);
    ring.state = &state;
    ring.capacity = word(perdix::offset::CAPACITY);
    ring.format = std::strtoull(argument[6], nullptr, 10) << 32 | word(perdix::offset::MODE);
    ring.start = word(perdix::offset::START);
    ring.limit_ns = std::strtoull(argument[4], nullptr, 10);
    state.head = state.tail = ring.start;
    state.unsent = perdix::ALL_SENT;
    state.unreported = state.dropped = gap;
    // As an earlier kernel has left it.
    state.paused = 1;

    const std::uint64_t count = std::strtoull(argument[3], nullptr, 10);
    if (std::strcmp(argument[2], "thread") == 0) {
        perdix::detail::launch(1, [&] { by_thread(ring, count); });
    } else if (std::strcmp(argument[2], "warp") == 0) {
        perdix::detail::launch(32, [&] { by_warp(ring, count); });
    } else {
        perdix::detail::launch(96, [&] { by_block(ring, count); });
    }
    if (first_error == perdix::Error::Version) return static_cast<int>(first_error);
    // Or this one's end could be taken for a pause.
    return state.paused == 0 ? 0 : (std::fputs("the pause was not taken back\n", stderr), 1);
}
