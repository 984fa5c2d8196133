//! Days as the shadow file counts them. Pure.

/// The day of `YYYY-MM-DD`, counted from 1970-01-01; `None`: it is none, or before that.
pub fn parse_day(text: &str) -> Option<i64> {
    let mut fields = text.split('-');
    let (year, month, day) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() || (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    let (year, month, day): (i64, i64, i64) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let days = days_of(year, month, day);
    (days >= 0 && date_of(days) == (year, month, day)).then_some(days)
}

/// A day as `YYYY-MM-DD`.
pub fn show_day(days: i64) -> String {
    let (year, month, day) = date_of(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Days since 1970-01-01. Years begin in March, so that the leap day is their last (H. Hinnant, chrono-compatible
/// low-level date algorithms).
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970_and_those_that_are_none_are_refused() {
        for (text, days) in
            [("1970-01-01", 0), ("2000-02-29", 11_016), ("2030-01-31", 21_945), ("2024-12-31", 20_088)]
        {
            assert_eq!(parse_day(text), Some(days), "{text}");
            assert_eq!(show_day(days), text);
        }
        for text in
            ["", "never", "2030-1-31", "2023-02-29", "2030-13-01", "2030-00-10", "1969-12-31", "2030-01-31-1"]
        {
            assert_eq!(parse_day(text), None, "{text}");
        }
    }
}
