/* Moves the clock of a build: put before the C library, compiled by the environment's own compiler.
   AHEAD is in seconds. Only clocks that tell the time of day are moved; those that measure are not. */
struct fine { long seconds, nanoseconds; };
struct coarse { long seconds, microseconds; };

static long call(long number, long first, long second)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(first), "S"(second) : "rcx", "r11", "memory");
    return result;
}

int clock_gettime(int clock, struct fine *out)
{
    if (call(228, clock, (long)out) < 0)
        return -1;
    if (clock == 0 || clock == 5 || clock == 11) /* REALTIME, REALTIME_COARSE, TAI */
        out->seconds += AHEAD;
    return 0;
}

int timespec_get(struct fine *out, int base)
{
    return base == 1 && clock_gettime(0, out) == 0 ? 1 : 0;
}

int gettimeofday(struct coarse *out, void *zone)
{
    struct fine now;
    (void)zone;
    if (clock_gettime(0, &now) < 0)
        return -1;
    if (out) {
        out->seconds = now.seconds;
        out->microseconds = now.nanoseconds / 1000;
    }
    return 0;
}

long time(long *out)
{
    struct fine now;
    if (clock_gettime(0, &now) < 0)
        return -1;
    if (out)
        *out = now.seconds;
    return now.seconds;
}
