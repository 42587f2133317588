//! What comes over the wire may be damaged or made up: it is a message, or an error that names a field.

use std::time::Duration;

use bespoke_device::{LeaseId, Work};
use bespoke_measure::{Measurement, Protocol};
use bespoke_proto::fleet::v1 as wire;
use prost::Message;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ROUNDS: usize = 5_000;

/// Bytes that are changed, cut out, repeated or cut short, a few at a time.
fn damage(valid: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    let mut below = |end: usize| rng.next_u64() as usize % end.max(1);
    for _ in 0..=below(4) {
        let at = below(bytes.len());
        let end = (at + 1 + below(8)).min(bytes.len());
        match below(5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => bytes[at] ^= 1 << below(8),
            _ => bytes[at] = below(256) as u8,
        }
        if bytes.is_empty() {
            return bytes;
        }
    }
    bytes
}

/// Reads damaged messages; yields how many were no messages, how many were refused and how many were accepted.
fn outcomes<M: Message + Default, T: TryFrom<M, Error: ToString>>(valid: &M) -> [usize; 3] {
    let valid = valid.encode_to_vec();
    let mut rng = ChaCha8Rng::seed_from_u64(41);
    let mut counts = [0; 3];
    for _ in 0..ROUNDS {
        let outcome = match M::decode(&*damage(&valid, &mut rng)) {
            Err(_) => 0,
            Ok(message) => match T::try_from(message) {
                Err(error) => {
                    assert!(error.to_string().contains('`'), "{}", error.to_string());
                    1
                }
                Ok(_) => 2,
            },
        };
        counts[outcome] += 1;
    }
    counts
}

#[test]
fn damaged_registrations_are_refused_by_field_or_read() {
    let answer = wire::RegisterResponse::from(Duration::from_millis(2_500));
    let [broken, refused, read] = outcomes::<_, Duration>(&answer);
    assert!(
        broken > 0 && refused > 0 && read > 0,
        "{broken} {refused} {read}"
    );
}

#[test]
fn damaged_leases_are_refused_by_field_or_read() {
    let work = wire::Work::from(Work {
        lease: LeaseId(7),
        lease_timeout: Duration::from_secs(30),
        target: "tract/b1/t1/f32".parse().expect("it is a target"),
        onnx: vec![8; 20],
        protocol: Protocol::default(),
        seed: 3,
    });
    let counts = outcomes::<_, Work>(&work);
    assert!(
        counts.iter().all(|count| *count > ROUNDS / 100),
        "{counts:?}"
    );
}

#[test]
fn damaged_reports_are_refused_by_field_or_read() {
    let text = r#"{
        "protocol": {}, "environment": {"facts": {"cpu.model": "Cortex-A72"}},
        "verdict": {"verdict": "unstable", "reason": "noise"},
        "samples_ms": [1.5, 2.5], "compile_ms": 80.0, "first_run_ms": 2.0
    }"#;
    let measurement: Measurement = serde_json::from_str(text).expect("it is a record");
    let report = wire::ReportWorkRequest::from(("board".to_owned(), LeaseId(7), measurement));
    let counts = outcomes::<_, (String, LeaseId, Measurement)>(&report);
    assert!(
        counts.iter().all(|count| *count > ROUNDS / 100),
        "{counts:?}"
    );
}
