use bespoke_device::{Machine, RuntimeInfo};
use bespoke_graph::Graph;
use bespoke_measure::{Environment, Protocol, Verdict};

use super::*;

const TIMEOUT: Duration = Duration::from_secs(10);

fn agent(name: &str, cpu_model: &str) -> AgentInfo {
    let machine = Machine {
        architecture: "x86_64".to_owned(),
        os: "linux".to_owned(),
        cpu_model: cpu_model.to_owned(),
        logical_cores: 4,
        memory_bytes: 1 << 30,
    };
    let runtime = RuntimeInfo {
        name: "tract".to_owned(),
        version: "1".to_owned(),
    };
    AgentInfo {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        machine,
        runtimes: vec![runtime],
    }
}

fn target() -> TargetSpec {
    "tract/b1/t1/f32".parse().expect("a target")
}

/// An order of a network with so many inputs, for machines of that model.
fn order(inputs: usize, cpu_model: &str) -> Order {
    let (builder, input) = Graph::builder(&[inputs]);
    let graph = builder.finish(input).expect("an input is a graph").hash();
    let fingerprint = fingerprints(&agent("any", cpu_model), &target())
        .next()
        .expect("one");
    Order {
        graph,
        target: target(),
        fingerprint,
        protocol: Protocol::default(),
        onnx: vec![1],
        needs_energy: false,
    }
}

fn measurement() -> Progress {
    Progress::Measured(Box::new(Measurement::new(
        Protocol::default(),
        Environment::default(),
        Verdict::TimedOut,
    )))
}

/// A fleet with agents a and b of one model, and the time.
fn fleet() -> (Fleet, Instant) {
    let (mut fleet, now) = (Fleet::new("1.0.0", TIMEOUT, 100), Instant::now());
    fleet.register(agent("a", "x"), now).expect("same version");
    fleet.register(agent("b", "x"), now).expect("same version");
    (fleet, now)
}

fn lease(fleet: &mut Fleet, name: &str, now: Instant) -> (LeaseId, Order) {
    let mut leased = fleet.lease(name, 1, now).expect("it is registered");
    leased.pop().expect("there is work")
}

#[test]
fn expired_lease_is_reassigned_and_its_late_report_refused() {
    let (mut fleet, now) = fleet();
    let progress = fleet.order(order(1, "x"));
    let (first, _) = lease(&mut fleet, "a", now);
    assert_eq!(
        *progress.borrow(),
        Progress::Leased {
            agent: "a".to_owned()
        }
    );
    assert_eq!(fleet.lease("b", 1, now).expect("registered"), []);
    assert!(!fleet.expire(now + TIMEOUT / 2));

    let later = now + TIMEOUT;
    assert!(fleet.expire(later));
    assert_eq!(*progress.borrow(), Progress::Queued);
    let (second, _) = lease(&mut fleet, "b", later);
    assert!(second > first);
    let refused = FleetError::LeaseEnded {
        lease: first,
        agent: "a".to_owned(),
    };
    assert_eq!(fleet.reported("a", first, later), Err(refused.clone()));
    assert_eq!(fleet.heartbeat("a", first, later), Err(refused.clone()));
    assert_eq!(fleet.finish("a", first, measurement(), later), Err(refused));
    fleet
        .finish("b", second, measurement(), later)
        .expect("the lease is held");
    assert_eq!(*progress.borrow(), measurement());
}

#[test]
fn report_is_refused_once_the_time_is_up_even_if_nobody_has_noticed() {
    let (mut fleet, now) = fleet();
    let _progress = fleet.order(order(1, "x"));
    let (id, _) = lease(&mut fleet, "a", now);
    assert!(fleet.reported("a", id, now + TIMEOUT).is_err());
    assert!(
        fleet.reported("b", id, now).is_err(),
        "the lease is another agent's"
    );
}

#[test]
fn heartbeat_extends_a_lease() {
    let (mut fleet, now) = fleet();
    let _progress = fleet.order(order(1, "x"));
    let (id, _) = lease(&mut fleet, "a", now);
    let later = now + TIMEOUT / 2;
    fleet.heartbeat("a", id, later).expect("the lease is held");
    assert_eq!(fleet.next_end(), Some(later + TIMEOUT));
    assert!(!fleet.expire(now + TIMEOUT));
    assert!(fleet.reported("a", id, now + TIMEOUT).is_ok());
}

#[test]
fn lost_work_goes_to_the_head_of_the_queue() {
    let (mut fleet, now) = fleet();
    let watched: Vec<_> = (1..4)
        .map(|inputs| fleet.order(order(inputs, "x")))
        .collect();
    let (_, first) = lease(&mut fleet, "a", now);
    let (_, second) = lease(&mut fleet, "b", now);
    assert_eq!((first, second), (order(1, "x"), order(2, "x")));
    fleet.expire(now + TIMEOUT);
    for inputs in 1..4 {
        assert_eq!(lease(&mut fleet, "a", now + TIMEOUT).1, order(inputs, "x"));
    }
    assert_eq!(watched.len(), 3);
}

#[test]
fn work_that_is_lost_three_times_fails_with_the_agents_that_lost_it() {
    let (mut fleet, mut now) = fleet();
    let progress = fleet.order(order(1, "x"));
    for name in ["a", "b", "a"] {
        lease(&mut fleet, name, now);
        now += TIMEOUT;
        fleet.expire(now);
    }
    let Progress::Failed(error) = progress.borrow().clone() else {
        panic!("{progress:?}")
    };
    assert_eq!(
        error.to_string(),
        "the measurement was lost 3 times: the agents that took it fell silent (a, b, a)"
    );
    assert_eq!(fleet.lease("b", 1, now).expect("registered"), []);
}

#[test]
fn same_order_is_joined_and_both_hear_of_the_outcome() {
    let (mut fleet, now) = fleet();
    let first = fleet.order(order(1, "x"));
    let (id, _) = lease(&mut fleet, "a", now);
    let second = fleet.order(order(1, "x"));
    assert_eq!(fleet.lease("b", 1, now).expect("registered"), []);
    fleet
        .finish("a", id, measurement(), now)
        .expect("the lease is held");
    assert_eq!(*first.borrow(), measurement());
    assert_eq!(*second.borrow(), measurement());
}

#[test]
fn another_protocol_or_machine_is_another_order() {
    let base = order(1, "x");
    let protocol = Protocol {
        min_samples: 99,
        ..Protocol::default()
    };
    assert_ne!(
        base.key(),
        Order {
            protocol,
            ..base.clone()
        }
        .key()
    );
    assert_ne!(base.key(), order(1, "y").key());
    assert_ne!(base.key(), order(2, "x").key());
}

#[test]
fn work_goes_only_to_agents_whose_target_has_the_fingerprint() {
    let (mut fleet, now) = fleet();
    fleet.register(agent("c", "y"), now).expect("same version");
    let _progress = fleet.order(order(1, "y"));
    assert!(fleet.serves(&target(), &order(1, "y").fingerprint));
    assert!(!fleet.serves(&target(), &order(1, "z").fingerprint));
    assert_eq!(fleet.lease("a", 1, now).expect("registered"), []);
    assert_eq!(lease(&mut fleet, "c", now).1, order(1, "y"));
}

#[test]
fn first_agent_to_register_decides_what_a_target_is() {
    let (mut fleet, now) = (Fleet::new("1.0.0", TIMEOUT, 0), Instant::now());
    assert_eq!(fleet.offer(&target()), None);
    fleet
        .register(agent("z", "first"), now)
        .expect("same version");
    fleet
        .register(agent("a", "second"), now)
        .expect("same version");
    assert_eq!(fleet.offer(&target()), Some(order(1, "first").fingerprint));
    assert_eq!(
        fleet.offer(&"flex/b1/t1/f32".parse().expect("a target")),
        None
    );
}

#[test]
fn agent_that_registers_again_loses_its_lease() {
    let (mut fleet, now) = fleet();
    let progress = fleet.order(order(1, "x"));
    let (id, _) = lease(&mut fleet, "a", now);
    fleet.register(agent("a", "x"), now).expect("same version");
    assert_eq!(*progress.borrow(), Progress::Queued);
    assert!(fleet.reported("a", id, now).is_err());
    assert!(lease(&mut fleet, "b", now).0 > id);
}

#[test]
fn agent_that_leaves_gives_its_work_back() {
    let (mut fleet, now) = fleet();
    let progress = fleet.order(order(1, "x"));
    for _ in 0..MOST_LOSSES {
        fleet.register(agent("c", "x"), now).expect("same version");
        lease(&mut fleet, "c", now);
        fleet.deregister("c");
    }
    assert_eq!(*progress.borrow(), Progress::Queued);
    assert_eq!(
        fleet.lease("c", 1, now),
        Err(FleetError::UnknownAgent {
            name: "c".to_owned()
        })
    );
    lease(&mut fleet, "b", now);
}

#[test]
fn work_for_one_target_is_lent_together_and_shared_among_agents() {
    let (mut fleet, now) = fleet();
    fleet.register(agent("c", "y"), now).expect("same version");
    let _progress: Vec<_> = (1..=5)
        .map(|inputs| fleet.order(order(inputs, "x")))
        .collect();
    let _other = fleet.order(order(1, "y"));
    let numbers =
        |leased: &[(LeaseId, Order)]| leased.iter().map(|(id, _)| id.0).collect::<Vec<_>>();
    let first = fleet.lease("a", 8, now).expect("registered");
    assert_eq!(numbers(&first), [101, 102, 103], "half of five, rounded up");
    let second = fleet.lease("b", 8, now).expect("registered");
    assert_eq!(numbers(&second), [104]);
    assert_eq!(fleet.lease("b", 8, now).expect("registered").len(), 1);
    assert_eq!(fleet.lease("b", 8, now).expect("registered"), []);
    assert_eq!(fleet.lease("c", 8, now).expect("registered").len(), 1);
    // Each lease ends by itself.
    fleet
        .finish("a", LeaseId(102), measurement(), now)
        .expect("it is held");
    fleet.heartbeat("a", LeaseId(103), now).expect("it is held");
    let late = fleet.heartbeat("a", LeaseId(102), now);
    assert!(
        matches!(late, Err(FleetError::LeaseEnded { .. })),
        "{late:?}"
    );
}

#[test]
fn an_agent_that_asks_for_little_gets_no_more() {
    let (mut fleet, now) = fleet();
    let _progress: Vec<_> = (1..=8)
        .map(|inputs| fleet.order(order(inputs, "x")))
        .collect();
    assert_eq!(fleet.lease("a", 2, now).expect("registered").len(), 2);
    assert_eq!(fleet.lease("a", 0, now).expect("registered").len(), 1);
}

#[test]
fn silent_agent_is_forgotten() {
    let (mut fleet, now) = fleet();
    let end = fleet.next_end().expect("there are agents");
    assert_eq!(end, now + TIMEOUT + LONGEST_SILENCE);
    fleet.lease("b", 1, end).expect("it is still registered");
    assert!(fleet.expire(end));
    assert!(fleet.agents().map(|agent| &*agent.name).eq(["b"]));
}

#[test]
fn agent_of_another_version_is_refused_with_both() {
    let mut fleet = Fleet::new("0.2.0", TIMEOUT, 0);
    let old = AgentInfo {
        version: "0.1.0".to_owned(),
        ..agent("a", "x")
    };
    let error = fleet
        .register(old, Instant::now())
        .expect_err("another version");
    assert_eq!(
        error.to_string(),
        "this agent runs bespoke 0.1.0 and the coordinator 0.2.0: install the same version on both"
    );
}

#[test]
fn work_that_nobody_waits_for_is_not_given_out() {
    let (mut fleet, now) = fleet();
    drop(fleet.order(order(1, "x")));
    assert_eq!(fleet.lease("a", 1, now).expect("registered"), []);
    let progress = fleet.order(order(1, "x"));
    lease(&mut fleet, "a", now);
    assert_eq!(
        *progress.borrow(),
        Progress::Leased {
            agent: "a".to_owned()
        }
    );
}
