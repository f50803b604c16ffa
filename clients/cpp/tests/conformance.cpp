// One end of the conformance test: see crates/capi/tests/clients/conformance.rs.
#include <framebus.hpp>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

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
            for (;;)
                std::this_thread::sleep_for(std::chrono::hours(1));
        }
    }
    const auto stats = consumer.stats();
    std::printf("{\"attached\": %" PRIu64 ", \"taken\": %" PRIu64 ", \"skipped\": %" PRIu64 ", \"last\": %" PRIu64
                ", \"torn\": %" PRIu64 ", \"backwards\": %" PRIu64 ", \"end\": \"%s\"}\n",
                stats.attach_sequence, stats.taken, stats.skipped, stats.last_sequence, torn, backwards,
                consumer.end() == framebus::End::Ended ? "ended" : "lost");
    return 0;
}

// As in clients/c/tests/conformance.c.
const char *const planes = "gray,bgr,nv12,gray/2,meta";

uint8_t byte_of(size_t k, size_t index, uint64_t number) { return static_cast<uint8_t>(k % 251 + 31 * index + number); }

std::string metadata_of(uint64_t number) { return "frame " + std::to_string(number) + std::string(number % 7, 'x'); }

int produce_planes(char **argv)
{
    framebus::ProducerOptions options;
    options.bus = argv[0];
    options.width = 64;
    options.height = 48;
    options.consumers = static_cast<unsigned>(std::stoul(argv[1]));
    options.history = static_cast<unsigned>(std::stoul(argv[2]));
    options.planes = planes;
    framebus::Producer producer(options);
    while (producer.stats().connected < options.consumers)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    for (uint64_t number = 0; number < options.history; number++) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        auto claim = producer.claim();
        for (const auto &plane : claim->planes())
            for (size_t k = 0; plane.data() && k < plane.size(); k++)
                plane.data()[k] = byte_of(k, plane.info().index, number);
        claim->set_metadata(metadata_of(number));
        claim->publish(number);
    }
    std::printf("{\"published\": %u}\n", options.history);
    return 0;
}

int consume_planes(char **argv)
{
    framebus::ConsumerOptions options;
    options.bus = argv[0];
    options.index = static_cast<unsigned>(std::stoul(argv[1]));
    options.every_frame = true;
    options.timeout = std::chrono::minutes(1);
    options.needs = planes;
    framebus::Consumer consumer(options);
    uint64_t taken = 0, wrong = 0;
    std::string names;
    while (auto frame = consumer.next()) {
        const auto number = frame->info().source_frame;
        taken++;
        wrong += frame->metadata() != metadata_of(number);
        names.clear();
        for (const auto &plane : frame->planes()) {
            names += (names.empty() ? "" : " ") + plane.name();
            for (size_t k = 0; plane.format() != framebus::format::meta && k < plane.size(); k++)
                wrong += plane.data()[k] != byte_of(k, plane.info().index, number);
        }
        wrong += frame->plane("gray").data() != frame->data() || frame->plane("bgr").data() != frame->info().bgr;
        wrong += frame->plane(framebus::format::nv12).info().index != 2 || frame->plane("gray/2").width() != 32;
    }
    std::printf("{\"taken\": %" PRIu64 ", \"wrong\": %" PRIu64 ", \"planes\": \"%s\"}\n", taken, wrong, names.c_str());
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
    if (argc == 5 && !std::strcmp(argv[1], "produce-planes"))
        return produce_planes(argv + 2);
    if (argc == 4 && !std::strcmp(argv[1], "consume-planes"))
        return consume_planes(argv + 2);
    return 2;
} catch (const framebus::Error &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
