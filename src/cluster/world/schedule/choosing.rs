//! Who is chosen: a pure function of those that stand, and of those that were chosen.

use std::collections::BTreeMap;

use crate::engine::world::{Candidacy, HostName, Strategy};

/// A host that stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Which.
    pub host: HostName,
    /// Since which revision.
    pub since: i64,
    /// What it asks for.
    pub candidacy: Candidacy,
    /// Its failure domain.
    pub zone: String,
    /// Its load.
    pub load: f64,
}

/// Who is chosen next, in order. `standing` is sorted by age, oldest first, whose opinion of strategy and number counts.
pub fn choose(standing: &[Standing], chosen: &[HostName]) -> Vec<HostName> {
    let Some(oldest) = standing.first() else { return Vec::new() };
    let max = oldest.candidacy.max as usize;
    let stays = |host: &&HostName| standing.iter().any(|it| it.host == **host);
    match oldest.candidacy.strategy {
        Strategy::Alpha => {
            let mut names: Vec<HostName> = standing.iter().map(|it| it.host.clone()).collect();
            names.sort();
            names.truncate(max);
            names
        }
        Strategy::Rr => {
            let mut next: Vec<HostName> = chosen.iter().filter(stays).take(max).cloned().collect();
            for it in standing {
                if next.len() < max && !next.contains(&it.host) {
                    next.push(it.host.clone());
                }
            }
            next
        }
        Strategy::Load => by_load(standing, chosen.iter().filter(stays).cloned().collect(), max),
    }
}

/// Fills up with the least loaded of the zones that have the fewest, and exchanges at most one for another with less than
/// half its load.
fn by_load(standing: &[Standing], mut next: Vec<HostName>, max: usize) -> Vec<HostName> {
    next.truncate(max);
    let of = |host: &HostName| standing.iter().find(|it| it.host == *host);
    while next.len() < max {
        let mut crowd: BTreeMap<&str, usize> = BTreeMap::new();
        for it in next.iter().filter_map(of) {
            *crowd.entry(&it.zone).or_default() += 1;
        }
        let free = standing.iter().filter(|it| !next.contains(&it.host));
        let best = free.min_by(|a, b| {
            let crowd = |it: &Standing| crowd.get(it.zone.as_str()).copied().unwrap_or(0);
            crowd(a).cmp(&crowd(b)).then(a.load.total_cmp(&b.load)).then(a.host.cmp(&b.host))
        });
        match best {
            Some(best) => next.push(best.host.clone()),
            None => return next,
        }
    }
    let worst = next.iter().filter_map(of).max_by(|a, b| a.load.total_cmp(&b.load)).cloned();
    let Some(worst) = worst else { return next };
    let free = standing.iter().filter(|it| !next.contains(&it.host) && it.zone == worst.zone);
    let better = free.min_by(|a, b| a.load.total_cmp(&b.load).then(a.host.cmp(&b.host)));
    // Loads below this are as good as none.
    const IDLE: f64 = 0.5;
    if let Some(better) = better.filter(|better| worst.load > IDLE && better.load * 2.0 < worst.load) {
        for host in &mut next {
            if *host == worst.host {
                *host = better.host.clone();
            }
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(strategy: Strategy, max: u32, hosts: &[(&str, &str, f64)]) -> Vec<Standing> {
        let candidacy = Candidacy { strategy, max, persist: false, ttl_s: 10 };
        let each = |(since, (host, zone, load)): (i64, &(&str, &str, f64))| Standing {
            host: host.parse().unwrap(),
            since,
            candidacy: candidacy.clone(),
            zone: (*zone).to_owned(),
            load: *load,
        };
        (1..).zip(hosts).map(each).collect()
    }

    fn names(hosts: &[HostName]) -> Vec<&str> {
        hosts.iter().map(HostName::as_str).collect()
    }

    fn hosts(names: &[&str]) -> Vec<HostName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn round_robin_keeps_who_was_chosen_and_appends_the_oldest() {
        let all = standing(Strategy::Rr, 2, &[("c", "", 0.0), ("b", "", 0.0), ("a", "", 0.0)]);
        assert_eq!(names(&choose(&all, &[])), ["c", "b"]);
        assert_eq!(names(&choose(&all, &hosts(&["a", "gone"]))), ["a", "c"]);
        assert_eq!(names(&choose(&all, &hosts(&["a", "b", "c"]))), ["a", "b"]);
    }

    #[test]
    fn alpha_chooses_by_name() {
        let all = standing(Strategy::Alpha, 2, &[("c", "", 0.0), ("b", "", 0.0), ("a", "", 0.0)]);
        assert_eq!(names(&choose(&all, &hosts(&["c"]))), ["a", "b"]);
    }

    #[test]
    fn load_spreads_over_zones_and_moves_only_for_half_the_load() {
        let hosts_ = [("a", "x", 0.1), ("b", "x", 0.2), ("c", "y", 3.0), ("d", "y", 1.4)];
        let all = standing(Strategy::Load, 2, &hosts_);
        assert_eq!(names(&choose(&all, &[])), ["a", "d"]);
        assert_eq!(names(&choose(&all, &hosts(&["b", "d"]))), ["b", "d"], "all are good enough");
        assert_eq!(
            names(&choose(&all, &hosts(&["a", "c"]))),
            ["a", "d"],
            "c has more than twice the load of d"
        );
    }

    #[test]
    fn nobody_stands_and_nobody_is_chosen() {
        assert!(choose(&[], &hosts(&["a"])).is_empty());
    }
}
