//! A coordinator and agents as a team runs them.

use crate::{
    program::{Background, Process, Room},
    search::study,
};

fn serve(room: &Room) -> (Background, String) {
    let mut coordinator = room.start(&["serve", "--listen", "127.0.0.1:0", "--lease-timeout", "2"]);
    let line = coordinator
        .wait_for("listens on")
        .expect("it says where it listens");
    let url = line
        .rsplit(' ')
        .next()
        .expect("the address is last")
        .to_owned();
    (coordinator, url)
}

#[test]
fn two_agents_share_the_work_of_a_study() {
    let room = Room::new();
    let (_coordinator, url) = serve(&room);
    let agent =
        |name: &str| room.start(&["agent", "--coordinator", &url, "--name", name, "--verbose"]);
    let (mut left, mut right) = (agent("left"), agent("right"));
    room.file("study.toml", study("shared", "random", 12, ""));
    room.text(&["studies", "submit", "study.toml", "--coordinator", &url]);
    room.text(&["studies", "watch", "shared", "--coordinator", &url]);
    let front = room.json(&["front", "shared", "--coordinator", &url, "--json"]);
    assert!(front.as_array().is_some_and(|front| !front.is_empty()));
    for agent in [&mut left, &mut right] {
        assert!(
            agent.wait_for("measuring on").is_some(),
            "each agent has measured something"
        );
    }
}

#[test]
fn an_agent_that_dies_costs_no_trial() {
    let room = Room::new();
    let (_coordinator, url) = serve(&room);
    room.file("study.toml", study("orphan", "random", 2, ""));
    let mut first = room.start(&[
        "agent",
        "--coordinator",
        &url,
        "--name",
        "first",
        "--verbose",
    ]);
    room.text(&["studies", "submit", "study.toml", "--coordinator", &url]);
    first.wait_for("measuring on").expect("it takes work");
    first.kill();
    let _second = room.start(&["agent", "--coordinator", &url, "--name", "second"]);
    room.text(&["studies", "watch", "orphan", "--coordinator", &url]);
    let study = room.json(&["studies", "show", "orphan", "--coordinator", &url, "--json"]);
    let trials = study["trials"].as_array().expect("an array");
    assert_eq!(trials.len(), 2);
    for trial in trials {
        let reason = trial["reason"].as_str().unwrap_or_default();
        assert!(
            !reason.contains("lease") && !reason.contains("agent"),
            "{trial}"
        );
    }
}

#[test]
fn an_agent_that_is_asked_to_stop_finishes_its_measurement() {
    let room = Room::new();
    let (_coordinator, url) = serve(&room);
    room.file("study.toml", study("drained", "random", 12, ""));
    let mut agent = room.start(&["agent", "--coordinator", &url, "--verbose"]);
    room.text(&["studies", "submit", "study.toml", "--coordinator", &url]);
    let begun = agent.wait_for("measuring on").expect("it takes work");
    agent.terminate();
    agent.wait_for("asked to stop").expect("it hears");
    let lease = begun.find("lease ").map(|at| &begun[at..]);
    let lease = lease.and_then(|text| text.split(':').next());
    let lease = format!("{}: ", lease.expect("the line names its lease"));
    let reported = agent.wait_for(&lease).expect("it finishes what it began");
    assert!(!reported.contains("dropped"), "{reported}");
    agent.wait_for("deregistered").expect("it says goodbye");
    assert_eq!(agent.status(), Some(0));
}

/// An agent that measures a network for minutes, the child it measures in, and whoever waits for the measurement.
fn at_work(room: &Room, url: &str) -> (Background, Process, Background) {
    let mut agent = room.start(&["agent", "--coordinator", url, "--verbose"]);
    agent
        .wait_for("registered")
        .expect("it finds its coordinator");
    let architecture = room.text(&["space", "sample", "fbnet"]);
    let network = ["--space", "fbnet", "--architecture", architecture.trim()];
    let slow = ["--batch", "64", "--budget", "3600", "--coordinator", url];
    let asking = room.start(&[&["measure"][..], &network, &slow].concat());
    agent.wait_for("measuring on").expect("it takes work");
    let child = loop {
        match Process::child_of(agent.id()) {
            Some(child) if child.is_contained() => break child,
            _ => std::thread::yield_now(),
        }
    };
    (agent, child, asking)
}

#[test]
fn an_agent_that_is_asked_twice_to_stop_ends_at_once_with_its_child() {
    let room = Room::new();
    let (_coordinator, url) = serve(&room);
    let (mut agent, child, _asking) = at_work(&room, &url);
    agent.terminate();
    agent.wait_for("asked to stop").expect("it hears");
    agent.terminate();
    assert_eq!(agent.status(), Some(143));
    child.wait_for_its_end();
}

#[test]
fn a_child_does_not_outlive_an_agent_that_is_killed() {
    let room = Room::new();
    let (_coordinator, url) = serve(&room);
    let (mut agent, child, _asking) = at_work(&room, &url);
    agent.kill();
    child.wait_for_its_end();
}

#[test]
fn a_port_in_use_is_a_sentence() {
    let room = Room::new();
    let (_coordinator, url) = serve(&room);
    let other = Room::new();
    let error = other.error(&["serve", "--listen", url.trim_start_matches("http://")]);
    assert!(
        error.contains("cannot listen on") && error.contains("--listen"),
        "{error}"
    );
}

#[test]
fn a_data_folder_in_use_is_a_sentence() {
    let room = Room::new();
    let (_coordinator, _url) = serve(&room);
    let error = room.error(&["studies", "list"]);
    assert!(error.contains("in use"), "{error}");
}

#[test]
fn a_coordinator_learns_a_board_and_prices_its_networks() {
    let room = Room::new();
    let (_coordinator, url) = serve(&room);
    let at = |command: &'static str| ["predictor", command, "--coordinator", &url];
    let target = ["--target", "flex/b1/t1/f32"];
    let drawn = room.text(&["space", "sample", "tiny.toml", "--count", "1"]);
    let price = [&at("price")[..], &target, &["--json", drawn.trim()]].concat();
    let error = room.error(&price);
    let command = format!("`bespoke predictor adapt --coordinator {url} ");
    assert!(error.contains(&command), "{error}");

    let mut agent = room.start(&["agent", "--coordinator", &url, "--name", "a", "--verbose"]);
    agent
        .wait_for("registered")
        .expect("it finds its coordinator");
    let adapt = [
        &at("adapt")[..],
        &target,
        &["--space", "tiny.toml", "--samples", "3"],
    ]
    .concat();
    room.text(&adapt);
    room.text(&adapt);
    let listed = room.json(&[&at("list")[..], &["--json"]].concat());
    let versions: Vec<u64> = listed
        .as_array()
        .expect("an array")
        .iter()
        .filter_map(|info| info["version"].as_u64())
        .collect();
    assert_eq!(versions, [1, 2]);
    let known = room.json(&[&at("describe")[..], &target, &["--json"]].concat());
    assert_eq!(known, listed);
    let sample = &known[1]["samples"][0];
    let measured = sample["architecture"].as_str().expect("a string");
    let fingerprint = known[0]["fingerprint"].as_str().expect("a string");
    let by_fingerprint = ["--target", fingerprint, "--json", measured, drawn.trim()];
    let prices = room.json(&[&at("price")[..], &by_fingerprint].concat());
    assert_eq!(prices[0]["source"], "measured");
    assert_eq!(prices[0]["latency_ms"], sample["latency_ms"]);
    assert!(prices[1]["latency_ms"].as_f64().is_some_and(|ms| ms > 0.0));
    assert_eq!(room.json(&price)[0], prices[1]);
}
