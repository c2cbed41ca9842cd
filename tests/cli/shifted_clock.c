/* Preloaded by tests that need points of other days: the wall clock moves by SHIFTED_CLOCK seconds.
 * The program has no such option, and must have none. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec* out) {
    const long code = syscall(SYS_clock_gettime, id, out);
    const char* shift = getenv("SHIFTED_CLOCK");
    if (code == 0 && id == CLOCK_REALTIME && shift != NULL) out->tv_sec += atoll(shift);
    return (int)code;
}
