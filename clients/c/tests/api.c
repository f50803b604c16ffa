/* Every function of framebus.h, used well and badly, in one process. Exits with the number of what does not hold. */
#define _GNU_SOURCE
#include <framebus.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failures;

#define HOLDS(claim) ((claim) ? (void)0 : (void)(failures++, fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #claim, framebus_last_error())))
#define IS(call, result) HOLDS((call) == FRAMEBUS_RESULT_##result)
#define SAYS(text) HOLDS(strstr(framebus_last_error(), text))

enum { WIDTH = 96, HEIGHT = 64 };

/* On a busy machine, and under valgrind, a producer may take its time to answer. */
#define PATIENCE 60000000000
static const framebus_consumer_options patient = { .size = sizeof patient, .timeout_ns = PATIENCE };

static framebus_producer *producer;
static framebus_pattern *pattern;

static void publish(uint64_t number)
{
    framebus_target target = { .size = sizeof target };
    framebus_meta meta = { .size = sizeof meta, .source_frame = number };
    uint64_t sequence = 0;
    IS(framebus_producer_claim(producer, &target), OK);
    HOLDS(target.width == WIDTH && target.height == HEIGHT && target.stride == WIDTH && target.bgr_stride == 3 * WIDTH);
    IS(framebus_pattern_draw(pattern, number, target.gray, target.bgr), OK);
    IS(framebus_producer_publish(producer, &meta, &sequence), OK);
    HOLDS(sequence > 0);
}

static void null_pointers_are_results(void)
{
    framebus_consumer *consumer = NULL;
    IS(framebus_consumer_open(NULL, NULL), NO_BUS);
    IS(framebus_consumer_wait(NULL, 0), INVALID_ARGUMENT);
    SAYS("the consumer is NULL");
    IS(framebus_consumer_acquire(NULL, NULL), INVALID_ARGUMENT);
    IS(framebus_consumer_next(NULL, 0, NULL), INVALID_ARGUMENT);
    IS(framebus_consumer_release(NULL), INVALID_ARGUMENT);
    IS(framebus_consumer_stream(NULL, NULL), INVALID_ARGUMENT);
    IS(framebus_consumer_get_stats(NULL, NULL), INVALID_ARGUMENT);
    IS(framebus_consumer_interrupt(NULL), INVALID_ARGUMENT);
    HOLDS(framebus_consumer_fd(NULL) == -1);
    framebus_consumer_close(NULL);
    IS(framebus_producer_create(NULL, NULL), INVALID_ARGUMENT);
    SAYS("width and height");
    IS(framebus_producer_claim(NULL, NULL), INVALID_ARGUMENT);
    IS(framebus_producer_publish(NULL, NULL, NULL), INVALID_ARGUMENT);
    IS(framebus_producer_abandon(NULL), INVALID_ARGUMENT);
    IS(framebus_producer_get_stats(NULL, NULL), INVALID_ARGUMENT);
    framebus_producer_close(NULL);
    IS(framebus_observer_open(NULL, NULL), INVALID_ARGUMENT);
    IS(framebus_observer_snapshot(NULL, NULL), INVALID_ARGUMENT);
    IS(framebus_observer_peek(NULL, NULL, 0, NULL), INVALID_ARGUMENT);
    framebus_observer_close(NULL);
    IS(framebus_pattern_open(0, 0, NULL), INVALID_ARGUMENT);
    IS(framebus_pattern_draw(NULL, 0, NULL, NULL), INVALID_ARGUMENT);
    IS(framebus_pattern_verify(1, 1, NULL, NULL), INVALID_ARGUMENT);
    framebus_pattern_close(NULL);

    framebus_consumer_options options = { .size = sizeof options, .bus = "Not A Name" };
    IS(framebus_consumer_open(&options, &consumer), INVALID_ARGUMENT);
    SAYS("bus name 'Not A Name' is not valid");
    options = (framebus_consumer_options){ .size = 0 };
    IS(framebus_consumer_open(&options, &consumer), INVALID_ARGUMENT);
    SAYS("sizeof");
    options = (framebus_consumer_options){ .size = sizeof options, .index_plus_1 = 1000 };
    IS(framebus_consumer_open(&options, &consumer), INVALID_ARGUMENT);
    options = (framebus_consumer_options){ .size = sizeof options, .trigger = 9 };
    IS(framebus_consumer_open(&options, &consumer), INVALID_ARGUMENT);
    options = (framebus_consumer_options){ .size = sizeof options, .name = "\xff" };
    IS(framebus_consumer_open(&options, &consumer), INVALID_ARGUMENT);
    SAYS("UTF-8");
    HOLDS(consumer == NULL);
}

static void a_bus_has_one_producer_and_an_index_one_consumer(framebus_producer_options *options)
{
    framebus_producer *second = NULL;
    IS(framebus_producer_create(options, &second), HAS_PRODUCER);
    SAYS("already has a producer");
    framebus_consumer_options first = { .size = sizeof first, .index_plus_1 = 1, .timeout_ns = PATIENCE };
    framebus_consumer *consumer = NULL, *other = NULL;
    IS(framebus_consumer_open(&first, &consumer), OK);
    IS(framebus_consumer_open(&first, &other), IN_USE);
    SAYS("consumer 0 of bus");
    SAYS("is in use by pid");
    first.index_plus_1 = 200;
    IS(framebus_consumer_open(&first, &other), OUT_OF_RANGE);
    framebus_consumer_close(consumer);
}

static void a_frame_is_taken_once_and_held_until_it_is_released(void)
{
    framebus_consumer_options options = { .size = sizeof options, .name = "api", .timeout_ns = PATIENCE };
    framebus_consumer *consumer = NULL;
    framebus_frame frame = { .size = sizeof frame };
    framebus_stream stream = { .size = sizeof stream };
    uint64_t number = 0;
    IS(framebus_consumer_open(&options, &consumer), OK);
    IS(framebus_consumer_wait(consumer, 0), TIMED_OUT);
    IS(framebus_consumer_acquire(consumer, &frame), NO_FRAME);
    IS(framebus_consumer_stream(consumer, &stream), OK);
    HOLDS(stream.width == WIDTH && stream.height == HEIGHT && stream.color && stream.nominal_fps == 30.0);
    struct pollfd fd = { .fd = framebus_consumer_fd(consumer), .events = POLLIN };
    HOLDS(poll(&fd, 1, 0) == 0);
    publish(41);
    HOLDS(poll(&fd, 1, -1) == 1);
    IS(framebus_consumer_wait(consumer, -1), OK);
    IS(framebus_consumer_acquire(consumer, &frame), OK);
    IS(framebus_pattern_verify(frame.width, frame.height, frame.gray, &number), OK);
    HOLDS(number == 41 && frame.source_frame == 41 && frame.bgr && frame.bgr[0] == frame.gray[0]);
    for (number = 42; number < 60; number++)
        publish(number);
    IS(framebus_pattern_verify(frame.width, frame.height, frame.gray, &number), OK);
    HOLDS(number == 41);
    IS(framebus_consumer_acquire(consumer, &frame), HELD);
    SAYS("is still held");
    IS(framebus_consumer_release(consumer), OK);
    IS(framebus_consumer_release(consumer), OK);
    IS(framebus_consumer_next(consumer, 0, &frame), OK);
    HOLDS(frame.source_frame == 59 && frame.skipped == 17);
    IS(framebus_consumer_next(consumer, 0, &frame), TIMED_OUT);
    IS(framebus_consumer_interrupt(consumer), OK);
    IS(framebus_consumer_next(consumer, -1, &frame), INTERRUPTED);
    framebus_consumer_stats stats = { .size = sizeof stats };
    IS(framebus_consumer_get_stats(consumer, &stats), OK);
    HOLDS(stats.attach_sequence + stats.taken + stats.skipped == stats.last_sequence && stats.taken == 2);
    framebus_consumer_close(consumer);
}

static void *interrupt(void *consumer)
{
    framebus_consumer_interrupt(consumer);
    return NULL;
}

static void another_thread_ends_a_wait(void)
{
    framebus_consumer *consumer = NULL;
    pthread_t thread;
    IS(framebus_consumer_open(&patient, &consumer), OK);
    pthread_create(&thread, NULL, interrupt, consumer);
    IS(framebus_consumer_wait(consumer, -1), INTERRUPTED);
    pthread_join(thread, NULL);
    IS(framebus_consumer_wait(consumer, 0), TIMED_OUT);
    framebus_consumer_close(consumer);
}

static void structures_of_another_version_are_filled_as_far_as_they_go(void)
{
    framebus_consumer *consumer = NULL;
    IS(framebus_consumer_open(&patient, &consumer), OK);
    publish(70);
    struct { framebus_frame frame; unsigned char beyond[16]; } longer = { .frame.size = sizeof longer };
    memset(longer.beyond, 0x5a, sizeof longer.beyond);
    IS(framebus_consumer_acquire(consumer, &longer.frame), OK);
    HOLDS(longer.frame.size == sizeof longer && longer.beyond[0] == 0x5a && longer.frame.wall_ns);
    framebus_consumer_release(consumer);
    publish(71);
    framebus_frame shorter = { .size = 16, .gray = (void *)1 };
    IS(framebus_consumer_acquire(consumer, &shorter), OK);
    HOLDS(shorter.width == WIDTH && shorter.stride == WIDTH && shorter.gray == (void *)1);
    framebus_consumer_close(consumer);
}

static void an_observer_sees_without_an_index(void)
{
    framebus_observer *observer = NULL;
    const char *json = NULL;
    IS(framebus_observer_open(NULL, &observer), OK);
    IS(framebus_observer_snapshot(observer, &json), OK);
    HOLDS(json && strstr(json, "\"state\":\"running\"") && strstr(json, "\"source\":\"api test\""));
    framebus_picture picture = { .size = sizeof picture };
    IS(framebus_observer_peek(observer, NULL, 0, &picture), BUFFER_TOO_SMALL);
    HOLDS(picture.width == WIDTH && picture.height == HEIGHT);
    uint8_t gray[WIDTH * HEIGHT];
    uint64_t number = 0;
    IS(framebus_observer_peek(observer, gray, sizeof gray, &picture), OK);
    IS(framebus_pattern_verify(WIDTH, HEIGHT, gray, &number), OK);
    HOLDS(number == 71);
    gray[100] ^= 1;
    IS(framebus_pattern_verify(WIDTH, HEIGHT, gray, &number), NOT_WHOLE);
    framebus_observer_close(observer);
}

static atomic_bool publishing;

static void *publish_at_100_fps(void *unused)
{
    for (uint64_t number = 100; publishing; number++) {
        publish(number);
        usleep(10000);
    }
    return unused;
}

static void an_interruption_reaches_a_consumer_that_is_behind(void)
{
    framebus_consumer *consumer = NULL;
    framebus_frame frame = { .size = sizeof frame };
    pthread_t thread;
    IS(framebus_consumer_open(&patient, &consumer), OK);
    publishing = true;
    pthread_create(&thread, NULL, publish_at_100_fps, NULL);
    for (int taken = 0; taken < 3; taken++) {
        IS(framebus_consumer_next(consumer, -1, &frame), OK);
        usleep(50000);
    }
    IS(framebus_consumer_interrupt(consumer), OK);
    IS(framebus_consumer_next(consumer, -1, &frame), INTERRUPTED);
    IS(framebus_consumer_next(consumer, -1, &frame), OK);
    publishing = false;
    pthread_join(thread, NULL);
    publish(300);
    IS(framebus_consumer_interrupt(consumer), OK);
    IS(framebus_consumer_wait(consumer, -1), INTERRUPTED);
    IS(framebus_consumer_wait(consumer, -1), OK);
    framebus_consumer_close(consumer);
}

static void *wait_for_ever(void *consumer)
{
    return (void *)(intptr_t)framebus_consumer_wait(consumer, -1);
}

static bool is_held(void)
{
    framebus_observer *observer = NULL;
    const char *json = NULL;
    IS(framebus_observer_open(NULL, &observer), OK);
    IS(framebus_observer_snapshot(observer, &json), OK);
    bool held = strstr(json, "\"holders\":[0]") || strstr(json, "\"holders\":[1]");
    framebus_observer_close(observer);
    return held;
}

/* It would never end if the wait kept them: no frame comes, and the wait is interrupted only after them. */
static void a_wait_keeps_no_other_thread_waiting(void)
{
    framebus_consumer *consumer = NULL;
    framebus_frame frame = { .size = sizeof frame };
    framebus_stream stream = { .size = sizeof stream };
    framebus_consumer_stats stats = { .size = sizeof stats };
    pthread_t thread;
    void *result = NULL;
    IS(framebus_consumer_open(&patient, &consumer), OK);
    publish(301);
    IS(framebus_consumer_acquire(consumer, &frame), OK);
    HOLDS(is_held());
    pthread_create(&thread, NULL, wait_for_ever, consumer);
    for (int look = 0; look < 50; look++) {
        usleep(1000);
        IS(framebus_consumer_get_stats(consumer, &stats), OK);
        HOLDS(stats.taken == 1 && stats.last_sequence == frame.sequence);
        IS(framebus_consumer_stream(consumer, &stream), OK);
        HOLDS(stream.width == WIDTH && stream.index < 2);
    }
    IS(framebus_consumer_release(consumer), OK);
    HOLDS(!is_held());
    IS(framebus_consumer_interrupt(consumer), OK);
    pthread_join(thread, &result);
    HOLDS((intptr_t)result == FRAMEBUS_RESULT_INTERRUPTED);
    framebus_consumer_close(consumer);
}

static void what_is_not_claimed_is_not_published(void)
{
    framebus_target target = { .size = sizeof target };
    framebus_producer_stats before = { .size = sizeof before }, after = { .size = sizeof after };
    framebus_producer_get_stats(producer, &before);
    IS(framebus_producer_publish(producer, NULL, NULL), NOT_CLAIMED);
    IS(framebus_producer_claim(producer, &target), OK);
    IS(framebus_producer_claim(producer, &target), OK);
    IS(framebus_producer_abandon(producer), OK);
    IS(framebus_producer_abandon(producer), OK);
    IS(framebus_producer_publish(producer, NULL, NULL), NOT_CLAIMED);
    framebus_producer_get_stats(producer, &after);
    HOLDS(after.published == before.published && after.dropped == before.dropped + 1);
}

static void numbers_from_elsewhere_are_kept(void)
{
    framebus_consumer *consumer = NULL;
    framebus_target target = { .size = sizeof target };
    framebus_frame frame = { .size = sizeof frame };
    framebus_consumer_stats stats = { .size = sizeof stats };
    uint64_t sequence = 0;
    IS(framebus_consumer_open(&patient, &consumer), OK);
    IS(framebus_consumer_get_stats(consumer, &stats), OK);
    framebus_meta meta = { .size = sizeof meta, .sequence = stats.last_sequence + 10, .origin = 77 };
    IS(framebus_producer_claim(producer, &target), OK);
    IS(framebus_producer_publish(producer, &meta, &sequence), OK);
    HOLDS(sequence == meta.sequence);
    IS(framebus_consumer_next(consumer, -1, &frame), OK);
    HOLDS(frame.sequence == sequence && frame.origin == 77 && frame.skipped == 0 && frame.missing == 9);
    IS(framebus_producer_claim(producer, &target), OK);
    IS(framebus_producer_publish(producer, &meta, &sequence), INVALID_ARGUMENT);
    SAYS("is not above");
    IS(framebus_producer_publish(producer, NULL, &sequence), OK);
    HOLDS(sequence == meta.sequence + 1);
    IS(framebus_consumer_get_stats(consumer, &stats), OK);
    HOLDS(stats.attach_sequence + stats.taken + stats.skipped + stats.missing == stats.last_sequence);
    framebus_consumer_close(consumer);
}

static void the_end_of_the_stream_is_seen(void)
{
    framebus_consumer *consumer = NULL;
    framebus_frame frame = { .size = sizeof frame };
    IS(framebus_consumer_open(&patient, &consumer), OK);
    publish(80);
    framebus_producer_close(producer);
    IS(framebus_consumer_next(consumer, -1, &frame), OK);
    uint64_t number = 0;
    IS(framebus_pattern_verify(frame.width, frame.height, frame.gray, &number), OK);
    HOLDS(number == 80);
    IS(framebus_consumer_next(consumer, -1, &frame), ENDED);
    framebus_consumer_close(consumer);
}

/* usage: FRAMEBUS_BUS=… api */
int main(void)
{
    framebus_producer_options options = {
        .size = sizeof options, .width = WIDTH, .height = HEIGHT, .consumers = 2, .color = 1, .nominal_fps = 30,
        .source = "api test",
    };
    HOLDS(strlen(framebus_version()) > 0 && framebus_layout_version() >> 16 == 2);
    HOLDS(framebus_monotonic_ns() > 0 && framebus_wall_ns() > 1600000000000000000u);
    HOLDS(*framebus_last_error() == 0);
    null_pointers_are_results();
    IS(framebus_pattern_open(WIDTH, HEIGHT, &pattern), OK);
    IS(framebus_producer_create(&options, &producer), OK);
    a_bus_has_one_producer_and_an_index_one_consumer(&options);
    a_frame_is_taken_once_and_held_until_it_is_released();
    another_thread_ends_a_wait();
    structures_of_another_version_are_filled_as_far_as_they_go();
    an_observer_sees_without_an_index();
    an_interruption_reaches_a_consumer_that_is_behind();
    a_wait_keeps_no_other_thread_waiting();
    what_is_not_claimed_is_not_published();
    numbers_from_elsewhere_are_kept();
    the_end_of_the_stream_is_seen();
    framebus_pattern_close(pattern);
    return failures;
}
