// One end of the conformance test: see crates/capi/tests/clients/conformance.rs.
#include <framebus.hpp>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <unistd.h>

namespace {

int produce(char **argv)
{
    framebus::ProducerOptions options;
    options.bus = argv[0];
    options.width = static_cast<unsigned>(std::stoul(argv[1]));
    options.height = static_cast<unsigned>(std::stoul(argv[2]));
    options.consumers = static_cast<unsigned>(std::stoul(argv[4]));
    options.color = true;
    framebus::Producer producer(options);
    framebus_pattern *pattern = nullptr;
    framebus::detail::check(framebus_pattern_open(options.width, options.height, &pattern));
    while (producer.stats().connected < options.consumers)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    using clock = std::chrono::steady_clock;
    const auto period = std::chrono::nanoseconds(static_cast<int64_t>(1e9 / std::stod(argv[3])));
    auto next = clock::now();
    const auto end = next + std::chrono::nanoseconds(static_cast<int64_t>(1e9 * std::stod(argv[5])));
    for (uint64_t number = 0; next < end; number++, std::this_thread::sleep_until(next += period)) {
        const uint64_t captured = framebus_monotonic_ns();
        if (auto claim = producer.claim()) {
            framebus::detail::check(framebus_pattern_draw(pattern, number, claim->gray(), claim->bgr()));
            claim->publish(number, captured);
        }
    }
    const auto stats = producer.stats();
    std::printf("{\"published\": %" PRIu64 ", \"sequence\": %" PRIu64 ", \"starved\": %" PRIu64 "}\n", stats.published,
                stats.sequence, stats.starved);
    framebus_pattern_close(pattern);
    return 0;
}

int consume(char **argv)
{
    const std::string mode = argv[2];
    framebus::ConsumerOptions options;
    options.bus = argv[0];
    options.index = static_cast<unsigned>(std::stoul(argv[1]));
    options.name = "conformance";
    options.every_frame = mode == "every";
    options.timeout = std::chrono::nanoseconds(static_cast<int64_t>(1e9 * std::stod(argv[3])));
    framebus::Consumer consumer(options);
    uint64_t torn = 0, backwards = 0, last = 0;
    while (auto frame = consumer.next()) {
        uint64_t number = 0;
        torn += framebus_pattern_verify(frame->info().width, frame->info().height, frame->data(), &number)
                || number != frame->info().source_frame || frame->info().bgr[3 * 8] != frame->data()[8];
        backwards += frame->sequence() <= last;
        last = frame->sequence();
        if (mode == "hold") {
            std::printf("holding %" PRIu64 "\n", last);
            std::fflush(stdout);
            pause();
        }
    }
    const auto stats = consumer.stats();
    std::printf("{\"attached\": %" PRIu64 ", \"taken\": %" PRIu64 ", \"skipped\": %" PRIu64 ", \"last\": %" PRIu64
                ", \"torn\": %" PRIu64 ", \"backwards\": %" PRIu64 ", \"end\": \"%s\"}\n",
                stats.attach_sequence, stats.taken, stats.skipped, stats.last_sequence, torn, backwards,
                consumer.end() == framebus::End::Ended ? "ended" : "lost");
    return 0;
}

} // namespace

// usage: as clients/c/tests/conformance.c
int main(int argc, char **argv)
try {
    if (argc == 8 && !std::strcmp(argv[1], "produce"))
        return produce(argv + 2);
    if (argc == 6 && !std::strcmp(argv[1], "consume"))
        return consume(argv + 2);
    return 2;
} catch (const framebus::Error &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
