/* Planes, formats and metadata of framebus.h, used well and badly. Exits with the number of what does not hold. */
#include <framebus.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static int failures;

#define HOLDS(claim) ((claim) ? (void)0 : (void)(failures++, fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #claim, framebus_last_error())))
#define IS(call, result) HOLDS((call) == FRAMEBUS_RESULT_##result)
#define SAYS(text) HOLDS(strstr(framebus_last_error(), text))

enum { WIDTH = 64, HEIGHT = 48 };

static framebus_producer *producer;
static framebus_consumer *consumer;
static framebus_target target = { .size = sizeof target };
static framebus_frame frame = { .size = sizeof frame };
static framebus_plane plane = { .size = sizeof plane };
static framebus_target_plane slot = { .size = sizeof slot };

static framebus_result make(const char *planes, uint32_t width)
{
    framebus_producer_options options = {
        .size = sizeof options, .width = width, .height = HEIGHT, .consumers = 2, .planes = planes,
    };
    return framebus_producer_create(&options, &producer);
}

static void open_consumer(const char *needs)
{
    framebus_consumer_options options = { .size = sizeof options, .timeout_ns = 60000000000, .needs = needs };
    IS(framebus_consumer_open(&options, &consumer), OK);
}

static void close_all(void)
{
    framebus_consumer_close(consumer);
    framebus_producer_close(producer);
    consumer = NULL;
    producer = NULL;
}

static void what_is_no_plane_is_said(void)
{
    IS(make("green", WIDTH), INVALID_ARGUMENT);
    SAYS("\"green\" is no plane; planes are gray, gray16, bgr");
    IS(make("gray,nv12", WIDTH + 1), INVALID_ARGUMENT);
    SAYS("plane nv12 cannot have 65x48 pixels");
    IS(make("gray/65", WIDTH), INVALID_ARGUMENT);
    SAYS("has no pixels left");
    framebus_consumer_options options = { .size = sizeof options, .needs = "green" };
    IS(framebus_consumer_open(&options, &consumer), INVALID_ARGUMENT);
    SAYS("\"green\" is no plane");
    IS(framebus_consumer_plane(NULL, 0, &plane), INVALID_ARGUMENT);
    IS(framebus_consumer_find_plane(NULL, 0, &plane), INVALID_ARGUMENT);
    IS(framebus_consumer_named_plane(NULL, NULL, &plane), INVALID_ARGUMENT);
    IS(framebus_producer_plane(NULL, 0, &slot), INVALID_ARGUMENT);
    IS(framebus_producer_find_plane(NULL, 0, &slot), INVALID_ARGUMENT);
    IS(framebus_producer_named_plane(NULL, NULL, &slot), INVALID_ARGUMENT);
    IS(framebus_producer_fill_rest(NULL, NULL, 0), INVALID_ARGUMENT);
}

static void formats_have_their_names(void)
{
    HOLDS(!strcmp(framebus_format_name(FRAMEBUS_FORMAT_NV12), "nv12"));
    HOLDS(!strcmp(framebus_format_name(FRAMEBUS_FORMAT_GRAY16), "gray16"));
    HOLDS(framebus_format_name(FRAMEBUS_FORMAT_META) && !framebus_format_name(7));
}

static void a_bus_without_gray_says_what_it_has(void)
{
    IS(make("nv12,gray16,gray16/2,meta/8", WIDTH), OK);
    framebus_consumer_options options = { .size = sizeof options, .timeout_ns = 60000000000, .needs = "gray16,gray,bgr" };
    IS(framebus_consumer_open(&options, &consumer), NO_IMAGE);
    SAYS("has no planes gray, bgr: it has nv12, gray16, gray16/2, meta/8; start its producer with --planes "
         "nv12,gray16,gray16/2,meta/8,gray,bgr");
    open_consumer("nv12,gray16/2,meta");
    IS(framebus_consumer_plane(consumer, 0, &plane), NOT_CLAIMED);
    IS(framebus_producer_plane(producer, 0, &slot), NOT_CLAIMED);
    SAYS("no slot is claimed");
    IS(framebus_producer_claim(producer, &target), OK);
    HOLDS(!target.gray && !target.stride && !target.bgr && target.plane_count == 4);
    IS(framebus_producer_find_plane(producer, FRAMEBUS_FORMAT_BGR, &slot), NO_IMAGE);
    SAYS("has no plane bgr: it has nv12");
    IS(framebus_producer_find_plane(producer, FRAMEBUS_FORMAT_META, &slot), OK);
    HOLDS(!slot.data && slot.len == 8);
    IS(framebus_producer_named_plane(producer, "NV12", &slot), OK);
    HOLDS(slot.len == WIDTH * HEIGHT * 3 / 2 && slot.rows == HEIGHT * 3 / 2 && slot.range == FRAMEBUS_RANGE_LIMITED);
    memset(slot.data, 128, slot.len);
    uint32_t written = slot.index;
    IS(framebus_producer_fill_rest(producer, NULL, 1), INVALID_ARGUMENT);
    IS(framebus_producer_fill_rest(producer, &written, 1), OK);
    framebus_meta meta = { .size = sizeof meta, .metadata = (const uint8_t *)"{\"a\": 1}", .metadata_len = 9 };
    IS(framebus_producer_publish(producer, &meta, NULL), INVALID_ARGUMENT);
    SAYS("metadata of 9 bytes do not fit into a plane for 8");
    meta.metadata_len = 8;
    IS(framebus_producer_publish(producer, &meta, NULL), OK);
    IS(framebus_consumer_next(consumer, -1, &frame), OK);
    HOLDS(!frame.gray && !frame.stride && !frame.bgr && frame.plane_count == 4);
    HOLDS(frame.metadata_len == 8 && !memcmp(frame.metadata, "{\"a\": 1}", 8));
    IS(framebus_consumer_find_plane(consumer, FRAMEBUS_FORMAT_GRAY16, &plane), OK);
    HOLDS(plane.index == 1 && plane.stride == 2 * WIDTH && plane.sample_bytes == 2 && plane.channels == 1);
    HOLDS(plane.range == FRAMEBUS_RANGE_FULL && plane.matrix == FRAMEBUS_MATRIX_UNKNOWN && !strcmp(plane.name, "gray16"));
    /* Luma 128 of 16 to 235 is 130 of 255, as 16 bits 130 * 257. */
    HOLDS(plane.data[0] == 130 && plane.data[1] == 130);
    IS(framebus_consumer_named_plane(consumer, "gray16/2", &plane), OK);
    HOLDS(plane.index == 2 && plane.width == WIDTH / 2 && plane.height == HEIGHT / 2 && plane.data[7] == 130);
    IS(framebus_consumer_find_plane(consumer, FRAMEBUS_FORMAT_META, &plane), OK);
    HOLDS(plane.data == frame.metadata && plane.len == 8 && plane.width == 8);
    IS(framebus_consumer_find_plane(consumer, FRAMEBUS_FORMAT_GRAY, &plane), NO_IMAGE);
    SAYS("has no plane gray: it has nv12, gray16, gray16/2, meta/8; start its producer with --planes");
    IS(framebus_consumer_named_plane(consumer, "nv12/2", &plane), NO_IMAGE);
    SAYS("has no plane nv12/2");
    IS(framebus_consumer_named_plane(consumer, "green", &plane), INVALID_ARGUMENT);
    IS(framebus_consumer_plane(consumer, 4, &plane), NO_IMAGE);
    SAYS("there is no plane 4: the bus has 4");
    IS(framebus_consumer_plane(consumer, 0, NULL), INVALID_ARGUMENT);
    /* Frames without metadata, one after one with. */
    IS(framebus_producer_claim(producer, &target), OK);
    IS(framebus_producer_publish(producer, NULL, NULL), OK);
    IS(framebus_consumer_next(consumer, -1, &frame), OK);
    HOLDS(frame.metadata && frame.metadata_len == 0);
    close_all();
}

static void a_bus_without_metadata_refuses_them(void)
{
    IS(make(NULL, WIDTH), OK);
    open_consumer(NULL);
    framebus_meta meta = { .size = sizeof meta, .metadata = (const uint8_t *)"x", .metadata_len = 1 };
    IS(framebus_producer_claim(producer, &target), OK);
    HOLDS(target.gray && !target.bgr && target.plane_count == 1);
    IS(framebus_producer_publish(producer, &meta, NULL), NO_IMAGE);
    SAYS("has no plane meta");
    /* It is still claimed; and a structure of before planes is understood. */
    meta.size = offsetof(framebus_meta, metadata);
    IS(framebus_producer_publish(producer, &meta, NULL), OK);
    framebus_frame old = { .size = offsetof(framebus_frame, plane_count), .plane_count = 77 };
    IS(framebus_consumer_next(consumer, -1, &old), OK);
    HOLDS(old.gray && old.plane_count == 77);
    /* A source of colours alone cannot be gray's; gray can be everything's. */
    close_all();
    IS(make("gray,bgr,nv12,gray/4", WIDTH), OK);
    open_consumer("gray/4");
    IS(framebus_producer_claim(producer, &target), OK);
    memset(target.gray, 200, WIDTH * HEIGHT);
    IS(framebus_producer_find_plane(producer, FRAMEBUS_FORMAT_GRAY, &slot), OK);
    HOLDS(slot.data == target.gray);
    IS(framebus_producer_named_plane(producer, "gray/4", &slot), OK);
    uint32_t small = slot.index, gray = 0;
    IS(framebus_producer_fill_rest(producer, &small, 1), NO_IMAGE);
    SAYS("gray, bgr, nv12 cannot be made from what is given");
    IS(framebus_producer_fill_rest(producer, &gray, 1), OK);
    IS(framebus_producer_publish(producer, NULL, NULL), OK);
    IS(framebus_consumer_next(consumer, -1, &frame), OK);
    IS(framebus_consumer_named_plane(consumer, "gray/4", &plane), OK);
    HOLDS(plane.data[0] == 200 && plane.len == WIDTH / 4 * HEIGHT / 4 && frame.bgr[0] == 200);
    close_all();
}

/* usage: FRAMEBUS_BUS=... planes */
int main(void)
{
    what_is_no_plane_is_said();
    formats_have_their_names();
    a_bus_without_gray_says_what_it_has();
    a_bus_without_metadata_refuses_them();
    return failures;
}
