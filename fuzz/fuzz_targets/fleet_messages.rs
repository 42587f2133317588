//! Every message that an agent accepts from a coordinator, and a coordinator from an agent: domain types or errors that
//! name a field. The first byte chooses the message.
#![no_main]

use std::time::Duration;

use bespoke_device::{AgentInfo, LeaseId, Work};
use bespoke_measure::Measurement;
use bespoke_proto::fleet::v1 as wire;
use libfuzzer_sys::fuzz_target;
use prost::Message;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, message)) = bytes.split_first() else {
        return;
    };
    match choice % 5 {
        0 => read::<wire::Work, Work>(message),
        1 => read::<wire::RegisterResponse, Duration>(message),
        2 => read::<wire::ReportWorkRequest, (String, LeaseId, Measurement)>(message),
        3 => read::<wire::HeartbeatRequest, (String, LeaseId)>(message),
        _ => read::<wire::Agent, AgentInfo>(message),
    }
});

fn read<M: Message + Default, T: TryFrom<M, Error: ToString>>(bytes: &[u8]) {
    if let Some(Err(error)) = M::decode(bytes).ok().map(T::try_from) {
        assert!(error.to_string().contains('`'), "it names no field");
    }
}
