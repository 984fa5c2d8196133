//! Moments, as statements and certificates have them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The last second of the year 9999: certificates know no later one (RFC 5280, 4.1.2.5).
const LAST: u64 = 253_402_300_799;

/// Seconds since 1970, in UTC and without leap seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixSeconds(pub u64);

impl UnixSeconds {
    /// Some time later, but never past the year 9999.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by.as_secs()).min(LAST))
    }

    /// Some time earlier, but never before 1970.
    #[must_use]
    pub fn earlier(self, by: Duration) -> Self {
        Self(self.0.min(LAST).saturating_sub(by.as_secs()))
    }
}

impl From<SystemTime> for UnixSeconds {
    /// A clock that stands before 1970 stands at its first second.
    fn from(time: SystemTime) -> Self {
        Self(time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().min(LAST)))
    }
}

impl fmt::Display for UnixSeconds {
    /// As people write it: `2026-11-22 10:25:00 UTC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0.min(LAST) / 86_400, self.0.min(LAST) % 86_400);
        // Howard Hinnant's `civil_from_days`, for days from 1970 on: years begin in March, so that the leap day is the last.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_shown_as_people_write_them() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_251_200, "2024-03-01 00:00:00 UTC"),
            (LAST, "9999-12-31 23:59:59 UTC"),
            (u64::MAX, "9999-12-31 23:59:59 UTC"),
        ] {
            assert_eq!(UnixSeconds(seconds).to_string(), text);
        }
    }

    #[test]
    fn no_sum_leaves_what_a_certificate_can_say() {
        assert_eq!(UnixSeconds(5).earlier(Duration::from_secs(9)), UnixSeconds(0));
        assert_eq!(UnixSeconds(u64::MAX).later(Duration::MAX), UnixSeconds(LAST));
        assert_eq!(UnixSeconds(u64::MAX).earlier(Duration::from_secs(1)), UnixSeconds(LAST - 1));
    }
}
