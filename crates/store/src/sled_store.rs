//! A store in a folder, on sled.

use std::{
    fs::{self, File, TryLockError},
    io,
    num::NonZeroU32,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
    thread,
    time::Duration,
};

use bespoke_device::TargetFingerprint;
use bespoke_graph::GraphHash;
use bespoke_measure::{Measurement, Protocol};
use bespoke_study::{EarlierStudy, Round, Study, StudyName, Trial};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Store, StoreError, StoredPredictor,
    key::{Key, PREDICTORS, STUDIES},
    predictor::{self, Format, Formatted},
    record::{self, FORMAT},
};

/// Keeps everything in a folder that belongs to one process at a time.
///
/// After an I/O error sled refuses everything, reading too, for as long as the database stays open. So that a disk
/// which was full for a moment does not end a coordinator, the database is then closed, and opened again by the next
/// operation: what had been flushed is still there. As long as the disk is full that fails, and reading with it.
#[derive(Debug)]
pub struct SledStore {
    folder: PathBuf,
    database: RwLock<Database>,
    /// Held as long as the store lives. Sled has a lock of its own, but its threads let go of that some time after
    /// the database was closed, so it cannot tell another process from our own past.
    _lock: File,
}

/// The open database, none after an error.
#[derive(Debug, Default)]
struct Database {
    open: Option<sled::Db>,
    /// How many databases have been opened: tells whoever saw an error whether it was in this one.
    generation: u64,
}

/// The key under which the format of the whole store stands, beside the records.
const FORMAT_KEY: &str = "format";
/// Records are few and small; sled's own default is a gigabyte.
const CACHE_BYTES: u64 = 64 << 20;
/// How often and how long to wait for sled's threads to let go of a database that was just closed.
const LINGER_TRIES: u32 = 300;
const LINGER_PAUSE: Duration = Duration::from_millis(10);

// === impl SledStore ===

impl SledStore {
    /// Opens the store in a folder, which is made if it is not there.
    ///
    /// # Errors
    /// When another process has it open, it cannot be read or written, is damaged, or is from a newer version.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let folder = folder.to_path_buf();
        let lock = lock(&folder)?;
        let mut database = Database::default();
        database.reopen(&folder)?;
        Ok(Self {
            folder,
            database: RwLock::new(database),
            _lock: lock,
        })
    }

    /// Does something with the database; after an error the database is closed.
    fn with<T>(&self, operation: impl Fn(&sled::Db) -> sled::Result<T>) -> Result<T, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = &database.open else {
            drop(database);
            self.ensure_open()?;
            return self.with(operation);
        };
        let result = contained(&self.folder, || operation(open));
        if result.is_err() {
            let generation = database.generation;
            drop(database);
            self.close(generation);
        }
        result
    }

    fn ensure_open(&self) -> Result<(), StoreError> {
        let mut database = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match database.open {
            Some(_) => Ok(()),
            None => database.reopen(&self.folder),
        }
    }

    /// Closes the database unless that has been done, and another has been opened, since.
    fn close(&self, generation: u64) {
        let mut database = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if database.generation == generation {
            database.open = None;
        }
    }

    fn put<T: Serialize + DeserializeOwned>(&self, key: &Key, value: &T) -> Result<(), StoreError> {
        let record = record::encode(key, value)?;
        self.with(|database| {
            database.insert(key.bytes(), record.as_slice())?;
            database.flush().map(|_| ())
        })
    }

    fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, StoreError> {
        let record = self.with(|database| database.get(key.bytes()))?;
        record
            .map(|record| record::decode(key, &record))
            .transpose()
    }

    /// All values whose keys begin so, in the order of the keys.
    fn scan<T: DeserializeOwned>(&self, beginning: &[u8]) -> Result<Vec<(Key, T)>, StoreError> {
        let records: Vec<_> = self.with(|database| database.scan_prefix(beginning).collect())?;
        let decode = |(key, record): (sled::IVec, sled::IVec)| {
            let key = Key::from_bytes(&key);
            let value = record::decode(&key, &record)?;
            Ok((key, value))
        };
        records.into_iter().map(decode).collect()
    }
}

impl Store for SledStore {
    fn put_study(&self, name: &StudyName, study: &Study) -> Result<(), StoreError> {
        self.put(&Key::study(name), study)
    }

    fn study(&self, name: &StudyName) -> Result<Option<Study>, StoreError> {
        self.get(&Key::study(name))
    }

    fn studies(&self) -> Result<Vec<(StudyName, Study)>, StoreError> {
        let named = |(key, study): (Key, Study)| match key.after(STUDIES).map(str::parse) {
            Some(Ok(name)) => Ok((name, study)),
            _ => Err(StoreError::Record {
                key: key.to_string(),
                reason: "its key is no study's name".to_owned(),
            }),
        };
        self.scan(STUDIES.as_bytes())?
            .into_iter()
            .map(named)
            .collect()
    }

    fn remove_study(&self, name: &StudyName) -> Result<(), StoreError> {
        self.with(|database| {
            let mut batch = sled::Batch::default();
            for beginning in [Key::trials(name), Key::rounds(name)] {
                for key in database.scan_prefix(beginning.bytes()).keys() {
                    batch.remove(key?);
                }
            }
            batch.remove(Key::study(name).bytes());
            batch.remove(Key::earlier(name).bytes());
            database.apply_batch(batch)?;
            database.flush().map(|_| ())
        })
    }

    fn put_earlier(&self, study: &StudyName, earlier: &[EarlierStudy]) -> Result<(), StoreError> {
        self.put(&Key::earlier(study), &earlier.to_vec())
    }

    fn earlier(&self, study: &StudyName) -> Result<Vec<EarlierStudy>, StoreError> {
        Ok(self.get(&Key::earlier(study))?.unwrap_or_default())
    }

    fn put_round(&self, study: &StudyName, round: &Round) -> Result<(), StoreError> {
        self.put(&Key::round(study, round.first), round)
    }

    fn rounds(&self, study: &StudyName) -> Result<Vec<Round>, StoreError> {
        let rounds = self.scan(Key::rounds(study).bytes())?;
        Ok(rounds.into_iter().map(|(_, round)| round).collect())
    }

    fn put_trial(&self, study: &StudyName, trial: &Trial) -> Result<(), StoreError> {
        self.put(&Key::trial(study, trial.id()), trial)
    }

    fn trials(&self, study: &StudyName) -> Result<Vec<Trial>, StoreError> {
        let trials = self.scan(Key::trials(study).bytes())?;
        Ok(trials.into_iter().map(|(_, trial)| trial).collect())
    }

    fn put_measurement(
        &self,
        graph: GraphHash,
        target: &TargetFingerprint,
        measurement: &Measurement,
    ) -> Result<(), StoreError> {
        let key = Key::measurement(graph, target, &measurement.protocol);
        self.put(&key, measurement)
    }

    fn measurement(
        &self,
        graph: GraphHash,
        target: &TargetFingerprint,
        protocol: &Protocol,
    ) -> Result<Option<Measurement>, StoreError> {
        self.get(&Key::measurement(graph, target, protocol))
    }

    fn put_predictor(&self, predictor: &StoredPredictor) -> Result<(), StoreError> {
        let key = Key::predictor(&predictor.info.fingerprint, predictor.info.version);
        let formatted = Formatted {
            format: predictor::FORMAT,
            predictor: predictor.clone(),
        };
        self.put(&key, &formatted)
    }

    fn predictor(
        &self,
        target: &TargetFingerprint,
        version: NonZeroU32,
    ) -> Result<Option<StoredPredictor>, StoreError> {
        let key = Key::predictor(target, version);
        let Some(Format { format }) = self.get(&key)? else {
            return Ok(None);
        };
        if format != predictor::FORMAT {
            return Err(StoreError::PredictorFormat {
                key: key.to_string(),
                found: format,
                supported: predictor::FORMAT,
            });
        }
        let formatted: Option<Formatted<_>> = self.get(&key)?;
        Ok(formatted.map(|formatted| formatted.predictor))
    }

    fn predictors(&self) -> Result<Vec<(TargetFingerprint, NonZeroU32)>, StoreError> {
        let keys: Vec<sled::IVec> =
            self.with(|database| database.scan_prefix(PREDICTORS).keys().collect())?;
        let version = |key: &sled::IVec| {
            let key = Key::from_bytes(key);
            key.as_predictor().ok_or_else(|| StoreError::Record {
                key: key.to_string(),
                reason: "its key is no predictor's".to_owned(),
            })
        };
        keys.iter().map(version).collect()
    }
}

// === impl Database ===

impl Database {
    fn reopen(&mut self, folder: &Path) -> Result<(), StoreError> {
        let path = folder.join("sled");
        let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES);
        let database = contained(folder, || open_when_released(&config))?;
        let found = contained(folder, || read_format(&database))?;
        check_format(folder, found.as_deref())?;
        self.open = Some(database);
        self.generation += 1;
        Ok(())
    }
}

/// Takes the folder for this process.
fn lock(folder: &Path) -> Result<File, StoreError> {
    let taken = fs::create_dir_all(folder).and_then(|()| File::create(folder.join("lock")));
    let io = |reason| StoreError::Io {
        folder: folder.to_path_buf(),
        reason,
    };
    let file = taken.map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
            folder: folder.to_path_buf(),
        }),
        Err(TryLockError::Error(reason)) => Err(io(reason)),
    }
}

/// Opens the database. The folder is ours, so whoever still holds sled's lock is a thread of a database that was
/// closed just now.
#[expect(
    clippy::disallowed_methods,
    reason = "sled gives no sign that could be waited for"
)]
fn open_when_released(config: &sled::Config) -> sled::Result<sled::Db> {
    for _ in 0..LINGER_TRIES {
        match config.open() {
            Err(sled::Error::Io(error)) if is_held(&error) => thread::sleep(LINGER_PAUSE),
            other => return other,
        }
    }
    config.open()
}

/// Sled hands errors from its threads on with a text for programmers; their kind says the same in words.
fn readable(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::Other => error,
        kind if error.raw_os_error().is_none() => kind.into(),
        _ => error,
    }
}

/// Sled passes the kind of this error on in its text only.
fn is_held(error: &io::Error) -> bool {
    error.to_string().starts_with("could not acquire lock")
}

/// The store's format, which a new store is given.
fn read_format(database: &sled::Db) -> sled::Result<Option<sled::IVec>> {
    if database.is_empty() {
        database.insert(FORMAT_KEY, FORMAT.to_string().as_bytes())?;
        database.flush()?;
    }
    database.get(FORMAT_KEY)
}

fn check_format(folder: &Path, found: Option<&[u8]>) -> Result<(), StoreError> {
    let number = found.and_then(|bytes| std::str::from_utf8(bytes).ok()?.parse::<u64>().ok());
    let folder = folder.to_path_buf();
    let supported = u64::from(FORMAT);
    match number {
        Some(found) if found > supported => Err(StoreError::Newer {
            folder,
            found,
            supported,
        }),
        Some(_) => Ok(()),
        None => Err(StoreError::Damaged {
            folder,
            reason: "it does not say its format".to_owned(),
        }),
    }
}

/// Runs an operation of sled. On damaged files sled may panic, which must not end the program.
fn contained<T>(
    folder: &Path,
    operation: impl FnOnce() -> sled::Result<T>,
) -> Result<T, StoreError> {
    let folder = folder.to_path_buf();
    match panic::catch_unwind(AssertUnwindSafe(operation)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) => Err(StoreError::Io {
            folder,
            reason: readable(error),
        }),
        Ok(Err(other)) => Err(StoreError::Damaged {
            folder,
            reason: other.to_string(),
        }),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            let reason = text.unwrap_or("its content makes no sense").to_owned();
            Err(StoreError::Damaged { folder, reason })
        }
    }
}

#[cfg(test)]
mod tests;
