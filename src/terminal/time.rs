//! Moments for people, in their own time zone.

use crate::store::now;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A moment, in seconds since 1970, as local date and time.
pub fn local(seconds: u64) -> String {
    let moment = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    moment.map_or_else(
        || seconds.to_string(),
        |moment| moment.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

/// How long ago a moment was, in its largest unit.
pub fn ago(seconds: u64) -> String {
    since(now().saturating_sub(seconds))
}

fn since(seconds: u64) -> String {
    match seconds {
        0 => "just now".to_owned(),
        1..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::since;

    #[test]
    fn the_largest_unit_is_named() {
        let message = [0, 59, 60, 3599, 3600, 172_799, 172_800].map(since);
        assert_eq!(message, ["just now", "59 s ago", "1 min ago", "59 min ago", "1 h ago", "47 h ago", "2 days ago"]);
    }
}
