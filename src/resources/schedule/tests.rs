//! Candidacies, in a store that is one map.

use std::collections::BTreeMap;

use super::*;
use crate::engine::Value;
use crate::engine::world::{Follow, Followed, HostName, Schedule, Seen, WorldError, follow};
use crate::resources::testing::{Bench, Given, PartWorld, Subject, refused};

#[derive(Debug, Default)]
struct Pool(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    standing: BTreeMap<String, Candidacy>,
    chosen: Vec<Followed<Arc<[HostName]>>>,
    is_away: bool,
    /// How often this host stood.
    stood: usize,
}

/// Ends a candidacy that does not persist.
struct Ends(Arc<Mutex<Inner>>, String);

impl Drop for Ends {
    fn drop(&mut self) {
        let mut inner = self.0.lock().unwrap();
        if inner.standing.get(&self.1).is_some_and(|candidacy| !candidacy.persist) {
            inner.standing.remove(&self.1);
        }
    }
}

impl Pool {
    fn standing(&self) -> Vec<String> {
        self.0.lock().unwrap().standing.keys().cloned().collect()
    }

    fn lose(&self) {
        self.0.lock().unwrap().standing.clear();
    }

    fn answer(&self) -> Result<std::sync::MutexGuard<'_, Inner>, WorldError> {
        let inner = self.0.lock().unwrap();
        match inner.is_away {
            true => Err(WorldError::Away { operation: "stand", away: Duration::from_secs(3) }),
            false => Ok(inner),
        }
    }

    fn choose(&self, seen: &Seen<Arc<[HostName]>>) {
        self.0.lock().unwrap().chosen.iter().for_each(|told| told.tell(seen.clone()));
    }
}

#[async_trait]
impl Schedule for Pool {
    async fn stand(
        &self,
        namespace: &str,
        candidacy: &Candidacy,
        _: Deadline,
    ) -> Result<Box<dyn Any + Send + Sync>, WorldError> {
        let mut inner = self.answer()?;
        inner.stood += 1;
        inner.standing.insert(namespace.to_owned(), candidacy.clone());
        Ok(Box::new(Ends(self.0.clone(), namespace.to_owned())))
    }

    async fn withdraw(&self, namespace: &str, _: Deadline) -> Result<(), WorldError> {
        self.answer()?.standing.remove(namespace);
        Ok(())
    }

    async fn standing(&self, namespace: &str, _: Deadline) -> Result<Option<Candidacy>, WorldError> {
        Ok(self.answer()?.standing.get(namespace).cloned())
    }

    fn chosen(&self, _: &str) -> Follow<Arc<[HostName]>> {
        let (tell, told) = follow();
        tell.tell(Seen::fresh(Arc::from([])));
        self.0.lock().unwrap().chosen.push(tell);
        told
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(15)
    }
}

struct Scene {
    pool: Arc<Pool>,
    bench: Bench,
}

impl Scene {
    fn new() -> Self {
        let pool = Arc::new(Pool::default());
        let world = PartWorld { schedule: Some(pool.clone()), ..PartWorld::of("me") };
        Self { pool, bench: Bench::in_world(Arc::new(world)) }
    }

    fn schedule(&self, params: Given<'_>) -> Subject {
        self.bench.build(&ScheduleKind::new(), "backup", params)
    }
}

const YES: Value = Value::Bool(true);

#[tokio::test]
async fn a_host_stands_as_long_as_the_resource_is_there() {
    let scene = Scene::new();
    let subject = scene.schedule(&[]);
    assert_eq!(subject.noop().await.shown(), ["candidacy: absent -> rr, max 1, ttl 10 s"]);
    assert!(scene.pool.standing().is_empty());
    subject.repair().await;
    assert_eq!(scene.pool.standing(), ["backup"]);
    assert!(subject.resource.leave(&subject.cx()).is_none(), "it ends by being dropped");
    drop(subject);
    assert!(scene.pool.standing().is_empty());
}

#[tokio::test]
async fn a_candidacy_that_was_lost_is_taken_up_again() {
    let scene = Scene::new();
    let subject = scene.schedule(&[("namespace", Value::str("ns")), ("max", Value::Int(3))]);
    subject.repair().await;
    scene.pool.lose();
    assert_eq!(subject.repair().await.shown(), ["candidacy: absent -> rr, max 3, ttl 10 s"]);
    assert_eq!((scene.pool.standing(), scene.pool.0.lock().unwrap().stood), (vec!["ns".to_owned()], 2));
}

#[tokio::test]
async fn what_an_earlier_run_left_is_held_anew() {
    let scene = Scene::new();
    let params = [("persist", YES), ("strategy", Value::str("alpha"))];
    scene.schedule(&params).repair().await;
    assert_eq!(scene.pool.standing(), ["backup"], "the agent has ended, and it persists");
    let ran = scene.schedule(&params).repair().await;
    assert_eq!(ran.shown(), ["candidacy: of an earlier run -> alpha, max 1, ttl 10 s, persists"]);
}

#[tokio::test]
async fn what_persists_is_withdrawn_when_it_leaves_the_graph_and_on_demand() {
    let scene = Scene::new();
    let subject = scene.schedule(&[("persist", YES)]);
    subject.repair().await;
    subject.resource.leave(&subject.cx()).expect("there is something to do").await;
    assert!(scene.pool.standing().is_empty());
    scene.schedule(&[("persist", YES)]).repair().await;
    scene.schedule(&[("withdraw", YES)]).repair().await;
    assert!(scene.pool.standing().is_empty());
}

#[tokio::test]
async fn while_the_store_is_away_it_fails_for_now_and_its_return_wakes() {
    let scene = Scene::new();
    let subject = scene.schedule(&[]);
    let mut wakes = subject.resource.watch(&subject.cx()).await.unwrap().stream.unwrap();
    scene.pool.0.lock().unwrap().is_away = true;
    let error = subject.try_run(subject.cx()).await.expect_err("nobody can stand");
    assert_eq!(error.class(), crate::engine::Class::Transient);
    scene.pool.0.lock().unwrap().is_away = false;
    scene.pool.choose(&Seen::fresh(Arc::from(["me".parse().unwrap()])));
    wakes.next().await.unwrap().unwrap();
    subject.repair().await;
}

#[tokio::test]
async fn a_plan_without_a_mesh_says_that_the_candidacy_is_unknown() {
    let subject = Bench::new().build(&ScheduleKind::new(), "backup", &[("strategy", Value::str("load"))]);
    assert_eq!(subject.noop().await.shown(), ["candidacy: unknown -> load, max 1, ttl 10 s"]);
}

#[test]
fn what_makes_no_sense_is_refused_with_hints() {
    let kind = ScheduleKind::new();
    let params = [("strategy", Value::str("alfa")), ("max", Value::Int(0)), ("ttl", Value::Int(0))];
    let errors = refused(&kind, "s", &params);
    let params: Vec<_> = errors.iter().map(|error| error.param.unwrap()).collect();
    assert_eq!(params, ["strategy", "max", "ttl"]);
    assert_eq!(errors[0].hint.as_deref(), Some("did you mean \"alpha\"?"));
}
