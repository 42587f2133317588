//! `bespoke device`: this machine as a device to measure on, and what is known of others.

use std::{fmt::Write, path::Path, process::ExitCode};

use anyhow::Context;
use bespoke_agent::{Finding, Inspection};
use bespoke_device::Profile;

use super::{block_on, print, print_json};
use crate::arguments::Device;

/// Prints what is asked for.
pub fn run(device: &Device) -> anyhow::Result<ExitCode> {
    match device {
        Device::Inspect { json } => inspect(*json)?,
        Device::List { json } => list(*json)?,
        Device::Show { device, json } => show(device, *json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn inspect(json: bool) -> anyhow::Result<()> {
    let inspection = block_on(async { Ok(Inspection::of_this_machine().await) })?;
    match json {
        true => print_json(&serde_json::to_value(&inspection)?),
        false => print(&report(&inspection)?),
    }
}

fn list(json: bool) -> anyhow::Result<()> {
    let profiles = Profile::shipped();
    if json {
        return print_json(&serde_json::to_value(&profiles)?);
    }
    let lines = profiles.iter().map(|profile| {
        let cpu = profile.cpu.as_deref().unwrap_or("any CPU");
        format!("{:<20} {:<8} {cpu}\n", profile.name, profile.architecture)
    });
    print(&lines.collect::<String>())
}

fn show(device: &str, json: bool) -> anyhow::Result<()> {
    let profile = profile(device)?;
    let value = serde_json::to_value(&profile)?;
    if json {
        return print_json(&value);
    }
    let known = value.as_object().into_iter().flatten();
    let lines = known
        .filter(|(_, fact)| !fact.is_null())
        .map(|(key, fact)| {
            let text = fact
                .as_str()
                .map_or_else(|| fact.to_string(), str::to_owned);
            format!("{key:<15} {text}\n")
        });
    print(&lines.collect::<String>())
}

/// A shipped profile, or that of a file.
fn profile(device: &str) -> anyhow::Result<Profile> {
    let shipped = Profile::shipped().into_iter();
    if let Some(profile) = shipped.clone().find(|profile| profile.name == device) {
        return Ok(profile);
    }
    if !Path::new(device).exists() {
        let names: Vec<String> = shipped.map(|profile| profile.name).collect();
        anyhow::bail!(
            "`{device}` is no file and no device that is shipped; there are {}",
            names.join(", ")
        );
    }
    let text = std::fs::read_to_string(device).with_context(|| format!("cannot read {device}"))?;
    Ok(Profile::parse(device, &text)?)
}

/// The inspection as a page of text.
fn report(inspection: &Inspection) -> Result<String, std::fmt::Error> {
    let mut page = String::from("This machine\n");
    for (name, fact) in &inspection.facts {
        writeln!(page, "  {name:<30} {fact}")?;
    }
    writeln!(page, "\nRuntimes")?;
    for runtime in &inspection.runtimes {
        let found = runtime.version.as_deref().or(runtime.missing.as_deref());
        writeln!(
            page,
            "  {:<30} {}",
            runtime.name,
            found.unwrap_or("missing")
        )?;
    }
    writeln!(page, "\nEnergy")?;
    let counters = inspection.energy.counters.as_deref().unwrap_or("none");
    writeln!(page, "  {:<30} {counters}", "counters")?;
    if let Some(missing) = &inspection.energy.missing {
        write_finding(&mut page, missing)?;
    }
    match inspection.findings.len() {
        0 => writeln!(
            page,
            "\nNothing was found that will make measurements noisy."
        )?,
        count => writeln!(
            page,
            "\n{count} things will make measurements noisy, the worst first"
        )?,
    }
    for finding in &inspection.findings {
        write_finding(&mut page, finding)?;
    }
    Ok(page)
}

fn write_finding(page: &mut String, finding: &Finding) -> std::fmt::Result {
    let Finding {
        finding,
        effect,
        remedy,
    } = finding;
    writeln!(
        page,
        "  - {finding}\n    effect: {effect}\n    remedy: {remedy}"
    )
}
