/* Handles that are of no use any more: in a forked child, and after somebody has cut the segment short. Exits with the number
 * of what does not hold. */
#define _GNU_SOURCE
#include <framebus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures;

#define HOLDS(claim) ((claim) ? (void)0 : (void)(failures++, fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #claim, framebus_last_error())))
#define IS(call, result) HOLDS((call) == FRAMEBUS_RESULT_##result)
#define SAYS(text) HOLDS(strstr(framebus_last_error(), text))

enum { WIDTH = 96, HEIGHT = 64 };

static framebus_producer *producer;
static framebus_consumer *consumer;
static framebus_observer *observer;

static void publish(uint8_t value)
{
    framebus_target target = { .size = sizeof target };
    IS(framebus_producer_claim(producer, &target), OK);
    memset(target.gray, value, (size_t)WIDTH * HEIGHT);
    IS(framebus_producer_publish(producer, NULL, NULL), OK);
}

static void open_all(void)
{
    framebus_producer_options made = { .size = sizeof made, .width = WIDTH, .height = HEIGHT, .consumers = 2 };
    framebus_consumer_options wanted = { .size = sizeof wanted, .index_plus_1 = 1 };
    IS(framebus_producer_create(&made, &producer), OK);
    IS(framebus_consumer_open(&wanted, &consumer), OK);
    IS(framebus_observer_open(NULL, &observer), OK);
}

static void close_all(void)
{
    framebus_consumer_close(consumer);
    framebus_producer_close(producer);
    framebus_observer_close(observer);
}

/* What a forked child may do with its parent's handles: close them. */
static void in_the_child(void)
{
    framebus_frame frame = { .size = sizeof frame };
    framebus_target target = { .size = sizeof target };
    framebus_picture picture = { .size = sizeof picture };
    const char *json = NULL;
    IS(framebus_consumer_wait(consumer, 0), OTHER_PROCESS);
    SAYS("this consumer of bus");
    IS(framebus_consumer_acquire(consumer, &frame), OTHER_PROCESS);
    /* The frame of its parent; next gives up its copy. */
    framebus_plane plane = { .size = sizeof plane };
    framebus_target_plane slot = { .size = sizeof slot };
    IS(framebus_consumer_plane(consumer, 0, &plane), OTHER_PROCESS);
    IS(framebus_producer_plane(producer, 0, &slot), OTHER_PROCESS);
    IS(framebus_consumer_next(consumer, 0, &frame), OTHER_PROCESS);
    IS(framebus_producer_claim(producer, &target), OTHER_PROCESS);
    SAYS("this producer of bus");
    IS(framebus_producer_publish(producer, NULL, NULL), OTHER_PROCESS);
    IS(framebus_observer_snapshot(observer, &json), OTHER_PROCESS);
    IS(framebus_observer_peek(observer, NULL, 0, &picture), OTHER_PROCESS);
    SAYS("this observer of bus");
    /* One of its own works. */
    framebus_consumer *own = NULL;
    framebus_consumer_options wanted = { .size = sizeof wanted };
    IS(framebus_consumer_open(&wanted, &own), OK);
    framebus_stream stream = { .size = sizeof stream };
    IS(framebus_consumer_stream(own, &stream), OK);
    HOLDS(stream.index == 1);
    framebus_consumer_close(own);
    close_all();
}

static void a_forked_child_takes_nothing_from_its_parent(void)
{
    open_all();
    publish(1);
    framebus_frame frame = { .size = sizeof frame };
    IS(framebus_consumer_next(consumer, -1, &frame), OK);
    pid_t child = fork();
    if (child == 0) {
        failures = 0;
        in_the_child();
        /* With the destructors and exit handlers of a whole program. */
        exit(failures);
    }
    int status = -1;
    HOLDS(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    /* The lease is the parent's still. */
    for (int value = 2; value < 40; value++) {
        publish((uint8_t)value);
        HOLDS(frame.gray[0] == 1 && frame.gray[WIDTH * HEIGHT - 1] == 1);
    }
    IS(framebus_consumer_next(consumer, -1, &frame), OK);
    HOLDS(frame.gray[0] == 39 && frame.sequence == 39);
    /* So are its index and the bus's names. */
    framebus_consumer *second = NULL;
    framebus_consumer_options wanted = { .size = sizeof wanted, .index_plus_1 = 1 };
    IS(framebus_consumer_open(&wanted, &second), IN_USE);
    wanted.index_plus_1 = 2;
    wanted.timeout_ns = 60LL * 1000000000;
    IS(framebus_consumer_open(&wanted, &second), OK);
    framebus_consumer_close(second);
    close_all();
}

/* A child that lives on does not keep open what its parent closes. */
static void a_closed_handle_is_closed_although_a_child_has_a_copy(void)
{
    open_all();
    int end[2];
    HOLDS(pipe(end) == 0);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(end[1]);
        (void)!read(end[0], &byte, 1);
        _exit(0);
    }
    close(end[0]);
    framebus_consumer_close(consumer);
    framebus_consumer_options wanted = { .size = sizeof wanted, .index_plus_1 = 1 };
    framebus_result opened;
    /* The producer notices a moment later. */
    do {
        usleep(2000);
        opened = framebus_consumer_open(&wanted, &consumer);
    } while (opened == FRAMEBUS_RESULT_IN_USE);
    HOLDS(opened == FRAMEBUS_RESULT_OK);
    framebus_producer_close(producer);
    IS(framebus_consumer_wait(consumer, -1), ENDED);
    framebus_consumer_close(consumer);
    framebus_observer_close(observer);
    close(end[1]);
    int status = -1;
    HOLDS(waitpid(child, &status, 0) == child && status == 0);
}

static void a_segment_that_is_cut_short_is_an_error(void)
{
    open_all();
    publish(1);
    framebus_frame frame = { .size = sizeof frame };
    framebus_target target = { .size = sizeof target };
    IS(framebus_consumer_next(consumer, -1, &frame), OK);
    char path[128];
    snprintf(path, sizeof path, "/dev/shm/framebus.%s", getenv("FRAMEBUS_BUS"));
    HOLDS(truncate(path, 0) == 0);
    HOLDS(frame.gray[0] == 0);
    IS(framebus_consumer_wait(consumer, -1), CUT_SHORT);
    SAYS("was cut short by somebody");
    IS(framebus_consumer_next(consumer, -1, &frame), CUT_SHORT);
    IS(framebus_producer_claim(producer, &target), CUT_SHORT);
    close_all();
    HOLDS(access(path, F_OK) != 0);
}

int main(void)
{
    a_forked_child_takes_nothing_from_its_parent();
    a_closed_handle_is_closed_although_a_child_has_a_copy();
    a_segment_that_is_cut_short_is_an_error();
    return failures;
}
