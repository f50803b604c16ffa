/* Publishes a moving gradient, 30 frames a second.
 * usage: producer [BUS [FRAMES]]
 * build: cc producer.c $(pkg-config --cflags --libs framebus) -o producer */
#include <framebus.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv)
{
    framebus_producer_options options = {
        .size = sizeof options,
        .width = 640,
        .height = 480,
        .nominal_fps = 30,
        .bus = argc > 1 ? argv[1] : NULL,
        .source = "gradient",
    };
    uint64_t frames = argc > 2 ? strtoull(argv[2], NULL, 10) : UINT64_MAX;

    framebus_producer *producer = NULL;
    if (framebus_producer_create(&options, &producer) != FRAMEBUS_RESULT_OK) {
        fprintf(stderr, "producer: %s\n", framebus_last_error());
        return 1;
    }
    for (uint64_t number = 0; number < frames; number++) {
        framebus_meta meta = { .size = sizeof meta, .capture_ns = framebus_monotonic_ns(), .source_frame = number };
        framebus_target target = { .size = sizeof target };
        /* STARVED: every slot is leased, and this frame is lost. */
        if (framebus_producer_claim(producer, &target) == FRAMEBUS_RESULT_OK) {
            for (uint32_t y = 0; y < target.height; y++)
                for (uint32_t x = 0; x < target.width; x++)
                    target.gray[(size_t)y * target.stride + x] = (uint8_t)(x + y + number);
            framebus_producer_publish(producer, &meta, NULL);
        }
        nanosleep(&(struct timespec){ .tv_nsec = 1000000000 / 30 }, NULL);
    }
    framebus_producer_close(producer);
    return 0;
}
