//! What crontab(5) says in systemd's words, for hints. Pure.

use super::calendar::Calendar;

/// Months and days as crontab names them; a day's number is its place.
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 8] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// The calendar expressions that elapse when a line of crontab would; `None`: it is none, or not a simple one.
pub fn translated(text: &str) -> Option<Vec<String>> {
    if let Some(word) = text.strip_prefix('@') {
        let word = if word == "midnight" { "daily" } else { word };
        let known = ["hourly", "daily", "weekly", "monthly", "yearly", "annually"];
        return known.contains(&word).then(|| vec![word.to_owned()]);
    }
    let fields: Vec<&str> = text.split_whitespace().take(5).collect();
    let [minute, hour, day, month, weekday] = fields[..] else { return None };
    let minute = numbers(minute, 0, 59, &[])?;
    let hour = numbers(hour, 0, 23, &[])?;
    let day = numbers(day, 1, 31, &[])?;
    let month = numbers(month, 1, 12, &MONTHS)?;
    let weekday = weekdays(weekday)?;
    let time = format!("{hour}:{minute}");
    let of_days = |day: &str| format!("*-{month}-{day} {time}");
    let expressions = match (weekday, &*day) {
        (None, day) => vec![of_days(day)],
        (Some(weekday), "*") => vec![format!("{weekday} {}", of_days("*"))],
        // With both, crontab means either.
        (Some(weekday), day) => vec![of_days(day), format!("{weekday} {}", of_days("*"))],
    };
    expressions.iter().all(|it| Calendar::parse(it).is_ok()).then_some(expressions)
}

/// A field in systemd's form.
fn numbers(field: &str, least: u32, most: u32, names: &[&str]) -> Option<String> {
    let number = |text: &str| -> Option<u32> {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = named.and_then(|at| u32::try_from(at).ok()).map(|at| at + least);
        number.or_else(|| text.parse().ok()).filter(|number| (least..=most).contains(number))
    };
    let part = |part: &str| -> Option<String> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u32>().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let range = match (range, range.split_once('-')) {
            ("*", _) if step.is_none() => return Some("*".to_owned()),
            ("*", _) => format!("{least:02}"),
            (_, Some((from, to))) => format!("{:02}..{:02}", number(from)?, number(to)?),
            (one, None) if step.is_none() => format!("{:02}", number(one)?),
            (_, None) => return None,
        };
        Some(step.map_or_else(|| range.clone(), |step| format!("{range}/{step}")))
    };
    let parts: Vec<String> = field.split(',').map(part).collect::<Option<_>>()?;
    // One that is any is all.
    Some(if parts.iter().any(|part| part == "*") { "*".to_owned() } else { parts.join(",") })
}

/// The days of the week; `Some(None)`: any.
fn weekdays(field: &str) -> Option<Option<String>> {
    if field == "*" || field == "?" {
        return Some(None);
    }
    let day = |text: &str| -> Option<usize> {
        let named = DAYS.iter().position(|name| name.eq_ignore_ascii_case(text));
        named.or_else(|| text.parse().ok()).filter(|day| *day < DAYS.len())
    };
    let part = |part: &str| -> Option<String> {
        match part.split_once('-') {
            None => Some(DAYS[day(part)?].to_owned()),
            // systemd's week begins on Monday.
            Some((from, to)) => match (day(from)?, day(to)?) {
                (0, 0) => Some("Sun".to_owned()),
                (0, to) => Some(format!("Sun,Mon..{}", DAYS[to])),
                (from, to) if from < to => Some(format!("{}..{}", DAYS[from], DAYS[to])),
                _ => None,
            },
        }
    };
    field.split(',').map(part).collect::<Option<Vec<_>>>().map(|parts| Some(parts.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_lines_are_translated_and_others_are_not() {
        for (line, expressions) in [
            ("*/5 * * * *", &["*-*-* *:00/5"][..]),
            ("0 3 * * *", &["*-*-* 03:00"]),
            ("30 4 1,15 * *", &["*-*-01,15 04:30"]),
            ("0 3 * * 1-5", &["Mon..Fri *-*-* 03:00"]),
            ("0 3 * * 0", &["Sun *-*-* 03:00"]),
            ("0 3 * * 5-7", &["Fri..Sun *-*-* 03:00"]),
            ("0 3 * * sun-tue", &["Sun,Mon..Tue *-*-* 03:00"]),
            ("0 22 * * mon,wed", &["Mon,Wed *-*-* 22:00"]),
            ("0 0-6/2 * jan-mar *", &["*-01..03-* 00..06/2:00"]),
            ("0 0 13 * 5", &["*-*-13 00:00", "Fri *-*-* 00:00"]),
            ("@daily", &["daily"]),
            ("@midnight", &["daily"]),
            ("15 14 1 * * root /usr/bin/true", &["*-*-01 14:15"]),
        ] {
            assert_eq!(translated(line).unwrap(), expressions, "{line}");
        }
        for line in
            ["@reboot", "daily", "60 * * * *", "* * * *", "*/0 * * * *", "a b c d e", "0 3 * * 6-2", ""]
        {
            assert_eq!(translated(line), None, "{line}");
        }
    }
}
