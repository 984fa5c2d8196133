//! How a deploy goes from host to host, as a pure function of what hosts say.

use std::collections::BTreeMap;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::gate::{Gate, Tally};
use super::{DeployId, HostCard, HostName, HostReport, Rollout, RolloutState};

/// In which percent of all hosts a host is, from 0 to 99: by chance, but for ever the same for a deploy and a host, and
/// another for the next deploy, so that not always the same hosts are the first.
pub fn share(deploy: DeployId, host: &HostName) -> u8 {
    let digest = Sha256::digest(format!("{deploy}/{host}"));
    let (number, _) = digest.split_at(8);
    let number = number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    (number % 100) as u8
}

/// Whether a deploy has reached a host with these labels.
pub fn reaches(rollout: &Rollout, host: &HostName, labels: &BTreeMap<String, String>) -> bool {
    let is_aborted = matches!(rollout.state, RolloutState::Aborted { .. });
    !is_aborted && is_for(rollout, labels) && share(rollout.deploy, host) < rollout.percent
}

/// Which deploy a host with these labels is to run; `None`: none.
pub fn due(rollout: &Rollout, host: &HostName, labels: &BTreeMap<String, String>) -> Option<DeployId> {
    match (reaches(rollout, host, labels), &rollout.beneath) {
        (true, _) => Some(rollout.deploy),
        (false, Some(beneath)) => due(beneath, host, labels),
        (false, None) => rollout.before,
    }
}

/// What a host with these labels runs by a rollout, however far that has gone: once it has reached the host, and before, or when
/// it was taken back.
pub fn outcomes(
    rollout: &Rollout,
    host: &HostName,
    labels: &BTreeMap<String, String>,
) -> [Option<DeployId>; 2] {
    let beneath = match &rollout.beneath {
        Some(beneath) => due(beneath, host, labels),
        None => rollout.before,
    };
    [if is_for(rollout, labels) { Some(rollout.deploy) } else { beneath }, beneath]
}

/// What hosts run that the next rollout does not reach: what they run now, and nothing of it goes on. The answer is
/// `before` and `beneath` of the next one.
pub fn beneath(current: Option<&Rollout>) -> (Option<DeployId>, Option<Box<Rollout>>) {
    let mut seen = Vec::new();
    match current.cloned().and_then(|current| lasting(current, &mut seen)) {
        None => (None, None),
        Some(lasting) => match is_for_all(&lasting) {
            true => (Some(lasting.deploy), None),
            false => (lasting.before, Some(Box::new(lasting))),
        },
    }
}

/// What of a rollout still counts: one that reaches nobody, or only hosts that a later one has reached already, is left
/// out, so that rollouts do not pile up. `seen` are the labels of later ones that have reached all that they are for.
fn lasting(mut rollout: Rollout, seen: &mut Vec<BTreeMap<String, String>>) -> Option<Rollout> {
    let reaches_nobody = matches!(rollout.state, RolloutState::Aborted { .. })
        || rollout.percent == 0
        || seen.contains(&rollout.only);
    let under = rollout.beneath.take();
    if reaches_nobody {
        return match under {
            Some(under) => lasting(*under, seen),
            None => rollout.before.map(finished),
        };
    }
    if rollout.percent >= 100 {
        seen.push(rollout.only.clone());
    }
    if !is_for_all(&rollout) {
        rollout.beneath = under.and_then(|under| lasting(*under, seen)).map(Box::new);
        if let Some(under) = &rollout.beneath
            && is_for_all(under)
        {
            (rollout.before, rollout.beneath) = (Some(under.deploy), None);
        }
    }
    // It does not go on by itself under another.
    if rollout.state == RolloutState::Running {
        rollout.state = RolloutState::Paused;
    }
    Some(rollout)
}

/// The rollout of a deploy that all hosts run.
fn finished(deploy: DeployId) -> Rollout {
    Rollout {
        deploy,
        before: None,
        beneath: None,
        percent: 100,
        only: BTreeMap::new(),
        state: RolloutState::Done,
        steps: Vec::new(),
        soak_s: 0,
        gate: None,
        unknown: BTreeMap::new(),
    }
}

fn is_for_all(rollout: &Rollout) -> bool {
    rollout.only.is_empty() && rollout.percent >= 100
}

fn is_for(rollout: &Rollout, labels: &BTreeMap<String, String>) -> bool {
    rollout.only.iter().all(|(name, value)| labels.get(name) == Some(value))
}

/// The next step of a rollout; `None`: it stays as it is. To be called over and over by whoever leads, with the time since
/// it has seen this stage first.
///
/// Only hosts that have ever said what they run count: others follow no deploy. A stage goes on once its time is up, and
/// every host of it has settled; one that is away since it got the deploy has not.
pub fn step(
    rollout: &Rollout,
    hosts: &BTreeMap<HostName, HostCard>,
    reports: &BTreeMap<HostName, HostReport>,
    in_stage: Duration,
) -> Option<Rollout> {
    if rollout.state != RolloutState::Running {
        return None;
    }
    let aborted = |why: String| Some(Rollout { state: RolloutState::Aborted { why }, ..rollout.clone() });
    let gate = match rollout.gate.as_deref().map(str::parse::<Gate>).transpose() {
        Ok(gate) => gate,
        Err(error) => return aborted(error.to_string()),
    };
    let (tally, is_settled) = tally(rollout, hosts, reports);
    let at = format!("at {} %", rollout.percent);
    if let Some(clause) = gate.as_ref().and_then(|gate| gate.tripped(&tally)) {
        return aborted(format!("{clause:?} does not hold {at}: {}", told(&tally)));
    }
    if in_stage < Duration::from_secs(rollout.soak_s) || !is_settled {
        return None;
    }
    if let Some(clause) = gate.as_ref().and_then(|gate| gate.unmet(&tally)) {
        return aborted(format!("{clause:?} does not hold {at} in time: {}", told(&tally)));
    }
    let mut next = rollout.clone();
    match next.steps.is_empty() {
        true => next.state = RolloutState::Done,
        false => next.percent = next.steps.remove(0),
    }
    Some(next)
}

/// What is known of the hosts of this stage, and whether nothing more is to be waited for.
fn tally(
    rollout: &Rollout,
    hosts: &BTreeMap<HostName, HostCard>,
    reports: &BTreeMap<HostName, HostReport>,
) -> (Tally, bool) {
    let (mut tally, mut is_settled) = (Tally::default(), true);
    for (host, card) in hosts.iter().filter(|(host, card)| reaches(rollout, host, &card.labels)) {
        let Some(report) = reports.get(host) else { continue };
        let has_it = report.wanted == Some(rollout.deploy);
        if !card.alive && !has_it {
            continue;
        }
        let runs_it = report.deploy == Some(rollout.deploy);
        let (broken, failed) = (has_it && report.broken.is_some(), runs_it && report.failed > 0);
        let converged = runs_it && report.converged;
        tally.hosts += 1;
        tally.broken += u32::from(broken);
        tally.failed += u32::from(failed);
        tally.converged += u32::from(converged);
        is_settled &= card.alive && (broken || failed || converged);
    }
    (tally, is_settled)
}

fn told(tally: &Tally) -> String {
    let Tally { hosts, converged, failed, broken } = tally;
    format!("hosts {hosts}, converged {converged}, failed {failed}, broken {broken}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: BTreeMap<String, String> = BTreeMap::new();

    fn host(name: &str) -> HostName {
        name.parse().unwrap()
    }

    fn labels(role: &str) -> BTreeMap<String, String> {
        [("role".to_owned(), role.to_owned())].into()
    }

    fn staged(percent: u8, steps: &[u8]) -> Rollout {
        Rollout {
            before: Some(DeployId(1)),
            percent,
            state: RolloutState::Running,
            steps: steps.to_vec(),
            soak_s: 60,
            gate: Some("failed == 0 && broken == 0".to_owned()),
            ..finished(DeployId(2))
        }
    }

    /// Twenty hosts that are there, and what they say when all is well.
    fn mesh() -> (BTreeMap<HostName, HostCard>, BTreeMap<HostName, HostReport>) {
        let card = HostCard {
            addresses: Vec::new(),
            zone: String::new(),
            version: String::new(),
            labels: NONE,
            duty: super::super::Duty::Client,
            alive: true,
        };
        let report = HostReport {
            wanted: Some(DeployId(2)),
            deploy: Some(DeployId(2)),
            converged: true,
            failed: 0,
            broken: None,
            at_s: 0,
        };
        let names = || (0..20).map(|number| host(&format!("h{number}")));
        (
            names().map(|name| (name, card.clone())).collect(),
            names().map(|name| (name, report.clone())).collect(),
        )
    }

    fn first_in(rollout: &Rollout) -> HostName {
        mesh().0.into_keys().find(|name| reaches(rollout, name, &NONE)).unwrap()
    }

    const SOAKED: Duration = Duration::from_secs(60);

    #[test]
    fn a_greater_stage_reaches_those_of_the_smaller_and_about_its_share_of_all() {
        let names: Vec<HostName> = (0..1000).map(|number| host(&format!("host-{number}"))).collect();
        let reached = |percent: u8| -> Vec<&HostName> {
            names.iter().filter(|name| reaches(&staged(percent, &[]), name, &NONE)).collect()
        };
        assert!(reached(0).is_empty());
        assert_eq!(reached(100).len(), 1000);
        assert!((60..140).contains(&reached(10).len()), "{}", reached(10).len());
        let fifty = reached(50);
        assert!(reached(10).iter().all(|name| fifty.contains(name)));
    }

    #[test]
    fn a_host_that_a_deploy_does_not_reach_runs_the_one_before() {
        let rollout = Rollout { only: labels("web"), ..staged(100, &[]) };
        assert_eq!(due(&rollout, &host("a"), &labels("web")), Some(DeployId(2)));
        assert_eq!(due(&rollout, &host("a"), &labels("db")), Some(DeployId(1)));
        let aborted = Rollout { state: RolloutState::Aborted { why: String::new() }, ..rollout };
        assert_eq!(due(&aborted, &host("a"), &labels("web")), Some(DeployId(1)));
    }

    #[test]
    fn deploys_for_some_hosts_never_reach_the_others_however_many_follow() {
        let mut current = Rollout { only: NONE, ..finished(DeployId(1)) };
        for number in 2..20 {
            let only = labels(if number % 2 == 0 { "web" } else { "db" });
            let (before, beneath) = beneath(Some(&current));
            current = Rollout { before, beneath, only, ..finished(DeployId(number)) };
        }
        assert_eq!(due(&current, &host("a"), &labels("db")), Some(DeployId(19)));
        assert_eq!(due(&current, &host("a"), &labels("web")), Some(DeployId(18)));
        assert_eq!(due(&current, &host("a"), &labels("mail")), Some(DeployId(1)));
        let mut depth = 0;
        let mut under = current.beneath.as_deref();
        while let Some(rollout) = under {
            depth += 1;
            under = rollout.beneath.as_deref();
        }
        assert!(depth <= 3, "{depth} rollouts lie under one another");
        let (before, beneath) = super::beneath(Some(&finished(DeployId(20))));
        assert_eq!((before, beneath), (Some(DeployId(20)), None));
    }

    #[test]
    fn a_deploy_over_one_that_is_halfway_leaves_every_host_that_it_does_not_reach_as_it_is() {
        let halfway = staged(50, &[100]);
        let (before, under) = beneath(Some(&halfway));
        let next = Rollout { before, beneath: under, percent: 0, ..finished(DeployId(3)) };
        for name in mesh().0.keys() {
            assert_eq!(due(&next, name, &NONE), due(&halfway, name, &NONE));
        }
        let aborted = Rollout { state: RolloutState::Aborted { why: String::new() }, ..halfway };
        assert_eq!(beneath(Some(&aborted)), (Some(DeployId(1)), None));
    }

    #[test]
    fn a_stage_goes_on_when_its_time_is_up_and_all_is_well() {
        let (hosts, reports) = mesh();
        let rollout = staged(50, &[100]);
        assert_eq!(step(&rollout, &hosts, &reports, SOAKED - Duration::from_secs(1)), None);
        let next = step(&rollout, &hosts, &reports, SOAKED).unwrap();
        assert_eq!((next.percent, next.steps.len(), &next.state), (100, 0, &RolloutState::Running));
        let last = step(&next, &hosts, &reports, SOAKED).unwrap();
        assert_eq!(last.state, RolloutState::Done);
        assert_eq!(step(&last, &hosts, &reports, SOAKED), None);
        let paused = Rollout { state: RolloutState::Paused, ..rollout };
        assert_eq!(step(&paused, &hosts, &reports, SOAKED), None);
    }

    #[test]
    fn one_failure_in_the_stage_aborts_at_once_and_one_outside_does_not() {
        let (hosts, mut reports) = mesh();
        let rollout = staged(50, &[100]);
        let outside = hosts.keys().find(|name| !reaches(&rollout, name, &NONE)).unwrap();
        reports.get_mut(outside).unwrap().failed = 1;
        assert_eq!(step(&rollout, &hosts, &reports, Duration::ZERO), None);
        reports.get_mut(&first_in(&rollout)).unwrap().failed = 1;
        let next = step(&rollout, &hosts, &reports, Duration::ZERO).unwrap();
        let RolloutState::Aborted { why } = &next.state else { panic!("{next:?}") };
        assert!(why.contains("\"failed == 0\" does not hold at 50 %"), "{why}");
        assert_eq!(due(&next, &first_in(&rollout), &NONE), Some(DeployId(1)));
    }

    #[test]
    fn what_a_host_says_of_another_deploy_does_not_count() {
        let (hosts, mut reports) = mesh();
        let rollout = staged(100, &[]);
        let report = reports.get_mut(&first_in(&rollout)).unwrap();
        *report = HostReport {
            wanted: Some(DeployId(1)),
            deploy: Some(DeployId(1)),
            failed: 3,
            broken: Some("no".to_owned()),
            ..report.clone()
        };
        assert_eq!(step(&rollout, &hosts, &reports, SOAKED), None, "it has not got it yet");
    }

    #[test]
    fn a_host_that_went_away_with_the_deploy_is_waited_for() {
        let (mut hosts, mut reports) = mesh();
        let rollout = staged(100, &[]);
        let name = first_in(&rollout);
        hosts.get_mut(&name).unwrap().alive = false;
        assert_eq!(step(&rollout, &hosts, &reports, SOAKED), None);
        reports.get_mut(&name).unwrap().wanted = Some(DeployId(1));
        assert!(step(&rollout, &hosts, &reports, SOAKED).is_some(), "it went before it got it");
    }

    #[test]
    fn a_host_that_does_not_converge_in_time_trips_a_gate_that_asks_for_it() {
        let (hosts, mut reports) = mesh();
        let rollout = Rollout { gate: Some("converged == hosts".to_owned()), ..staged(100, &[]) };
        let report = reports.get_mut(&first_in(&rollout)).unwrap();
        (report.converged, report.failed) = (false, 1);
        assert_eq!(step(&rollout, &hosts, &reports, Duration::ZERO), None);
        let next = step(&rollout, &hosts, &reports, SOAKED).unwrap();
        assert!(matches!(next.state, RolloutState::Aborted { .. }), "{next:?}");
    }

    #[test]
    fn a_gate_that_cannot_be_read_lets_nothing_through() {
        let (hosts, reports) = mesh();
        let rollout = Rollout { gate: Some("?".to_owned()), ..staged(50, &[100]) };
        let next = step(&rollout, &hosts, &reports, SOAKED).unwrap();
        assert!(matches!(next.state, RolloutState::Aborted { .. }), "{next:?}");
    }
}
