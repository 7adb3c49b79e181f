//! Times as people write them, in seconds since 1970.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// A time in seconds, and whether it was written in a finer unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time {
    /// Seconds since 1970.
    pub(crate) seconds: i64,
    /// Whether it was written in milliseconds, microseconds or nanoseconds.
    pub(crate) is_finer: bool,
}

/// What a time may be, for errors.
pub(crate) const EXPECTED: &str = "seconds since 1970 or a date such as 2018-01-31";

/// A number since 1970 in seconds. A number too large for seconds, beyond the year 5000, is in milliseconds, microseconds or
/// nanoseconds.
pub(crate) fn of_number(number: i64) -> Time {
    const MOST_SECONDS: u64 = 100_000_000_000;
    let divisor = match number.unsigned_abs() {
        0..MOST_SECONDS => 1,
        size if size < MOST_SECONDS * 1_000 => 1_000,
        size if size < MOST_SECONDS * 1_000_000 => 1_000_000,
        _ => 1_000_000_000,
    };
    Time { seconds: number.div_euclid(divisor), is_finer: divisor > 1 }
}

/// The same of a number that need not be whole.
pub(crate) fn of_float(number: f64) -> Option<Time> {
    (number.is_finite() && number.abs() < 9.2e18).then(|| of_number(number.floor() as i64))
}

/// A number since 1970, or a date with or without the time of day, in UTC unless it says another zone.
pub(crate) fn of_text(text: &str) -> Option<Time> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return Some(of_number(number));
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'));
    if is_number && let Ok(number) = text.parse() {
        return of_float(number);
    }
    let seconds = of_date(text).or_else(|| of_date(&text.replace('/', "-")))?;
    Some(Time { seconds, is_finer: false })
}

fn of_date(text: &str) -> Option<i64> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment.as_second());
    }
    let in_utc = |date: DateTime| date.to_zoned(TimeZone::UTC).as_ref().map(Zoned::timestamp).ok();
    let date = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0))).ok()?;
    in_utc(date).map(Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_dates_are_seconds() {
        let seconds = |text: &str| of_text(text).map(|time| time.seconds);
        for (text, expected) in [
            ("1404172800", 1_404_172_800),
            (" 1404172800.0 ", 1_404_172_800),
            ("1404172800123", 1_404_172_800),
            ("1404172800123456", 1_404_172_800),
            ("1404172800123456789", 1_404_172_800),
            ("-86400", -86_400),
            ("-1", -1),
            ("2014-07-01", 1_404_172_800),
            ("2014/07/01", 1_404_172_800),
            ("2014-07-01 12:30:00", 1_404_217_800),
            ("2014-07-01T12:30:00", 1_404_217_800),
            ("2014-07-01T12:30:00Z", 1_404_217_800),
            ("2014-07-01T14:30:00+02:00", 1_404_217_800),
            ("1969-12-31", -86_400),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in ["", "yesterday", "nan", "inf", "1e300", "2014-13-01"] {
            assert_eq!(seconds(text), None, "{text}");
        }
        assert!(of_text("1404172800123").unwrap().is_finer && !of_text("1404172800").unwrap().is_finer);
    }
}
