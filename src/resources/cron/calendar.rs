//! Calendar expressions of timers: systemd.time(7). Pure, so that a graph can be checked where there is no systemd.
//!
//! Read as systemd's calendarspec.c reads them, and written in the same normal form, so that what a timer has loaded can be
//! compared with what was declared. Of time zones only the region is known here.

use std::fmt::Write as _;

/// An expression that systemd would take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    normal: Option<String>,
}

/// Why it is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// It is empty.
    #[error("an empty calendar expression")]
    Empty,
    /// It could not be read from here on.
    #[error("{0:?} cannot be read as a part of a calendar expression")]
    Syntax(String),
    /// A number is out of its range.
    #[error("the {0} is out of range")]
    Range(&'static str),
    /// No such region.
    #[error("{0:?} is no time zone")]
    Zone(String),
    /// There is no such day.
    #[error("no month has that day: it would never elapse")]
    Never,
}

/// One number, or a range, with a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    start: u64,
    stop: Option<u64>,
    step: u64,
}

/// All numbers of a place; `None`: any.
type Chain = Option<Vec<Part>>;

/// Microseconds of a second.
const SECOND: u64 = 1_000_000;

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Words for whole expressions.
const WORDS: [(&str, &str); 11] = [
    ("minutely", "*-*-* *:*:00"),
    ("hourly", "*-*-* *:00:00"),
    ("daily", "*-*-* 00:00:00"),
    ("monthly", "*-*-01 00:00:00"),
    ("weekly", "Mon *-*-* 00:00:00"),
    ("annually", "*-01-01 00:00:00"),
    ("yearly", "*-01-01 00:00:00"),
    ("anually", "*-01-01 00:00:00"),
    ("quarterly", "*-01,04,07,10-01 00:00:00"),
    ("semiannually", "*-01,07-01 00:00:00"),
    ("biannually", "*-01,07-01 00:00:00"),
];

/// Regions and names at the top of the time zone database.
const REGIONS: [&str; 16] = [
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Brazil",
    "Canada",
    "Chile",
    "Etc",
    "Europe",
    "Indian",
    "Mexico",
    "Pacific",
    "US",
];
const ZONES: [&str; 26] = [
    "CET",
    "CST6CDT",
    "Cuba",
    "EET",
    "EST",
    "EST5EDT",
    "Egypt",
    "Eire",
    "GB",
    "GMT",
    "HST",
    "Iceland",
    "Iran",
    "Israel",
    "Japan",
    "MET",
    "MST",
    "MST7MDT",
    "NZ",
    "PST8PDT",
    "Poland",
    "Portugal",
    "Singapore",
    "Turkey",
    "WET",
    "Zulu",
];

impl Calendar {
    /// Reads an expression.
    ///
    /// # Errors
    /// When systemd would not take it, or it could never elapse.
    pub fn parse(text: &str) -> Result<Self, CalendarError> {
        if text.is_empty() {
            return Err(CalendarError::Empty);
        }
        let (text, zone) = split_zone(text)?;
        let plain = text.to_ascii_lowercase().replace('-', "");
        // Only these two are written with a dash, too.
        let word =
            if matches!(&*plain, "semiannually" | "biannually") { plain } else { text.to_ascii_lowercase() };
        if let Some((_, normal)) = WORDS.iter().find(|(known, _)| *known == word) {
            return Ok(Self { normal: Some(format!("{normal}{zone}")) });
        }
        if let Some(epoch) = text.strip_prefix('@') {
            let is_number = !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit());
            return if is_number {
                Ok(Self { normal: None })
            } else {
                Err(CalendarError::Syntax(text.to_owned()))
            };
        }
        let mut reader = Reader(text);
        let weekdays = reader.weekdays()?;
        let date = reader.date()?;
        let time = reader.time()?;
        if !reader.0.is_empty() {
            return Err(reader.wrong());
        }
        let spec = Spec { weekdays, date, time };
        spec.validate()?;
        Ok(Self { normal: Some(format!("{}{zone}", spec.normal())) })
    }

    /// The form in which systemd shows it; `None`: a time since 1970, which it shows as a date.
    pub fn normal(&self) -> Option<&str> {
        self.normal.as_deref()
    }
}

/// Cuts off a time zone, with a blank in front.
fn split_zone(text: &str) -> Result<(&str, String), CalendarError> {
    let Some((rest, end)) = text.rsplit_once(' ') else { return Ok((text, String::new())) };
    if end.eq_ignore_ascii_case("utc") {
        return Ok((rest, " UTC".to_owned()));
    }
    let region = end.split('/').next().unwrap_or_default();
    let is_in_region = REGIONS.contains(&region) && end.len() > region.len() + 1;
    if ZONES.contains(&end) || is_in_region {
        return Ok((rest, format!(" {end}")));
    }
    let looks_like_one = end.chars().all(|c| c.is_ascii_alphabetic() || "/_+-".contains(c));
    if looks_like_one && end.chars().any(|c| c.is_ascii_alphabetic()) {
        return Err(CalendarError::Zone(end.to_owned()));
    }
    Ok((text, String::new()))
}

struct Spec {
    /// Bits from Monday on; 0: any.
    weekdays: u8,
    date: Date,
    time: [Chain; 3],
}

#[derive(Default)]
struct Date {
    year: Chain,
    month: Chain,
    day: Chain,
    /// Days are counted from the month's end.
    from_end: bool,
}

struct Reader<'a>(&'a str);

impl Reader<'_> {
    fn wrong(&self) -> CalendarError {
        CalendarError::Syntax(self.0.to_owned())
    }

    fn take(&mut self, expected: &str) -> bool {
        let rest = self.0.strip_prefix(expected);
        if let Some(rest) = rest {
            self.0 = rest;
        }
        rest.is_some()
    }

    fn skip_blanks(&mut self) {
        self.0 = self.0.trim_start_matches(' ');
    }

    fn is_at(&self, ends: &[char]) -> bool {
        self.0.chars().next().is_none_or(|c| ends.contains(&c))
    }

    fn weekdays(&mut self) -> Result<u8, CalendarError> {
        let (mut bits, mut from): (u8, Option<usize>) = (0, None);
        loop {
            let Some((day, length)) = self.weekday() else {
                return if bits == 0 { Ok(0) } else { Err(self.wrong()) };
            };
            self.0 = &self.0[length..];
            if !self.is_at(&['-', '.', ',', ' ']) {
                return Err(self.wrong());
            }
            let first = from.unwrap_or(day);
            if first > day {
                return Err(CalendarError::Range("range of weekdays"));
            }
            for day in first..=day {
                bits |= 1 << day;
            }
            let in_range = from.take().is_some();
            if self.is_at(&[' ']) {
                self.skip_blanks();
                return Ok(bits);
            }
            if self.take("..") || self.take("-") {
                if in_range {
                    return Err(self.wrong());
                }
                from = Some(day);
            } else if !self.take(",") {
                return Err(self.wrong());
            }
            if self.is_at(&[' ']) {
                self.skip_blanks();
                return if from.is_none() { Ok(bits) } else { Err(self.wrong()) };
            }
        }
    }

    /// A weekday that stands here, and how long its name is.
    fn weekday(&self) -> Option<(usize, usize)> {
        let stands =
            |name: &str| self.0.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        let long = DAYS.iter().position(|name| stands(name)).map(|day| (day, DAYS[day].len()));
        long.or_else(|| DAYS.iter().position(|name| stands(&name[..3])).map(|day| (day, 3)))
    }

    fn date(&mut self) -> Result<Date, CalendarError> {
        if self.0.is_empty() {
            return Ok(Date::default());
        }
        let start = self.0;
        let first = self.chain(false)?;
        if self.is_at(&[':']) {
            // It was the time.
            self.0 = start;
            return Ok(Date::default());
        }
        let mut from_end = self.dash()?;
        let second = self.chain(false)?;
        if self.is_at(&[' ']) {
            self.skip_blanks();
            return Ok(Date { year: None, month: first, day: second, from_end });
        }
        if from_end {
            return Err(self.wrong());
        }
        from_end = self.dash()?;
        let third = self.chain(false)?;
        if !self.is_at(&[' ']) {
            return Err(self.wrong());
        }
        self.skip_blanks();
        Ok(Date { year: first, month: second, day: third, from_end })
    }

    /// Whether it is a `~`, and not a `-`.
    fn dash(&mut self) -> Result<bool, CalendarError> {
        if self.take("~") {
            Ok(true)
        } else if self.take("-") {
            Ok(false)
        } else {
            Err(self.wrong())
        }
    }

    fn time(&mut self) -> Result<[Chain; 3], CalendarError> {
        let zero = || Some(vec![Part { start: 0, stop: None, step: 0 }]);
        if self.0.is_empty() {
            return Ok([zero(), zero(), zero()]);
        }
        let hour = self.chain(false)?;
        if !self.take(":") {
            return Err(self.wrong());
        }
        let minute = self.chain(false)?;
        if self.0.is_empty() {
            return Ok([hour, minute, zero()]);
        }
        if !self.take(":") {
            return Err(self.wrong());
        }
        Ok([hour, minute, self.chain(true)?])
    }

    /// `micros`: seconds, with a fraction, in microseconds.
    fn chain(&mut self, micros: bool) -> Result<Chain, CalendarError> {
        if self.take("*") {
            return Ok(None);
        }
        let mut parts = Vec::new();
        loop {
            let start = self.number(micros)?;
            let (mut stop, mut step) = (None, 0);
            if self.take("..") {
                stop = Some(self.number(micros)?);
                step = if micros { SECOND } else { 1 };
            }
            if self.take("/") {
                step = self.number(micros)?;
                if step == 0 {
                    return Err(CalendarError::Range("repetition"));
                }
            } else if micros && stop.is_some_and(|stop| stop < start + SECOND) {
                // The step of a range of seconds is a second.
                return Err(CalendarError::Range("range of seconds"));
            }
            if !self.is_at(&[' ', ',', '-', '~', ':']) {
                return Err(self.wrong());
            }
            parts.push(Part { start, stop, step });
            if !self.take(",") {
                return Ok(Some(parts));
            }
        }
    }

    fn number(&mut self, micros: bool) -> Result<u64, CalendarError> {
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        // Nothing has more than nine digits.
        if digits == 0 || digits > 9 {
            return Err(self.wrong());
        }
        let (number, rest) = self.0.split_at(digits);
        let mut value: u64 = number.parse().map_err(|_| self.wrong())?;
        self.0 = rest;
        if micros {
            value *= SECOND;
            let is_fraction = rest.starts_with('.') && !rest.starts_with("..");
            if is_fraction {
                let digits = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
                if digits == 0 || digits > 6 {
                    return Err(self.wrong());
                }
                let (fraction, rest) = rest[1..].split_at(digits);
                value += format!("{fraction:0<6}").parse::<u64>().map_err(|_| self.wrong())?;
                self.0 = rest;
            }
        }
        Ok(value)
    }
}

impl Spec {
    fn validate(&self) -> Result<(), CalendarError> {
        let date = &self.date;
        let year = date.year.as_ref().map(|parts| parts.iter().map(|part| full_years(*part)).collect());
        check(&year, 1970, 2199, false, "year")?;
        check(&date.month, 1, 12, false, "month")?;
        check(&date.day, 1, 31, date.from_end, "day")?;
        check(&self.time[0], 0, 23, false, "hour")?;
        check(&self.time[1], 0, 59, false, "minute")?;
        check(&self.time[2], 0, 60 * SECOND - 1, false, "second")?;
        // A day that is in none of the months.
        let longest = |month: u64| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if let (Some(months), Some(days)) = (&date.month, &date.day)
            && months.iter().all(|part| part.stop.is_none() && part.step == 0)
            && days.iter().all(|day| months.iter().all(|month| day.start > longest(month.start)))
        {
            return Err(CalendarError::Never);
        }
        Ok(())
    }

    fn normal(&self) -> String {
        let mut text = String::new();
        if self.weekdays != 0 && self.weekdays != 0x7f {
            text.push_str(&weekdays(self.weekdays));
            text.push(' ');
        }
        let date = &self.date;
        let year = date.year.as_ref().map(|parts| parts.iter().map(|part| full_years(*part)).collect());
        let dash = if date.from_end && date.day.is_some() { '~' } else { '-' };
        let _ = write!(text, "{}-{}{dash}{}", chain(&year, 4), chain(&date.month, 2), chain(&date.day, 2));
        let [hour, minute, second] = &self.time;
        let _ = write!(text, " {}:{}:{}", chain(hour, 2), chain(minute, 2), seconds(second));
        text
    }
}

/// Years of two digits are of our time.
fn full_years(part: Part) -> Part {
    let full = |year: u64| match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        _ => year,
    };
    Part { start: full(part.start), stop: part.stop.map(full), step: part.step }
}

fn check(chain: &Chain, from: u64, to: u64, from_end: bool, what: &'static str) -> Result<(), CalendarError> {
    let fits = |part: &Part| {
        let part = tidy_one(*part);
        if part.start < from || part.start > to {
            return false;
        }
        match part.stop {
            Some(stop) => (from..=to).contains(&stop) && part.start + part.step <= stop,
            None if from_end => part.step <= part.start - from,
            None => part.start + part.step <= to,
        }
    };
    if chain.iter().flatten().all(fits) { Ok(()) } else { Err(CalendarError::Range(what)) }
}

fn weekdays(bits: u8) -> String {
    let has = |day: usize| bits & 1 << day != 0;
    let mut words = Vec::new();
    let mut day = 0;
    while day < 7 {
        let first = day;
        while day < 7 && has(day) {
            day += 1;
        }
        match day - first {
            0 => day += 1,
            1 => words.push(DAYS[first][..3].to_owned()),
            // Two stand one by one.
            2 => words.extend([DAYS[first][..3].to_owned(), DAYS[first + 1][..3].to_owned()]),
            _ => words.push(format!("{}..{}", &DAYS[first][..3], &DAYS[day - 1][..3])),
        }
    }
    words.join(",")
}

/// The parts in order, each cut to what it reaches.
fn tidy(parts: &[Part]) -> Vec<Part> {
    let mut parts: Vec<Part> = parts.iter().map(|part| tidy_one(*part)).collect();
    parts.sort();
    parts.dedup();
    parts
}

fn tidy_one(part: Part) -> Part {
    let Part { start, stop, step } = part;
    match stop {
        Some(stop) if stop >= start && step > 0 => {
            let stop = stop - (stop - start) % step;
            if start == stop || step > stop - start {
                Part { start, stop: None, step: 0 }
            } else {
                Part { start, stop: Some(stop), step }
            }
        }
        _ => part,
    }
}

fn chain(chain: &Chain, width: usize) -> String {
    let Some(parts) = chain else { return "*".to_owned() };
    let write = |part: Part| {
        let mut text = format!("{:0width$}", part.start);
        if let Some(stop) = part.stop {
            let _ = write!(text, "..{stop:0width$}");
        }
        if part.step > 0 && !(part.stop.is_some() && part.step == 1) {
            let _ = write!(text, "/{}", part.step);
        }
        text
    };
    tidy(parts).into_iter().map(write).collect::<Vec<_>>().join(",")
}

fn seconds(chain: &Chain) -> String {
    let Some(parts) = chain else { return "*".to_owned() };
    let number = |micros: u64, width: usize| match micros % SECOND {
        0 => format!("{:0width$}", micros / SECOND),
        fraction => format!("{:0width$}.{fraction:06}", micros / SECOND),
    };
    let write = |part: Part| {
        let mut text = number(part.start, 2);
        if let Some(stop) = part.stop {
            text = format!("{text}..{}", number(stop, 2));
        }
        if part.step > 0 && !(part.stop.is_some() && part.step == SECOND) {
            text = format!("{text}/{}", number(part.step, 1));
        }
        text
    };
    tidy(parts).into_iter().map(write).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_takes_gets_its_normal_form() {
        for (text, normal) in [
            ("daily", "*-*-* 00:00:00"),
            ("Weekly", "Mon *-*-* 00:00:00"),
            ("hourly UTC", "*-*-* *:00:00 UTC"),
            ("semi-annually", "*-01,07-01 00:00:00"),
            ("Mon..Fri 09:00", "Mon..Fri *-*-* 09:00:00"),
            ("Mon *-*~03", "Mon *-*~03 00:00:00"),
            ("*:0/5", "*-*-* *:00/5:00"),
            ("Mon-Fri", "Mon..Fri *-*-* 00:00:00"),
            ("09:00:01.5", "*-*-* 09:00:01.500000"),
            ("1,3,5:00", "*-*-* 01,03,05:00:00"),
            ("*:*:*", "*-*-* *:*:*"),
            ("*-*-* *:*:0..30/10", "*-*-* *:*:00..30/10"),
            ("Sat,Sun,Mon", "Mon,Sat,Sun *-*-* 00:00:00"),
            ("daily Europe/Paris", "*-*-* 00:00:00 Europe/Paris"),
            ("99-1-1", "1999-01-01 00:00:00"),
            ("*-*-1..7 0:0", "*-*-01..07 00:00:00"),
            ("Mon,", "Mon *-*-* 00:00:00"),
            ("*:*:0/0.5", "*-*-* *:*:00/0.500000"),
            ("monday", "Mon *-*-* 00:00:00"),
            ("10..20/3:00", "*-*-* 10..19/3:00:00"),
            ("12:30 CET", "*-*-* 12:30:00 CET"),
        ] {
            assert_eq!(Calendar::parse(text).map(|it| it.normal.unwrap()), Ok(normal.to_owned()), "{text}");
        }
        assert_eq!(Calendar::parse("@1234").unwrap().normal(), None);
    }

    #[test]
    fn what_systemd_refuses_and_what_never_comes_is_refused() {
        for text in [
            "",
            "foo",
            "*/5:00",
            "*-*-* 25:00",
            "Feb 30",
            "weekly Mars/X",
            "0:0/60",
            "*-*-~1..3",
            "*-*-01/40",
            "  daily",
            "daily ",
            "24:00",
            "*:*:60",
            "Mon 10:00  UTC",
            "Fri..Mon",
            "Mon..",
            "1",
            "1:2:3:4",
            "@x",
            "*-*-* 0:0:0 x",
            "2026-13-01",
            "1:",
            "0/0:00",
        ] {
            assert!(Calendar::parse(text).is_err(), "{text}");
        }
        for text in ["2026-02-30", "*-02-30", "*-4,6-31"] {
            assert_eq!(Calendar::parse(text), Err(CalendarError::Never), "{text}");
        }
        assert!(Calendar::parse("*-02-29").is_ok() && Calendar::parse("*-1,2-31").is_ok());
    }
}
