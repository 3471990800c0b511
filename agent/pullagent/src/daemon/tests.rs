//! The loop's own rules, on a node without an API server and with a clock that stands.

use pullagent_diagnosis::case::Case;
use pullagent_diagnosis::pod::{Container, ContainerKind, ContainerState, PullPolicy};

use tokio::sync::watch;

use super::*;
use crate::http::Readiness;
use crate::memory::Memory;
use crate::metrics::{Build, Metrics};
use crate::settings::RegistryCheck;

fn settings(settle: Duration) -> Arc<Settings> {
    let mut settings = Settings::default();
    settings.watch.settle = settle;
    // Nothing of this machine is looked at.
    settings.host_root = "/nonexistent".into();
    Arc::new(settings)
}

fn daemon(settle: Duration) -> Daemon {
    let memory = Memory::default();
    let metrics = Metrics::new(Build { version: "", revision: "" }, memory.clone());
    Daemon::new(
        settings(settle),
        watch::channel(None).1,
        Desk::new().1,
        watch::channel(None).1,
        Served { memory, metrics, readiness: Readiness::default() },
    )
}

/// A pod that has just begun to fail, with an image of its own.
fn failing(name: &str) -> Pod {
    let container = Container {
        name: "app".to_owned(),
        kind: ContainerKind::Regular,
        image: format!("registry.test/{name}:1"),
        policy: PullPolicy::Always,
        state: ContainerState::Waiting { reason: "ErrImagePull".to_owned(), message: String::new() },
    };
    let name = name.to_owned();
    Pod { namespace: "shop".to_owned(), uid: name.clone(), name, containers: vec![container], ..Pod::default() }
}

#[tokio::test(start_paused = true)]
async fn pods_that_go_as_they_settle_leave_no_examination_behind() {
    let mut daemon = daemon(Duration::from_secs(20));
    daemon.changed(PodChange::Restarted(["a", "b", "c"].map(failing).to_vec()));
    tokio::time::advance(Duration::from_secs(21)).await;
    daemon.changed(PodChange::Restarted(Vec::new()));
    while let Some(ended) = daemon.running.join_next_with_id().await {
        daemon.ended(ended);
    }
    assert!(daemon.jobs.is_empty());
    daemon.changed(PodChange::Applied(failing("d")));
    tokio::time::advance(Duration::from_secs(21)).await;
    daemon.take(Input::Tick);
    assert_eq!(daemon.running.len(), 1, "the places of the others are free again");
}

#[tokio::test(start_paused = true)]
async fn new_settings_count_for_what_fails_already() {
    let mut daemon = daemon(Duration::from_hours(1));
    daemon.changed(PodChange::Applied(failing("a")));
    tokio::time::advance(Duration::from_mins(1)).await;
    daemon.take(Input::Tick);
    assert!(daemon.running.is_empty());
    daemon.reloaded(settings(Duration::from_secs(20)));
    daemon.take(Input::Tick);
    assert_eq!(daemon.running.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_loop_wakes_when_something_settles_and_rests_before() {
    let mut daemon = daemon(Duration::from_secs(20));
    let until_wake = |daemon: &Daemon| daemon.wake_at() - Instant::now();
    assert_eq!(until_wake(&daemon), LONGEST);
    daemon.changed(PodChange::Applied(failing("a")));
    assert_eq!(until_wake(&daemon), Duration::from_secs(20));
    // Late, it still does not spin.
    tokio::time::advance(Duration::from_secs(21)).await;
    assert_eq!(until_wake(&daemon), SHORTEST);
}

#[tokio::test(start_paused = true)]
async fn who_asks_has_the_next_place_and_gives_it_back() {
    let mut daemon = daemon(Duration::ZERO);
    let (desk, asks) = Desk::new();
    daemon.asks = asks;
    daemon.changed(PodChange::Restarted(["a", "b", "c"].map(failing).to_vec()));
    assert_eq!(daemon.running.len(), 2);
    let asking = tokio::spawn(async move { desk.ask(&failing("z"), "app", "registry.test/z:1").await });
    daemon.asks.next().await;
    daemon.hear();
    let next = async |daemon: &mut Daemon| {
        let ended = daemon.running.join_next_with_id().await.unwrap();
        daemon.ended(ended);
        daemon.hear();
    };
    next(&mut daemon).await;
    let Ruling::Examine(permit) = asking.await.unwrap() else { panic!("it is held back") };
    assert_eq!(permit.case(&Case::default()).withheld, []);
    next(&mut daemon).await;
    assert_eq!(daemon.running.len(), 2, "`c` has the place that `a` or `b` had");
    drop(permit);
    while !daemon.running.is_empty() {
        next(&mut daemon).await;
    }
    assert!(daemon.jobs.is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_asks_in_vain_hears_that_others_come_first() {
    let (desk, _asks) = Desk::new();
    let Ruling::HeldBack(why) = desk.ask(&failing("z"), "app", "registry.test/z:1").await else { panic!("granted") };
    assert_eq!(why, "the agent was busy with other images for 20 s");
}

/// A pod that has its image.
fn running(name: &str) -> Pod {
    let mut pod = failing(name);
    pod.containers[0].state = ContainerState::Running;
    pod
}

fn names(daemon: &Daemon) -> Vec<(String, bool)> {
    daemon.served.memory.checks().into_iter().map(|check| (check.name, check.configured)).collect()
}

/// The same daemon with checks of these registries.
fn check(daemon: &mut Daemon, registries: &[&str]) {
    let mut settings = Settings::clone(&daemon.settings);
    let registry = |host: &&str| RegistryCheck { host: (*host).to_owned(), every: None };
    settings.checks.registries = registries.iter().map(registry).collect();
    daemon.reloaded(Arc::new(settings));
}

#[tokio::test(start_paused = true)]
async fn what_pods_use_is_checked_and_what_the_settings_name_follows_them() {
    let mut daemon = daemon(Duration::from_secs(20));
    daemon.check();
    daemon.changed(PodChange::Restarted(vec![running("a"), failing("b")]));
    assert_eq!(names(&daemon), []);
    tokio::time::advance(Duration::from_secs(61)).await;
    daemon.check();
    assert_eq!(names(&daemon), [("registry.test".to_owned(), false)]);
    check(&mut daemon, &["r.test", "s.test"]);
    let all = [("r.test".to_owned(), true), ("s.test".to_owned(), true), ("registry.test".to_owned(), false)];
    assert_eq!(names(&daemon), all);
    check(&mut daemon, &["registry.test"]);
    assert_eq!(names(&daemon), [("registry.test".to_owned(), true)]);
}

#[tokio::test(start_paused = true)]
async fn checks_wait_until_pods_leave_them_room_and_end_with_the_loop() {
    let mut daemon = daemon(Duration::from_secs(20));
    check(&mut daemon, &["r.test", "s.test", "t.test"]);
    daemon.changed(PodChange::Restarted(["a", "b"].map(failing).to_vec()));
    tokio::time::advance(Duration::from_mins(1)).await;
    daemon.take(Input::Tick);
    daemon.check();
    assert_eq!((daemon.running.len(), daemon.checking.running()), (2, 0));
    // It neither spins meanwhile nor forgets them.
    assert!(daemon.checking.wake_at(true).is_none());
    while let Some(ended) = daemon.running.join_next_with_id().await {
        daemon.ended(ended);
    }
    daemon.check();
    assert_eq!(daemon.checking.running(), 2);
    for _ in 0..3 {
        let ended = daemon.checking.next().await;
        daemon.checked(ended);
    }
    assert_eq!(daemon.checking.running(), 0);
    assert!(daemon.checking.wake_at(true).is_some_and(|wake| wake > daemon.clock.now()));
}

#[tokio::test(start_paused = true)]
async fn another_configuration_is_checked_soon_and_the_first_one_is_no_other() {
    let mut daemon = daemon(Duration::from_secs(20));
    check(&mut daemon, &["r.test"]);
    tokio::time::advance(Duration::from_mins(1)).await;
    daemon.check();
    let ended = daemon.checking.next().await;
    daemon.checked(ended);
    let in_a_minute = crate::schedule::after(daemon.clock.now(), SignedDuration::from_mins(1));
    for (is_soon, how_often) in [(false, "once"), (true, "again")] {
        daemon.looked();
        let wake = daemon.checking.wake_at(true);
        assert_eq!(wake.is_some_and(|wake| wake <= in_a_minute), is_soon, "{how_often}");
    }
}
