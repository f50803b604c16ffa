// What framebus.hpp adds to framebus.h. Exits with the number of what does not hold.
#include <framebus.hpp>

#include <cstdio>
#include <cstring>
#include <limits>
#include <thread>

static int failures;

#define HOLDS(claim) ((claim) ? (void)0 : (void)(failures++, std::fprintf(stderr, "line %d: %s\n", __LINE__, #claim)))

static void publish(framebus::Producer &producer, int value)
{
    auto claim = producer.claim();
    HOLDS(claim.has_value());
    std::memset(claim->gray(), value, 64 * 48);
    claim->publish(static_cast<std::uint64_t>(value));
}

static bool is(const framebus::Frame &frame, int value)
{
    for (std::size_t i = 0; i < frame.size(); i++)
        if (frame.data()[i] != value)
            return false;
    return frame.size() == 64 * 48;
}

static void planes_and_metadata()
{
    framebus::ProducerOptions made;
    made.width = 64;
    made.height = 48;
    made.planes = "nv12,yuyv/2,meta";
    framebus::Producer producer(made);
    framebus::ConsumerOptions wanted;
    wanted.needs = "gray";
    try {
        framebus::Consumer consumer(wanted);
        HOLDS(!"attached");
    } catch (const framebus::Error &error) {
        HOLDS(error.result() == FRAMEBUS_RESULT_NO_IMAGE && std::strstr(error.what(), "it has nv12, yuyv/2, meta;"));
    }
    wanted.needs = "nv12";
    framebus::Consumer consumer(wanted);
    auto claim = producer.claim();
    HOLDS(!claim->gray() && claim->planes().size() == 3);
    const auto luma = claim->plane(framebus::format::nv12);
    std::memset(luma.data(), 128, luma.size());
    claim->fill_rest({luma});
    claim->set_metadata(std::string("a\0b", 3));
    auto moved = std::move(*claim);
    moved.publish(1);
    try {
        moved.plane("nv12");
        HOLDS(!"a plane of a slot that is published");
    } catch (const framebus::Error &error) {
        HOLDS(error.result() == FRAMEBUS_RESULT_NOT_CLAIMED);
    }
    auto frame = consumer.next();
    HOLDS(frame && !frame->has_gray() && !frame->data() && frame->size() == 0 && frame->planes().size() == 3);
    HOLDS(frame->metadata() == std::string("a\0b", 3));
    const auto half = frame->plane("yuyv/2");
    HOLDS(half.width() == 32 && half.stride() == 64 && half.data()[1] == 128 && half.name() == "yuyv/2");
    try {
        frame->plane("bgr");
        HOLDS(!"a plane that is not there");
    } catch (const framebus::Error &error) {
        HOLDS(error.result() == FRAMEBUS_RESULT_NO_IMAGE && std::strstr(error.what(), "has no plane bgr"));
    }
    frame->release();
    try {
        frame->plane("nv12");
        HOLDS(!"a plane of a frame that was given back");
    } catch (const framebus::Error &error) {
        HOLDS(error.result() == FRAMEBUS_RESULT_NOT_CLAIMED);
    }
}

// usage: FRAMEBUS_BUS=… api
int main()
{
    try {
        framebus::Consumer nobody;
        HOLDS(!"opened");
    } catch (const framebus::Error &error) {
        HOLDS(error.result() == FRAMEBUS_RESULT_NO_BUS && std::strstr(error.what(), "there is no bus"));
    }
    framebus::ProducerOptions options;
    options.width = 64;
    options.height = 48;
    auto producer = std::make_unique<framebus::Producer>(options);
    auto consumer = std::make_unique<framebus::Consumer>();
    HOLDS(consumer->stream().width == 64 && consumer->fd() >= 0);
    HOLDS(!consumer->next(std::chrono::milliseconds(1)) && consumer->end() == framebus::End::TimedOut);
    publish(*producer, 1);
    auto frame = consumer->next();
    HOLDS(frame && is(*frame, 1));
#ifdef FRAMEBUS_SPAN
    HOLDS(frame->gray().size() == 64 * 48 && frame->gray()[0] == 1);
#endif
    for (int value = 2; value < 20; value++)
        publish(*producer, value);
    try {
        consumer->next();
        HOLDS(!"taken");
    } catch (const framebus::Error &error) {
        HOLDS(error.result() == FRAMEBUS_RESULT_HELD);
    }
    framebus::Frame moved = std::move(*frame);
    frame.reset();
    HOLDS(is(moved, 1));
    moved.release();
    moved.release();
    frame = consumer->next();
    HOLDS(frame && is(*frame, 19) && frame->info().skipped == 17);
    // A frame outlives its consumer.
    consumer.reset();
    publish(*producer, 20);
    publish(*producer, 21);
    HOLDS(is(*frame, 19));
    frame.reset();

    consumer = std::make_unique<framebus::Consumer>();
    std::thread thread([&] { consumer->interrupt(); });
    HOLDS(!consumer->next() && consumer->end() == framebus::End::Interrupted);
    thread.join();
    // An interruption also reaches a consumer that has a frame to take; then it goes on.
    publish(*producer, 22);
    consumer->interrupt();
    HOLDS(!consumer->next() && consumer->end() == framebus::End::Interrupted);
    frame = consumer->next();
    HOLDS(frame && is(*frame, 22));
    try {
        consumer->next();
        HOLDS(!"waited for a frame that cannot be taken");
    } catch (const framebus::Error &error) {
        HOLDS(error.result() == FRAMEBUS_RESULT_HELD);
    }
    frame.reset();
    try {
        framebus::ConsumerOptions last;
        last.index = std::numeric_limits<unsigned>::max();
        framebus::Consumer any(last);
        HOLDS(!"any index");
    } catch (const framebus::Error &error) {
        HOLDS(error.result() == FRAMEBUS_RESULT_INVALID_ARGUMENT);
    }
    {
        const auto last = producer->stats().sequence;
        auto claim = producer->claim();
        try {
            claim->publish(0, 0, 0, last);
            HOLDS(!"published");
        } catch (const framebus::Error &error) {
            HOLDS(error.result() == FRAMEBUS_RESULT_INVALID_ARGUMENT);
        }
        HOLDS(claim->publish(0, 0, 0, last + 10, 77) == last + 10);
        frame = consumer->next();
        HOLDS(frame && frame->info().missing == 9 && frame->info().origin == 77);
        frame.reset();
    }
    {
        auto abandoned = producer->claim();
    }
    HOLDS(producer->stats().dropped == 1);
    HOLDS(framebus::Observer().snapshot().find("\"dropped\":1") != std::string::npos);
    producer.reset();
    HOLDS(!consumer->next() && consumer->end() == framebus::End::Ended);
    consumer.reset();
    planes_and_metadata();
    return failures;
}
