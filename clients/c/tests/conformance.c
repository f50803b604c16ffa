/* One end of the conformance test: see crates/capi/tests/clients/conformance.rs. */
#include <framebus.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, framebus_last_error());
    return 1;
}

static void sleep_until(uint64_t deadline_ns)
{
    uint64_t now = framebus_monotonic_ns();
    if (now < deadline_ns) {
        uint64_t left = deadline_ns - now;
        nanosleep(&(struct timespec){ .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 }, NULL);
    }
}

static int produce(char **argv)
{
    framebus_producer_options options = {
        .size = sizeof options, .bus = argv[0], .width = strtoul(argv[1], NULL, 10),
        .height = strtoul(argv[2], NULL, 10), .consumers = strtoul(argv[4], NULL, 10), .color = 1,
    };
    uint64_t period = (uint64_t)(1e9 / strtod(argv[3], NULL));
    uint64_t lasts = (uint64_t)(1e9 * strtod(argv[5], NULL));
    framebus_producer *producer = NULL;
    framebus_pattern *pattern = NULL;
    if (framebus_producer_create(&options, &producer) || framebus_pattern_open(options.width, options.height, &pattern))
        return fail("produce");
    framebus_producer_stats stats = { .size = sizeof stats };
    do {
        framebus_producer_get_stats(producer, &stats);
        usleep(2000);
    } while (stats.connected < options.consumers);
    uint64_t next = framebus_monotonic_ns(), end = next + lasts;
    for (uint64_t number = 0; next < end; number++, sleep_until(next += period)) {
        framebus_meta meta = { .size = sizeof meta, .capture_ns = framebus_monotonic_ns(), .source_frame = number };
        framebus_target target = { .size = sizeof target };
        framebus_result result = framebus_producer_claim(producer, &target);
        if (result == FRAMEBUS_RESULT_STARVED)
            continue;
        if (result || framebus_pattern_draw(pattern, number, target.gray, target.bgr)
            || framebus_producer_publish(producer, &meta, NULL))
            return fail("produce");
    }
    framebus_producer_get_stats(producer, &stats);
    printf("{\"published\": %" PRIu64 ", \"sequence\": %" PRIu64 ", \"starved\": %" PRIu64 "}\n", stats.published,
           stats.sequence, stats.starved);
    framebus_pattern_close(pattern);
    framebus_producer_close(producer);
    return 0;
}

static int consume(char **argv)
{
    framebus_consumer_options options = {
        .size = sizeof options, .bus = argv[0], .index_plus_1 = strtoul(argv[1], NULL, 10) + 1, .name = "conformance",
        .language = "c", .every_frame = !strcmp(argv[2], "every"), .timeout_ns = (int64_t)(1e9 * strtod(argv[3], NULL)),
    };
    framebus_consumer *consumer = NULL;
    if (framebus_consumer_open(&options, &consumer))
        return fail("consume");
    uint64_t torn = 0, backwards = 0, last = 0, number;
    framebus_frame frame = { .size = sizeof frame };
    framebus_result result;
    while ((result = framebus_consumer_next(consumer, -1, &frame)) == FRAMEBUS_RESULT_OK) {
        torn += framebus_pattern_verify(frame.width, frame.height, frame.gray, &number) || number != frame.source_frame
            || frame.bgr[3 * 8] != frame.gray[8];
        backwards += frame.sequence <= last;
        last = frame.sequence;
        if (!strcmp(argv[2], "hold")) {
            printf("holding %" PRIu64 "\n", frame.sequence);
            fflush(stdout);
            for (;;)
                usleep(1000000);
        }
    }
    if (result < 0)
        return fail("consume");
    framebus_consumer_stats stats = { .size = sizeof stats };
    framebus_consumer_get_stats(consumer, &stats);
    printf("{\"attached\": %" PRIu64 ", \"taken\": %" PRIu64 ", \"skipped\": %" PRIu64 ", \"last\": %" PRIu64
           ", \"torn\": %" PRIu64 ", \"backwards\": %" PRIu64 ", \"end\": \"%s\"}\n",
           stats.attach_sequence, stats.taken, stats.skipped, stats.last_sequence, torn, backwards,
           result == FRAMEBUS_RESULT_ENDED ? "ended" : "lost");
    framebus_consumer_close(consumer);
    return 0;
}

/* The planes that every language writes and reads: byte k of plane i in frame n. */
#define PLANES "gray,bgr,nv12,gray/2,meta"
#define BYTE(k, i, n) ((uint8_t)((k) % 251 + 31 * (i) + (n)))

static int metadata_of(uint64_t number, char *text)
{
    return sprintf(text, "frame %" PRIu64 "%.*s", number, (int)(number % 7), "xxxxxxx");
}

static int produce_planes(char **argv)
{
    framebus_producer_options options = {
        .size = sizeof options, .bus = argv[0], .width = 64, .height = 48, .consumers = strtoul(argv[1], NULL, 10),
        .history = strtoul(argv[2], NULL, 10), .planes = PLANES,
    };
    framebus_producer *producer = NULL;
    if (framebus_producer_create(&options, &producer))
        return fail("produce");
    framebus_producer_stats stats = { .size = sizeof stats };
    do {
        framebus_producer_get_stats(producer, &stats);
        usleep(2000);
    } while (stats.connected < options.consumers);
    for (uint64_t number = 0; number < options.history; number++) {
        usleep(20000);
        framebus_target target = { .size = sizeof target };
        char text[64];
        framebus_meta meta = {
            .size = sizeof meta, .source_frame = number, .metadata = (uint8_t *)text, .metadata_len = metadata_of(number, text),
        };
        if (framebus_producer_claim(producer, &target))
            return fail("claim");
        for (uint32_t index = 0; index < target.plane_count; index++) {
            framebus_target_plane plane = { .size = sizeof plane };
            if (framebus_producer_plane(producer, index, &plane))
                return fail("plane");
            for (uint64_t k = 0; plane.data && k < plane.len; k++)
                plane.data[k] = BYTE(k, index, number);
        }
        if (framebus_producer_publish(producer, &meta, NULL))
            return fail("publish");
    }
    framebus_producer_close(producer);
    return printf("{\"published\": %u}\n", options.history) < 0;
}

static int consume_planes(char **argv)
{
    framebus_consumer_options options = {
        .size = sizeof options, .bus = argv[0], .index_plus_1 = strtoul(argv[1], NULL, 10) + 1, .every_frame = 1,
        .timeout_ns = 60000000000, .needs = PLANES,
    };
    framebus_consumer *consumer = NULL;
    if (framebus_consumer_open(&options, &consumer))
        return fail("consume");
    uint64_t taken = 0, wrong = 0;
    char names[128];
    framebus_frame frame = { .size = sizeof frame };
    while (framebus_consumer_next(consumer, -1, &frame) == FRAMEBUS_RESULT_OK) {
        char text[64];
        uint32_t len = metadata_of(frame.source_frame, text);
        framebus_plane plane = { .size = sizeof plane };
        taken++;
        wrong += frame.metadata_len != len || memcmp(frame.metadata, text, len);
        names[0] = 0;
        for (uint32_t index = 0; index < frame.plane_count; index++) {
            if (framebus_consumer_plane(consumer, index, &plane))
                return fail("plane");
            strcat(strcat(names, *names ? " " : ""), plane.name);
            for (uint64_t k = 0; plane.format != FRAMEBUS_FORMAT_META && k < plane.len; k++)
                wrong += plane.data[k] != BYTE(k, index, frame.source_frame);
        }
        wrong += framebus_consumer_plane(consumer, 0, &plane) || plane.data != frame.gray || plane.len != 64 * 48;
        wrong += framebus_consumer_plane(consumer, 1, &plane) || plane.data != frame.bgr;
        wrong += framebus_consumer_find_plane(consumer, FRAMEBUS_FORMAT_NV12, &plane) || plane.index != 2 || plane.rows != 72;
        wrong += framebus_consumer_named_plane(consumer, "gray/2", &plane) || plane.index != 3 || plane.width != 32;
    }
    framebus_consumer_close(consumer);
    return printf("{\"taken\": %" PRIu64 ", \"wrong\": %" PRIu64 ", \"planes\": \"%s\"}\n", taken, wrong, names) < 0;
}

/* usage: conformance produce BUS WIDTH HEIGHT FPS CONSUMERS SECONDS
 *        conformance consume BUS INDEX newest|every|hold TIMEOUT_SECONDS
 *        conformance produce-planes BUS CONSUMERS FRAMES
 *        conformance consume-planes BUS INDEX */
int main(int argc, char **argv)
{
    if (argc == 8 && !strcmp(argv[1], "produce"))
        return produce(argv + 2);
    if (argc == 6 && !strcmp(argv[1], "consume"))
        return consume(argv + 2);
    if (argc == 5 && !strcmp(argv[1], "produce-planes"))
        return produce_planes(argv + 2);
    if (argc == 4 && !strcmp(argv[1], "consume-planes"))
        return consume_planes(argv + 2);
    return 2;
}
