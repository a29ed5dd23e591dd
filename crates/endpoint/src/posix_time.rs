//! POSIX seconds for people.

/// RFC 3339 in UTC; the bare number where the calendar ends.
pub(crate) fn rfc3339(seconds: u64) -> String {
    let known = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    known.map_or_else(|| format!("{seconds} s"), |time| time.to_string())
}

/// An age in its two largest units.
pub(crate) fn age(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min {} s", seconds % 60),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}
