/* Takes frames from a bus and prints the mean gray value of each.
 * usage: consumer [BUS [FRAMES]]
 * build: cc consumer.c $(pkg-config --cflags --libs framebus) -o consumer */
#include <framebus.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static double mean(const framebus_frame *frame)
{
    uint64_t sum = 0;
    for (uint32_t y = 0; y < frame->height; y++)
        for (uint32_t x = 0; x < frame->width; x++)
            sum += frame->gray[(size_t)y * frame->stride + x];
    return (double)sum / ((double)frame->width * frame->height);
}

int main(int argc, char **argv)
{
    framebus_consumer_options options = {
        .size = sizeof options,
        .bus = argc > 1 ? argv[1] : NULL,
        .name = "mean",
        .timeout_ns = 10000000000,
        .needs = "gray",
    };
    uint64_t frames = argc > 2 ? strtoull(argv[2], NULL, 10) : UINT64_MAX;

    framebus_consumer *consumer = NULL;
    if (framebus_consumer_open(&options, &consumer) != FRAMEBUS_RESULT_OK) {
        fprintf(stderr, "consumer: %s\n", framebus_last_error());
        return 1;
    }
    framebus_frame frame = { .size = sizeof frame };
    framebus_result result = FRAMEBUS_RESULT_OK;
    while (frames-- > 0 && (result = framebus_consumer_next(consumer, -1, &frame)) == FRAMEBUS_RESULT_OK)
        printf("%" PRIu64 " %ux%u %.1f\n", frame.sequence, frame.width, frame.height, mean(&frame));
    if (result < 0)
        fprintf(stderr, "consumer: %s\n", framebus_last_error());
    framebus_consumer_close(consumer);
    return result < 0;
}
