//! Meta-parameters: what every resource understands, whatever its kind.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::entry::Entry;
use super::params::{ParamError, Params};
use super::world::Audience;

crate::entry! {
    /// What every resource understands, whatever its kind.
    pub struct Meta {
        /// Only look: report what would change, change nothing. The vertex counts as done for those that follow it.
        noop: bool = false,
        /// How many more times to try after an error; -1: without end.
        retry: i16 = 0,
        /// Refill the retries after a success.
        retryreset: bool = false,
        /// Milliseconds to wait before each retry.
        delay: u64 = 0,
        /// Milliseconds that one check and apply may take together; 0: without limit. A running apply is ended.
        timeout: u64 = 0,
        /// Seconds between checks, in place of watching; 0: watch; negative: check once, then neither watch nor poll.
        poll: i32 = 0,
        /// How many checks a second at the most, on average; needs `burst`.
        limit: f64 = f64::INFINITY,
        /// How many checks may come at once under `limit`.
        burst: u32 = 0,
        /// Accepted for the files of others: retry counters always start afresh when a declaration changes.
        reset: bool = false,
        /// Semaphores to hold while this runs, each `id` or `id:count`; without a count, one at a time.
        sema: Vec<Arc<str>>,
        /// Accepted for the files of others: a failed watch is always armed again when a declaration changes.
        rewatch: bool = false,
        /// Let this vertex settle once before a later graph may remove or replace it.
        realize: bool = false,
        /// Permit a name that starts with `$`, which otherwise is taken for a forgotten interpolation.
        dollar: bool = false,
        /// Present for edges, receiving and export, but neither watched nor applied here. In a graph file, a name that
        /// starts with `@@` says so too.
        hidden: bool = false,
        /// The hosts to which this is exported, or `*`: once it has been applied here, they may collect it. It is
        /// withdrawn when it leaves the graph. Never grouped with others.
        export: Vec<Arc<str>>,
        /// Take part in automatic edges.
        autoedge: bool = true,
        /// Take part in automatic grouping.
        autogroup: bool = true,
        /// Undo this when it vanishes from the graph.
        reverse: bool = false,
        /// Names of parameters whose values are masked wherever they would be shown.
        sensitive: Vec<Arc<str>>,
    }
}

/// A counting semaphore that a vertex holds while it runs. Semaphores with different counts are different.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Semaphore {
    /// The id as written, count included.
    pub id: Arc<str>,
    /// How many vertices may hold it at once.
    pub count: u32,
}

impl fmt::Display for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

impl Meta {
    /// The defaults, shared.
    pub fn shared_default() -> Arc<Self> {
        static DEFAULT: LazyLock<Arc<Meta>> = LazyLock::new(|| {
            Arc::new(Meta::decode(&Params::new()).expect("the defaults of Meta fit their own types"))
        });
        DEFAULT.clone()
    }

    /// Decodes and validates.
    ///
    /// # Errors
    /// Every meta-parameter that does not make sense, alone or with another.
    pub fn from_params(params: &Params) -> Result<Self, Vec<ParamError>> {
        let meta = Self::decode(params)?;
        let mut errors = Vec::new();
        if meta.retry < -1 {
            errors.push(
                ParamError::at("retry", format!("{} retries make no sense", meta.retry))
                    .hint("use -1 for no end"),
            );
        }
        if meta.limit.is_nan() || meta.limit <= 0.0 {
            errors.push(ParamError::at("limit", "a limit is a positive number of checks a second"));
        } else if meta.limit.is_finite() && meta.burst == 0 {
            errors
                .push(ParamError::at("limit", "a limit needs a burst of at least 1").hint("add `burst: 1`"));
        }
        for id in &meta.sema {
            if let Err(message) = parse_semaphore(id) {
                errors.push(ParamError::at("sema", message));
            }
        }
        for host in &meta.export {
            if let Err(error) = host.parse::<Audience>() {
                errors.push(ParamError::at("export", error.to_string()).hint("use `*` for every host"));
            }
        }
        if errors.is_empty() { Ok(meta) } else { Err(errors) }
    }

    /// The semaphores, sorted and without repetition.
    pub fn semaphores(&self) -> Vec<Semaphore> {
        let mut all: Vec<Semaphore> = self.sema.iter().filter_map(|id| parse_semaphore(id).ok()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// `delay` as a duration.
    pub fn delay(&self) -> Duration {
        Duration::from_millis(self.delay)
    }

    /// `timeout` as a duration; `None`: without limit.
    pub fn timeout(&self) -> Option<Duration> {
        (self.timeout > 0).then(|| Duration::from_millis(self.timeout))
    }
}

fn parse_semaphore(id: &Arc<str>) -> Result<Semaphore, String> {
    let (name, count) = match id.rsplit_once(':') {
        Some((name, count)) => match count.parse::<u32>() {
            Ok(count) if count > 0 => (name, count),
            _ => return Err(format!("the count of semaphore {id:?} is not a positive integer")),
        },
        None => (&**id, 1),
    };
    if name.is_empty() || name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{id:?} is no name for a semaphore: it needs a letter"));
    }
    Ok(Semaphore { id: id.clone(), count })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn semaphore(id: &str) -> Result<(String, u32), String> {
        parse_semaphore(&Arc::from(id)).map(|s| (s.id.to_string(), s.count))
    }

    #[test]
    fn a_semaphore_without_a_count_admits_one() {
        assert_eq!(semaphore("disk"), Ok(("disk".into(), 1)));
        assert_eq!(semaphore("disk:3"), Ok(("disk:3".into(), 3)));
        assert_eq!(semaphore("a:b:2"), Ok(("a:b:2".into(), 2)));
    }

    #[test]
    fn a_semaphore_needs_a_name_and_a_positive_count() {
        for id in ["", ":2", "7", "disk:0", "disk:-1", "disk:x"] {
            assert!(semaphore(id).is_err(), "{id:?} was accepted");
        }
    }

    #[test]
    fn a_finite_limit_needs_a_burst() {
        let params = Params::from_iter([("limit", super::super::value::Value::Float(0.5))]);
        let errors = Meta::from_params(&params).expect_err("no burst was given");
        assert_eq!(errors[0].param, Some("limit"));
    }

    #[test]
    fn only_every_host_or_one_that_can_be_is_exported_to() {
        let exported_to = |host| {
            let hosts = super::super::value::Value::List([super::super::value::Value::str(host)].into());
            Meta::from_params(&Params::from_iter([("export", hosts)]))
        };
        assert!(exported_to("*").is_ok() && exported_to("web-1").is_ok());
        for bad in ["", "a b", "web*"] {
            assert!(exported_to(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn what_differs_from_the_defaults_is_written_out_and_reads_as_the_same() {
        let given = Params::from_iter([
            ("retry", super::super::value::Value::Int(3)),
            ("autoedge", super::super::value::Value::Bool(false)),
            ("delay", super::super::value::Value::Int(0)),
        ]);
        let meta = Meta::from_params(&given).expect("it makes sense");
        let names: Vec<&str> = meta.to_params().iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["autoedge", "retry"]);
        assert_eq!(Meta::from_params(&meta.to_params()), Ok(meta));
        assert_eq!(Meta::shared_default().to_params(), Params::new());
    }
}
