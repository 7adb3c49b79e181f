//! Times and sizes as people read them.

use indicatif::BinaryBytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// An amount of bytes in binary units.
pub fn size(bytes: u64) -> String {
    BinaryBytes(bytes).to_string()
}

/// A time, given in seconds since 1970, to the minute and where the user is.
pub fn time(seconds: u64) -> String {
    let timestamp = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let zoned = timestamp.map(|timestamp| timestamp.to_zoned(TimeZone::system()));
    zoned.map(|zoned| zoned.strftime("%Y-%m-%d %H:%M").to_string()).unwrap_or_default()
}
