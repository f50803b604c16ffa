/* One of the sample's programs, written from docs/layout.md with the calls of Windows: it takes frames that `framebus consume --seed`
 * shares.
 *
 * usage: program PREFIX NUMBER WORK_MS FRAMES [stay | hold | lock]
 *
 * As tests/seed/program.py: it reads FRAMES frames of the test pattern through pipe NUMBER, works on each for WORK_MS and says in a
 * line of JSON whether they were whole, before and after that. `stay`: opens the pipe again when the other side is gone, and counts its
 * frames from there. `hold`: says so, and keeps the first frame. `lock`: the same, and keeps the mutex as well. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

enum { NEWEST = 17, USERS = 18, STAMP = 24, LANES = 64, PATIENCE_MS = 120000 };

static void fail(const char *what) {
    fprintf(stderr, "program: %s: error %lu\n", what, GetLastError());
    exit(1);
}

static uint64_t fnv(uint64_t sum, uint64_t word) {
    uint64_t product = (sum ^ word) * 0x100000001B3;
    return product ^ product >> 32;
}

/* Whether a gray image is one whole frame of the pattern, and which. */
static int is_whole(uint32_t width, uint32_t height, const volatile uint8_t *gray, uint64_t *number) {
    size_t len = (size_t)width * height, at = STAMP;
    uint8_t *copy = malloc(len);
    uint32_t lanes[LANES];
    uint64_t stamped, sum;
    for (size_t i = 0; i < len; i++)
        copy[i] = gray[i];
    memcpy(number, copy + 8, 8);
    memcpy(&stamped, copy + 16, 8);
    for (int lane = 0; lane < LANES; lane++)
        lanes[lane] = 0x811C9DC5;
    for (; at + 4 * LANES <= len; at += 4 * LANES)
        for (int lane = 0; lane < LANES; lane++) {
            uint32_t word;
            memcpy(&word, copy + at + 4 * lane, 4);
            word = (lanes[lane] ^ word) * 0x9E3779B1u;
            lanes[lane] = word << 15 | word >> 17;
        }
    sum = fnv(fnv(0xCBF29CE484222325, (uint64_t)width << 32 | height), *number);
    for (int lane = 0; lane < LANES; lane++)
        sum = fnv(sum, lanes[lane]);
    for (; at < len; at++)
        sum = fnv(sum, copy[at]);
    int whole = memcmp(copy, "FRAMEBUS", 8) == 0 && sum == stamped;
    free(copy);
    return whole;
}

/* Waits for the pipe: for whoever shares frames, and for the end of a program that had it before. */
static HANDLE open_pipe(const char *name) {
    for (int waited = 0; waited < PATIENCE_MS; waited += 10) {
        HANDLE pipe = CreateFileA(name, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
        if (pipe != INVALID_HANDLE_VALUE)
            return pipe;
        Sleep(10);
    }
    fail(name);
    return NULL;
}

int main(int count, char **words) {
    if (count < 5)
        return 2;
    const char *prefix = words[1], *mode = count > 5 ? words[5] : "";
    int work = atoi(words[3]), frames = atoi(words[4]);
    char name[200];
    snprintf(name, sizeof name, "\\\\.\\pipe\\%spipe%s", prefix, words[2]);
    HANDLE pipe = open_pipe(name);

    char other[200];
    snprintf(other, sizeof other, "%sSharedMemory", prefix);
    HANDLE mapping = OpenFileMappingA(FILE_MAP_READ | FILE_MAP_WRITE, FALSE, other);
    if (!mapping)
        fail(other);
    volatile uint8_t *memory = MapViewOfFile(mapping, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, 0);
    if (!memory)
        fail("MapViewOfFile");
    snprintf(other, sizeof other, "%sARMutex", prefix);
    HANDLE mutex = OpenMutexA(SYNCHRONIZE | MUTEX_MODIFY_STATE, FALSE, other);
    if (!mutex)
        fail(other);

    int32_t height = *(volatile int32_t *)memory, width = *(volatile int32_t *)(memory + 4);
    if (*(volatile int32_t *)(memory + 8) != 3 * width || *(volatile int32_t *)(memory + 12) != width)
        fail("steps");
    size_t gray_len = (size_t)width * height;
    volatile uint8_t *bgr = memory + USERS + memory[16], *gray = bgr + 3 * gray_len;

    uint64_t torn = 0, backwards = 0, last = 0, number, again;
    int taken = 0, begun_again = 0;
    while (taken < frames || (strcmp(mode, "stay") == 0 && !begun_again)) {
        uint8_t trigger;
        DWORD got = 0;
        if (!ReadFile(pipe, &trigger, 1, &got, NULL) || got == 0) {
            if (strcmp(mode, "stay") != 0)
                break;
            CloseHandle(pipe);
            pipe = open_pipe(name);
            begun_again++;
            taken = 0;
            continue;
        }
        WaitForSingleObject(mutex, INFINITE);
        int newest = memory[NEWEST];
        memory[USERS + newest]++;
        int holds = strcmp(mode, "hold") == 0, locks = strcmp(mode, "lock") == 0;
        if (!locks)
            ReleaseMutex(mutex);
        if (holds || locks) {
            puts("holding");
            fflush(stdout);
            Sleep(INFINITE);
        }
        const volatile uint8_t *image = gray + newest * gray_len;
        int whole = is_whole(width, height, image, &number);
        Sleep(work);
        torn += !whole || !is_whole(width, height, image, &again) || again != number;
        for (int i = 0; i < 3 * 8; i++)
            if (bgr[i] != (uint8_t) "FRAMEBUS"[i / 3]) {
                torn++;
                break;
            }
        WaitForSingleObject(mutex, INFINITE);
        memory[USERS + newest]--;
        ReleaseMutex(mutex);
        if (whole) {
            backwards += number < last;
            last = number;
        }
        taken++;
    }
    printf("{\"taken\": %d, \"torn\": %llu, \"backwards\": %llu, \"last\": %llu, \"begun_again\": %d}\n", taken,
           (unsigned long long)torn, (unsigned long long)backwards, (unsigned long long)last, begun_again);
    return 0;
}
