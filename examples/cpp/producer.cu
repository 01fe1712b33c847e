// One warp sends numbers and their squares, while the Rust program prints them.
#include <perdix/perdix.cuh>

extern "C" __global__ void squares(perdix::DeviceRing ring, std::uint64_t count) {
    perdix::WarpProducer producer(ring);
    for (std::uint64_t i = 0; i < count; ++i) {
        const perdix::Error error = producer.produce(0, 16, [=](unsigned) { return perdix::Chunk{i, i * i}; });
        if (error != perdix::Error::None) return producer.fail(error);
    }
    producer.finish();
}
