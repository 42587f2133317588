//! The state of a supernet, or of a differentiable search, on disk.
//!
//! One line of JSON says what there is, the values follow as 32-bit floats, little-endian. A file is written beside its
//! place and then moved there, so that a kill leaves the state before.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, BufWriter, Read, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

use bespoke_net::{SharedParameter, SharedState};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Supernet, SupernetError, SupernetState};

/// What a file holds beside weights.
pub(crate) struct Kept<T> {
    pub epochs_trained: u32,
    pub weights: SharedState,
    /// What was learned beside the weights.
    pub learned: T,
}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head<T> {
    /// What the state belongs to: see [`save`].
    of: String,
    epochs_trained: u32,
    draws: u64,
    steps: u64,
    parameters: Vec<Entry>,
    learned: T,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    form: String,
    dims: [usize; 4],
    has_velocity: bool,
}

/// Most bytes of the first line.
const MOST_HEAD: u64 = 64 << 20;

/// Writes a supernet's state. `of` tells what it belongs to: all that the training depends on.
///
/// # Errors
/// When the file cannot be written.
pub fn save(supernet: &Supernet, of: &str, path: &Path) -> Result<(), SupernetError> {
    let SupernetState {
        epochs_trained,
        sampler,
        weights,
    } = supernet.state();
    let kept = Kept {
        epochs_trained,
        weights,
        learned: sampler,
    };
    keep(&kept, of, path)
}

/// Goes on with the state at a path: the supernet as it was when [`save`] was called with the same space, data, recipe,
/// sampling and seed. One that is not there, or belongs to something else, leaves the supernet as it is.
///
/// # Errors
/// When the file cannot be read or is damaged.
pub fn load(supernet: &mut Supernet, of: &str, path: &Path) -> Result<(), SupernetError> {
    match kept(of, path)? {
        Some(kept) => supernet.resume(SupernetState {
            epochs_trained: kept.epochs_trained,
            sampler: kept.learned,
            weights: kept.weights,
        }),
        None => Ok(()),
    }
}

/// Writes a state, as [`save`] does.
pub(crate) fn keep<T: Serialize>(
    kept: &Kept<T>,
    of: &str,
    path: &Path,
) -> Result<(), SupernetError> {
    let fault = |error: std::io::Error| SupernetError::File {
        path: path.to_owned(),
        reason: format!("cannot be written: {error}"),
    };
    // An earlier run of the same study may still be writing.
    static WRITING: Mutex<()> = Mutex::new(());
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let beside = path.with_extension("part");
    let mut file = BufWriter::new(File::create(&beside).map_err(fault)?);
    write(&mut file, kept, of).map_err(fault)?;
    let file = file
        .into_inner()
        .map_err(|error| fault(error.into_error()))?;
    file.sync_all().map_err(fault)?;
    fs::rename(&beside, path).map_err(fault)
}

/// Reads a state, if it is there and belongs to what is told, as [`load`] does.
pub(crate) fn kept<T: DeserializeOwned>(
    of: &str,
    path: &Path,
) -> Result<Option<Kept<T>>, SupernetError> {
    let fault = |reason: String| SupernetError::File {
        path: path.to_owned(),
        reason,
    };
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(|error| fault(format!("cannot be read: {error}")))?,
    };
    let mut file = BufReader::new(file);
    let (found, kept) = read(&mut file).map_err(|error| {
        fault(format!(
            "is damaged: {error}; without this file, the training begins anew"
        ))
    })?;
    Ok((found == of).then_some(kept))
}

fn write<T: Serialize>(to: &mut impl Write, kept: &Kept<T>, of: &str) -> std::io::Result<()> {
    let Kept {
        epochs_trained,
        weights,
        learned,
    } = kept;
    let entry = |parameter: &SharedParameter| Entry {
        name: parameter.name.clone(),
        form: parameter.form.clone(),
        dims: parameter.dims,
        has_velocity: parameter.velocity.is_some(),
    };
    let head = Head {
        of: of.to_owned(),
        epochs_trained: *epochs_trained,
        draws: weights.draws,
        steps: weights.steps,
        parameters: weights.parameters.iter().map(entry).collect(),
        learned,
    };
    serde_json::to_writer(&mut *to, &head)?;
    to.write_all(b"\n")?;
    for parameter in &weights.parameters {
        let velocity = parameter.velocity.iter().flatten();
        for value in parameter.values.iter().chain(velocity) {
            to.write_all(&value.to_le_bytes())?;
        }
    }
    Ok(())
}

/// What the state belongs to, and the state.
fn read<T: DeserializeOwned>(from: &mut impl BufRead) -> std::io::Result<(String, Kept<T>)> {
    let mut line = Vec::new();
    from.by_ref().take(MOST_HEAD).read_until(b'\n', &mut line)?;
    let head: Head<T> = serde_json::from_slice(&line)?;
    let mut parameters = Vec::with_capacity(head.parameters.len());
    for entry in head.parameters {
        let elements = entry
            .dims
            .iter()
            .try_fold(1usize, |all, axis| all.checked_mul(*axis));
        let elements = elements.ok_or(std::io::ErrorKind::InvalidData)?;
        parameters.push(SharedParameter {
            values: floats(from, elements)?,
            velocity: match entry.has_velocity {
                true => Some(floats(from, elements)?),
                false => None,
            },
            name: entry.name,
            form: entry.form,
            dims: entry.dims,
        });
    }
    let kept = Kept {
        epochs_trained: head.epochs_trained,
        weights: SharedState {
            draws: head.draws,
            steps: head.steps,
            parameters,
        },
        learned: head.learned,
    };
    Ok((head.of, kept))
}

/// So many floats; a file that ends early is an error before memory is taken for what it lacks.
fn floats(from: &mut impl Read, count: usize) -> std::io::Result<Vec<f32>> {
    let bytes = count as u64 * 4;
    let mut read = Vec::new();
    if from.take(bytes).read_to_end(&mut read)? as u64 != bytes {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let floats = read.chunks_exact(4);
    let floats = floats.map(|four| f32::from_le_bytes(four.try_into().expect("it has four bytes")));
    Ok(floats.collect())
}
