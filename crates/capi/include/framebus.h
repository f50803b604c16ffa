/*
 * framebus: one camera captured once, its frames shared with any number of processes.
 *
 * Every function checks its pointers, none of them lets an error out but as a result, and framebus_last_error()
 * has the sentence that goes with it. Results below 0 are errors; 0 is success; those above 0 are states. A handle
 * may be used from any thread, by one at a time: a second waits for the first. A handle that was closed, a string
 * without its closing zero, or a structure that is shorter than its `size` says: nobody can check those.
 *
 * Structures begin with their size, so that a program and a library of different versions understand each other:
 * set `size` to sizeof, and the rest to zero or to what you want. Zero is the default everywhere.
 */

#ifndef FRAMEBUS_H
#define FRAMEBUS_H

/* Generated from crates/capi/src: UPDATE_GOLDEN=1 cargo test -p framebus-capi --test header writes it. */

#include <stddef.h>
#include <stdint.h>

// Formats of planes, each a fourcc.
#define FRAMEBUS_FORMAT_GRAY 0x59455247u // GREY
#define FRAMEBUS_FORMAT_GRAY16 0x20363159u // Y16 
#define FRAMEBUS_FORMAT_BGR 0x33524742u // BGR3
#define FRAMEBUS_FORMAT_RGB 0x33424752u // RGB3
#define FRAMEBUS_FORMAT_NV12 0x3231564eu // NV12
#define FRAMEBUS_FORMAT_I420 0x32315559u // YU12
#define FRAMEBUS_FORMAT_YUYV 0x56595559u // YUYV
#define FRAMEBUS_FORMAT_META 0x4154454du // META


// How a call ended.
enum framebus_result
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // It did what it should; for a wait: there is a frame to acquire.
    FRAMEBUS_RESULT_OK = 0,
    // The time is over.
    FRAMEBUS_RESULT_TIMED_OUT = 1,
    // The segment was replaced (another size, or other properties), and the consumer has followed: look at
    // framebus_consumer_stream again.
    FRAMEBUS_RESULT_RENEWED = 2,
    // The producer ended; every frame has been taken or skipped.
    FRAMEBUS_RESULT_ENDED = 3,
    // The producer died.
    FRAMEBUS_RESULT_LOST = 4,
    // framebus_consumer_interrupt was called.
    FRAMEBUS_RESULT_INTERRUPTED = 5,
    // There is no frame that has not been taken yet.
    FRAMEBUS_RESULT_NO_FRAME = 6,
    // Every slot is leased: this frame is lost (and counted), the next may find one.
    FRAMEBUS_RESULT_STARVED = 7,
    // An argument is NULL, or makes no sense.
    FRAMEBUS_RESULT_INVALID_ARGUMENT = -1,
    // There is no such bus.
    FRAMEBUS_RESULT_NO_BUS = -2,
    // The bus is there, its producer is gone.
    FRAMEBUS_RESULT_NO_PRODUCER = -3,
    // The producer does not answer.
    FRAMEBUS_RESULT_SILENT = -4,
    // Somebody else has the consumer index.
    FRAMEBUS_RESULT_IN_USE = -5,
    // Every consumer index is taken.
    FRAMEBUS_RESULT_ALL_IN_USE = -6,
    // There is no such consumer index.
    FRAMEBUS_RESULT_OUT_OF_RANGE = -7,
    // The segment has another major layout version.
    FRAMEBUS_RESULT_VERSION = -8,
    // The segment is damaged, or not framebus's.
    FRAMEBUS_RESULT_MALFORMED = -9,
    // The segment's owner is not its producer.
    FRAMEBUS_RESULT_UNTRUSTED = -10,
    // This user may not.
    FRAMEBUS_RESULT_DENIED = -11,
    // The frame taken before is still held.
    FRAMEBUS_RESULT_HELD = -12,
    // Nothing is claimed, or no frame is held.
    FRAMEBUS_RESULT_NOT_CLAIMED = -13,
    // The bus has a producer already.
    FRAMEBUS_RESULT_HAS_PRODUCER = -14,
    // The bus is another user's.
    FRAMEBUS_RESULT_FOREIGN = -15,
    // Consumers and history need more slots than there can be.
    FRAMEBUS_RESULT_TOO_MANY_SLOTS = -16,
    // Shared memory is full.
    FRAMEBUS_RESULT_FULL = -17,
    // The image was overwritten while it was copied: try again.
    FRAMEBUS_RESULT_TORN = -18,
    // The bus has no such plane; the sentence says which it has.
    FRAMEBUS_RESULT_NO_IMAGE = -19,
    // The buffer is too small.
    FRAMEBUS_RESULT_BUFFER_TOO_SMALL = -20,
    // The image is not a whole frame of the test pattern.
    FRAMEBUS_RESULT_NOT_WHOLE = -21,
    // The system says no.
    FRAMEBUS_RESULT_SYSTEM = -22,
    // An error in framebus itself; the handle may still be closed.
    FRAMEBUS_RESULT_INTERNAL = -23,
    // The file of the segment was made shorter by somebody: close the handle.
    FRAMEBUS_RESULT_CUT_SHORT = -24,
    // The handle belongs to the process that this one was forked from: open another here.
    FRAMEBUS_RESULT_OTHER_PROCESS = -25,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum framebus_result framebus_result;
#else
typedef int32_t framebus_result;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How a consumer waits for a frame.
enum framebus_trigger
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // The default: an eventfd.
    FRAMEBUS_TRIGGER_DEFAULT = 0,
    // On an eventfd that the producer hands over.
    FRAMEBUS_TRIGGER_EVENTFD = 1,
    // On the trigger bytes of its named pipe.
    FRAMEBUS_TRIGGER_PIPE = 2,
    // Busy-polling: lowest latency, uses a whole core. Not together with framebus_consumer_fd.
    FRAMEBUS_TRIGGER_SPIN = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum framebus_trigger framebus_trigger;
#else
typedef uint32_t framebus_trigger;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Which numbers of a plane mean black and white.
enum framebus_range
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Not known, or no image.
    FRAMEBUS_RANGE_UNKNOWN = 0,
    // 0 is black, 255 white.
    FRAMEBUS_RANGE_FULL = 1,
    // Luma from 16 to 235, chroma from 16 to 240.
    FRAMEBUS_RANGE_LIMITED = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum framebus_range framebus_range;
#else
typedef uint32_t framebus_range;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How YCbCr becomes RGB.
enum framebus_matrix
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Not known, or not YCbCr.
    FRAMEBUS_MATRIX_UNKNOWN = 0,
    // ITU-R BT.601.
    FRAMEBUS_MATRIX_BT601 = 1,
    // ITU-R BT.709.
    FRAMEBUS_MATRIX_BT709 = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum framebus_matrix framebus_matrix;
#else
typedef uint32_t framebus_matrix;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// A consumer of a bus.
typedef struct framebus_consumer framebus_consumer;

// A view of a bus from outside: no lock, no consumer index, no lease.
typedef struct framebus_observer framebus_observer;

// Draws the moving test picture of `framebus produce pattern`, for programs that want to be tried without a camera.
typedef struct framebus_pattern framebus_pattern;

// A bus with its producer, which is this process.
typedef struct framebus_producer framebus_producer;

// What a consumer wants.
typedef struct framebus_consumer_options {
    // sizeof(framebus_consumer_options).
    uint32_t size;
    // Consumer index + 1; 0 takes the first that is free.
    uint32_t index_plus_1;
    // Name of the bus; NULL: $FRAMEBUS_BUS, else "cam0".
    const char *bus;
    // What observers call it; NULL: nothing.
    const char *name;
    // What it is written in; NULL: "c".
    const char *language;
    // How to wait: a framebus_trigger.
    uint32_t trigger;
    // Not 0: take every frame in order, as far as the slots reach back, instead of the newest.
    uint32_t every_frame;
    // How long to wait for the bus, in nanoseconds; 0: not at all; below 0: for as long as it takes.
    int64_t timeout_ns;
    // Go on from this sequence, of an earlier handle: what was published since counts as skipped. 0: from now.
    uint64_t resume_from;
    // The planes without which it is of no use, such as "gray,nv12": a bus that has them not is NO_IMAGE, when it is opened and
    // when it goes on without them. NULL: none.
    const char *needs;
} framebus_consumer_options;

// A frame. Its pixels do not change, and may be read, until the frame is released.
typedef struct framebus_frame {
    // sizeof(framebus_frame).
    uint32_t size;
    // Pixels in a row.
    uint32_t width;
    // Rows.
    uint32_t height;
    // Bytes from row to row of the gray image; 0 without one.
    uint32_t stride;
    // The gray image: `height` rows of `width` bytes, `stride` apart; NULL on a bus without gray.
    const uint8_t *gray;
    // The BGR image: `height` rows of 3 * `width` bytes, `bgr_stride` apart; NULL on a bus without colour.
    const uint8_t *bgr;
    // Bytes from row to row of the BGR image; 0 without one.
    uint32_t bgr_stride;
    // The slot it is in.
    uint32_t slot;
    // Its sequence: from 1, strictly increasing.
    uint64_t sequence;
    // How many frames went by between the one taken before and this one.
    uint64_t skipped;
    // Its number in the source.
    uint64_t source_frame;
    // When it was captured (framebus_monotonic_ns).
    uint64_t capture_ns;
    // When it was published.
    uint64_t publish_ns;
    // When this consumer had it.
    uint64_t wake_ns;
    // When it was captured (framebus_wall_ns).
    uint64_t wall_ns;
    // How many numbers between the frame taken before and this one no frame has: only where a publisher gives them.
    uint64_t missing;
    // Whose number the sequence is: 0 for this bus's own.
    uint64_t origin;
    // How many planes its bus has: framebus_consumer_plane tells of each.
    uint32_t plane_count;
    // Bytes of its metadata.
    uint32_t metadata_len;
    // What its producer says of it; NULL on a bus without metadata.
    const uint8_t *metadata;
} framebus_frame;

// What the frames of a bus are.
typedef struct framebus_stream {
    // sizeof(framebus_stream).
    uint32_t size;
    // Pixels in a row.
    uint32_t width;
    // Rows.
    uint32_t height;
    // Not 0: frames have a BGR plane.
    uint32_t color;
    // Not 0: gray is limited-range luma (16 to 235).
    uint32_t limited_range;
    // The index that this consumer has.
    uint32_t index;
    // Generation of the segment: 1 more at every producer start and every change of size or planes.
    uint64_t generation;
    // Frames a second that the source announces; 0: not known.
    double nominal_fps;
} framebus_stream;

// What a consumer has done since it was opened: attach_sequence + taken + skipped + missing == last_sequence.
typedef struct framebus_consumer_stats {
    // sizeof(framebus_consumer_stats).
    uint32_t size;
    // Zero.
    uint32_t reserved;
    // Sequence that was the newest when it was opened.
    uint64_t attach_sequence;
    // Frames taken.
    uint64_t taken;
    // Frames that went by, counted when the next one is taken.
    uint64_t skipped;
    // The newest frame it took; attach_sequence before the first.
    uint64_t last_sequence;
    // Numbers that no frame has; always 0 unless a publisher gives the numbers.
    uint64_t missing;
} framebus_consumer_stats;

// A copy of the newest gray frame.
typedef struct framebus_picture {
    // sizeof(framebus_picture).
    uint32_t size;
    // Pixels in a row.
    uint32_t width;
    // Rows.
    uint32_t height;
    // The slot it was in.
    uint32_t slot;
    // Its sequence.
    uint64_t sequence;
    // When it was captured (framebus_monotonic_ns).
    uint64_t capture_ns;
} framebus_picture;

// An image of a frame, or its metadata. Its bytes do not change, and may be read, until the frame is released.
typedef struct framebus_plane {
    // sizeof(framebus_plane).
    uint32_t size;
    // What its bytes mean: a FRAMEBUS_FORMAT, or the fourcc of one that this library has no name for.
    uint32_t format;
    // Pixels in a row; of metadata the most bytes that a frame can have.
    uint32_t width;
    // Rows of pixels; of metadata 1.
    uint32_t height;
    // Bytes from row to row.
    uint32_t stride;
    // Which numbers are black and white: a framebus_range.
    uint32_t range;
    // How YCbCr becomes RGB: a framebus_matrix.
    uint32_t matrix;
    // Not 0: there is one image for all slots, which no frame has (the debugging image); `data` is NULL.
    uint32_t one_for_all;
    // Rows of `stride` bytes: `height`, or half as many again with the chroma of 4:2:0. As OpenCV's cv::Mat has them.
    uint32_t rows;
    // Numbers for each pixel in a row: 3 for BGR, 2 for YUYV, 1 for gray and 4:2:0.
    uint32_t channels;
    // Bytes of each number: 2 for 16-bit gray, else 1.
    uint32_t sample_bytes;
    // Its number among the planes of the bus.
    uint32_t index;
    // What it is called, such as "nv12" or, of half the width and height, "gray/2"; ends with a zero.
    char name[16];
    // The image: `rows` rows, `stride` apart; or the metadata.
    const uint8_t *data;
    // Bytes of the image, or of the frame's metadata.
    uint64_t len;
} framebus_plane;

// An image of a claimed slot to write, or the room for its metadata. Rows are packed.
typedef struct framebus_target_plane {
    // sizeof(framebus_target_plane).
    uint32_t size;
    // What its bytes mean: a FRAMEBUS_FORMAT.
    uint32_t format;
    // Pixels in a row; of metadata the most bytes that a frame can have.
    uint32_t width;
    // Rows of pixels; of metadata 1.
    uint32_t height;
    // Bytes from row to row.
    uint32_t stride;
    // Which numbers are black and white: a framebus_range.
    uint32_t range;
    // How YCbCr becomes RGB: a framebus_matrix.
    uint32_t matrix;
    // Not 0: there is one image for all slots.
    uint32_t one_for_all;
    // Rows of `stride` bytes: `height`, or half as many again with the chroma of 4:2:0. As OpenCV's cv::Mat has them.
    uint32_t rows;
    // Numbers for each pixel in a row: 3 for BGR, 2 for YUYV, 1 for gray and 4:2:0.
    uint32_t channels;
    // Bytes of each number: 2 for 16-bit gray, else 1.
    uint32_t sample_bytes;
    // Its number among the planes of the bus.
    uint32_t index;
    // What it is called, such as "nv12" or, of half the width and height, "gray/2"; ends with a zero.
    char name[16];
    // The image; its old contents are an older frame's. Of metadata: NULL, they are published by framebus_meta.
    uint8_t *data;
    // Bytes of the image, or the most bytes of metadata.
    uint64_t len;
} framebus_target_plane;

// What a bus is to be.
typedef struct framebus_producer_options {
    // sizeof(framebus_producer_options).
    uint32_t size;
    // Pixels in a row.
    uint32_t width;
    // Rows.
    uint32_t height;
    // How many consumers can be attached at a time; 0: 4.
    uint32_t consumers;
    // Slots beyond consumers + 2: how far a reader of every frame may fall behind.
    uint32_t history;
    // Not 0: a BGR plane in every slot.
    uint32_t color;
    // Not 0: gray is limited-range luma (16 to 235).
    uint32_t limited_range;
    // Mode bits of the segment and the named pipes: who else may use the bus; 0: 0600.
    uint32_t mode;
    // Frames a second that the source announces; 0: not known.
    double nominal_fps;
    // Name of the bus; NULL: $FRAMEBUS_BUS, else "cam0".
    const char *bus;
    // What is captured, as a person calls it; NULL: nothing.
    const char *source;
    // The images of each frame, such as "gray,bgr", "nv12", "gray,gray/4" (a quarter of the width and of the height) or
    // "gray,meta/512" (512 bytes of metadata at most; 4096 without a number). NULL: gray, and BGR with color.
    const char *planes;
} framebus_producer_options;

// A slot to write. Rows are packed: `stride` is `width`, `bgr_stride` is 3 * `width`.
typedef struct framebus_target {
    // sizeof(framebus_target).
    uint32_t size;
    // Pixels in a row.
    uint32_t width;
    // Rows.
    uint32_t height;
    // Bytes from row to row of the gray image; 0 without one.
    uint32_t stride;
    // The gray image; its old contents are an older frame's. NULL on a bus without gray.
    uint8_t *gray;
    // The BGR image; NULL on a bus without colour.
    uint8_t *bgr;
    // Bytes from row to row of the BGR image; 0 without one.
    uint32_t bgr_stride;
    // The slot's number.
    uint32_t slot;
    // How many planes the bus has: framebus_producer_plane tells of each. Who publishes has written all of them.
    uint32_t plane_count;
    // Zero.
    uint32_t reserved;
} framebus_target;

// What is known of a frame.
typedef struct framebus_meta {
    // sizeof(framebus_meta).
    uint32_t size;
    // Zero.
    uint32_t reserved;
    // When it was captured (framebus_monotonic_ns); 0: now.
    uint64_t capture_ns;
    // The same moment by the wall clock (framebus_wall_ns); 0: now.
    uint64_t wall_ns;
    // Its number in the source.
    uint64_t source_frame;
    // The sequence that it has elsewhere, above that of the frame before; 0: one more than that. What is left out is
    // `missing` for consumers.
    uint64_t sequence;
    // Whose number that is, as you like: such as a hash of the far bus's name and start. 0: this bus's own.
    uint64_t origin;
    // What is known of the frame beside that, as bytes that mean something to whoever reads them, such as JSON or CBOR: on a
    // bus with the plane "meta". NULL: nothing.
    const uint8_t *metadata;
    // Bytes of it.
    uint64_t metadata_len;
} framebus_meta;

// What a producer has done.
typedef struct framebus_producer_stats {
    // sizeof(framebus_producer_stats).
    uint32_t size;
    // How many consumers are connected.
    uint32_t connected;
    // Sequence of the newest frame.
    uint64_t sequence;
    // Frames published.
    uint64_t published;
    // Frames that came and were not published.
    uint64_t dropped;
    // How many of those because every slot was leased.
    uint64_t starved;
} framebus_producer_stats;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Returns the version of the library, such as "0.1.0".
const char *framebus_version(void);

// Returns the version of the shared memory's layout: major << 16 | minor.
uint32_t framebus_layout_version(void);

// Returns the time that `capture_ns`, `publish_ns` and `wake_ns` are in: CLOCK_MONOTONIC, in nanoseconds.
uint64_t framebus_monotonic_ns(void);

// Returns the time that `wall_ns` is in: nanoseconds since 1970-01-01 UTC.
uint64_t framebus_wall_ns(void);

// Opens a consumer of a bus; options may be NULL. Close it with framebus_consumer_close.
framebus_result framebus_consumer_open(const struct framebus_consumer_options *options,
                                       struct framebus_consumer **consumer);

// Waits for a frame that has not been taken yet, for at most timeout_ns (below 0: for as long as it takes). Returns OK,
// TIMED_OUT, RENEWED, ENDED, LOST, INTERRUPTED, or an error. An interruption comes before a frame. The frame that is held
// stays held.
//
// One thread at a time waits or takes frames: another that does so waits for it. What a consumer is asked (stream,
// get_stats, fd), release and interrupt wait for nobody.
framebus_result framebus_consumer_wait(const struct framebus_consumer *consumer,
                                       int64_t timeout_ns);

// Takes a frame without waiting and without a copy: the newest, or the next with every_frame. Returns OK, NO_FRAME, or
// HELD when the frame before has not been released.
framebus_result framebus_consumer_acquire(const struct framebus_consumer *consumer,
                                          struct framebus_frame *frame);

// Releases the frame that is held, if any: its pixels must not be read any more. From any thread, also while another
// waits.
framebus_result framebus_consumer_release(const struct framebus_consumer *consumer);

// Releases the frame that is held, waits for the next and takes it: `while (framebus_consumer_next(…) == OK)` is a whole
// consumer. Follows the producer to frames of another size. Returns OK, TIMED_OUT, ENDED, LOST, INTERRUPTED, or an error.
//
// The frame before is released as soon as this is called, whatever it returns: its pixels must not be read any more, not
// even after TIMED_OUT. Who wants HELD instead, as the other languages have it, calls wait and acquire. An interruption
// comes before a frame, so that it also ends the loop of a consumer that is behind.
framebus_result framebus_consumer_next(const struct framebus_consumer *consumer,
                                       int64_t timeout_ns,
                                       struct framebus_frame *frame);

// Tells what the frames are that the consumer takes now. Waits for nobody.
framebus_result framebus_consumer_stream(const struct framebus_consumer *consumer,
                                         struct framebus_stream *stream);

// Tells what the consumer has done so far. Waits for nobody.
framebus_result framebus_consumer_get_stats(const struct framebus_consumer *consumer,
                                            struct framebus_consumer_stats *stats);

// Returns one descriptor for an event loop (poll, epoll, libuv, asyncio): readable when a wait would return at once. Call
// framebus_consumer_wait(consumer, 0) then, and take frames until there is none, before waiting for it again. It is the
// consumer's: do not read, write or close it. -1 when consumer is NULL, and on Windows.
int32_t framebus_consumer_fd(const struct framebus_consumer *consumer);

// Ends the wait (or next) that is under way, or the next one, with INTERRUPTED; once. It comes before a frame, so that it
// also reaches a consumer that is behind. May be called from any thread, and from a signal handler.
framebus_result framebus_consumer_interrupt(const struct framebus_consumer *consumer);

// Releases the frame that is held and leaves the bus. NULL is fine. The handle is gone: no other thread may be using it.
void framebus_consumer_close(struct framebus_consumer *consumer);

// Makes an observer of a bus, which need not be there yet; bus may be NULL: $FRAMEBUS_BUS, else "cam0".
framebus_result framebus_observer_open(const char *bus, struct framebus_observer **observer);

// Takes a snapshot of the bus as JSON, as `framebus top --once --json` prints it. Rates are over the time since the
// snapshot before; the first has none. A bus that is not there is a snapshot too (`"state": "absent"`). The text is
// valid until the next snapshot.
framebus_result framebus_observer_snapshot(const struct framebus_observer *observer,
                                           const char **json);

// Copies the newest gray frame, checked to be whole, as packed rows; takes no lease. With too small a buffer (NULL and 0
// will do) it returns BUFFER_TOO_SMALL and tells the size. Returns OK, NO_FRAME, NO_BUS, TORN, or another error.
framebus_result framebus_observer_peek(const struct framebus_observer *observer,
                                       uint8_t *gray,
                                       size_t gray_len,
                                       struct framebus_picture *picture);

// Forgets the bus. NULL is fine.
void framebus_observer_close(struct framebus_observer *observer);

// Prepares a test picture.
framebus_result framebus_pattern_open(uint32_t width, uint32_t height, struct framebus_pattern **pattern);

// Draws frame `number` as packed rows: width * height bytes of gray and, unless bgr is NULL, 3 * width * height of BGR.
framebus_result framebus_pattern_draw(const struct framebus_pattern *pattern,
                                      uint64_t number,
                                      uint8_t *gray,
                                      uint8_t *bgr);

// Forgets a test picture. NULL is fine.
void framebus_pattern_close(struct framebus_pattern *pattern);

// Checks that a gray image with packed rows is one whole frame of the test picture, and tells its number unless that is
// NULL. Returns OK, or NOT_WHOLE.
framebus_result framebus_pattern_verify(uint32_t width,
                                        uint32_t height,
                                        const uint8_t *gray,
                                        uint64_t *number);

// Tells of a plane of the frame that is held, by its number: 0 to the frame's plane_count - 1. Returns OK, NO_IMAGE,
// NOT_CLAIMED when no frame is held, or another error. Waits for nobody.
framebus_result framebus_consumer_plane(const struct framebus_consumer *consumer,
                                        uint32_t index,
                                        struct framebus_plane *plane);

// Finds a plane of the frame that is held by its format (FRAMEBUS_FORMAT_NV12): that in the frame's own size where there is
// one, else the first. Returns as framebus_consumer_plane; the sentence of NO_IMAGE says which planes there are.
framebus_result framebus_consumer_find_plane(const struct framebus_consumer *consumer,
                                             uint32_t format,
                                             struct framebus_plane *plane);

// Finds a plane of the frame that is held by its name: "nv12" in the frame's own size, "gray/2" in half of its width and
// height, "meta". Returns as framebus_consumer_find_plane, or INVALID_ARGUMENT for what is no plane's name.
framebus_result framebus_consumer_named_plane(const struct framebus_consumer *consumer,
                                              const char *name,
                                              struct framebus_plane *plane);

// Tells of a plane of the slot that is claimed, by its number: 0 to the target's plane_count - 1. Returns OK, NO_IMAGE,
// NOT_CLAIMED, or another error. The image may be written until the slot is published or given back.
framebus_result framebus_producer_plane(const struct framebus_producer *producer,
                                        uint32_t index,
                                        struct framebus_target_plane *plane);

// Finds a plane of the slot that is claimed by its format: see framebus_consumer_find_plane.
framebus_result framebus_producer_find_plane(const struct framebus_producer *producer,
                                             uint32_t format,
                                             struct framebus_target_plane *plane);

// Finds a plane of the slot that is claimed by its name: see framebus_consumer_named_plane.
framebus_result framebus_producer_named_plane(const struct framebus_producer *producer,
                                              const char *name,
                                              struct framebus_target_plane *plane);

// Makes the images of the claimed slot that its producer does not write from those that it has written, whose numbers
// (framebus_target_plane's index) `written` names: gray from gray, else from BGR, or from another image in the frame's own
// size; smaller ones by their mean. Returns OK, NO_IMAGE where an image cannot be made from those, NOT_CLAIMED, or another
// error. Metadata are left as they are.
framebus_result framebus_producer_fill_rest(const struct framebus_producer *producer,
                                            const uint32_t *written,
                                            size_t count);

// Returns the name of a format, such as "nv12" for FRAMEBUS_FORMAT_NV12; NULL for one that this library has no name for.
const char *framebus_format_name(uint32_t format);

// Makes a bus, replacing what a dead producer left under its name. Close it with framebus_producer_close, which ends the
// stream.
framebus_result framebus_producer_create(const struct framebus_producer_options *options,
                                         struct framebus_producer **producer);

// Claims a slot for the next frame; never waits. Its images may be written until it is published or given back, and
// claiming again gives it back. Returns OK, or STARVED: the frame is lost, and counted; or CUT_SHORT, OTHER_PROCESS.
framebus_result framebus_producer_claim(const struct framebus_producer *producer,
                                        struct framebus_target *target);

// Publishes the claimed slot and triggers the consumers; never waits. meta may be NULL (captured now), sequence too. The
// images must not be written any more. Returns OK, NOT_CLAIMED, INVALID_ARGUMENT when meta's sequence is not above the
// last or its metadata are too long, or NO_IMAGE for metadata on a bus without them: the slot is still claimed then.
framebus_result framebus_producer_publish(const struct framebus_producer *producer,
                                          const struct framebus_meta *meta,
                                          uint64_t *sequence);

// Gives a claimed slot back without publishing it, and counts the frame as dropped. Without one it does nothing.
framebus_result framebus_producer_abandon(const struct framebus_producer *producer);

// Tells what the producer has done so far.
framebus_result framebus_producer_get_stats(const struct framebus_producer *producer,
                                            struct framebus_producer_stats *stats);

// Ends the stream and removes the bus: consumers take the last frame and then see ENDED. NULL is fine.
void framebus_producer_close(struct framebus_producer *producer);

// Returns the sentence of the last error on this thread, without a full stop; empty before the first. Valid until the
// next error on this thread.
const char *framebus_last_error(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* FRAMEBUS_H */
