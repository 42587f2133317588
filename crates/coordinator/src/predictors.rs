//! Predictors of latency: adapted by measuring, kept, and built again when prices are asked for.

mod adapt;
mod built;
mod pool;
mod price;

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard},
    time::SystemTime,
};

use bespoke_device::TargetFingerprint;
use bespoke_space::Space;
use bespoke_store::{Store, StoredPredictor};
use bespoke_study::{PredictorInfo, Source, SpaceId, SpaceSource};

pub(crate) use self::{adapt::Adaptation, pool::network};
pub use self::{built::BuiltPredictor, pool::Pool};
use crate::{CoordinatorError, dispatch::Dispatch};

/// The predictors of all targets.
pub struct Predictors {
    store: Arc<dyn Store>,
    dispatch: Arc<Dispatch>,
    built: Mutex<HashMap<(TargetFingerprint, NonZeroU32), Arc<BuiltPredictor>>>,
    /// Held while a version is given, so that it is given once.
    keeping: Mutex<()>,
}

// === impl Predictors ===

impl Predictors {
    /// The predictors that a store keeps; new ones learn from what the dispatch has measured.
    pub fn new(store: Arc<dyn Store>, dispatch: Arc<Dispatch>) -> Self {
        let (built, keeping) = (Mutex::default(), Mutex::default());
        Self {
            store,
            dispatch,
            built,
            keeping,
        }
    }

    /// All versions of a target's predictor, the latest last.
    ///
    /// # Errors
    /// When there is none, or one cannot be read.
    pub fn describe(
        &self,
        target: &TargetFingerprint,
    ) -> Result<Vec<PredictorInfo>, CoordinatorError> {
        let versions = self.versions(target)?.into_iter();
        let infos = versions.map(|version| self.info(target, version));
        let infos: Vec<PredictorInfo> = infos.collect::<Result<_, _>>()?;
        if infos.is_empty() {
            return Err(CoordinatorError::NoPredictor { target: *target });
        }
        Ok(infos)
    }

    /// All versions of all predictors, by target and version.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn list(&self) -> Result<Vec<PredictorInfo>, CoordinatorError> {
        let all = self.store.predictors()?;
        all.iter()
            .map(|(target, version)| self.info(target, *version))
            .collect()
    }

    /// The latest version that prices a space, given by its file; the latest of all if none is given.
    ///
    /// # Errors
    /// When there is none, all versions are of other spaces, or one cannot be read.
    pub fn latest(
        &self,
        target: &TargetFingerprint,
        space: Option<&Source>,
    ) -> Result<Arc<BuiltPredictor>, CoordinatorError> {
        let mut known = None;
        for version in self.versions(target)?.into_iter().rev() {
            let built = self.version(target, version)?;
            if space.is_none_or(|space| space.text == built.stored.space.text) {
                return Ok(built);
            }
            known = known.or(Some(built));
        }
        Err(match (known, space) {
            (Some(known), Some(space)) => CoordinatorError::OtherSpace {
                target: *target,
                known: known.stored.info.space.clone(),
                asked: id(space)?,
            },
            _ => CoordinatorError::NoPredictor { target: *target },
        })
    }

    /// A version of a target's predictor, ready to price.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn version(
        &self,
        target: &TargetFingerprint,
        version: NonZeroU32,
    ) -> Result<Arc<BuiltPredictor>, CoordinatorError> {
        if let Some(built) = self.cache().get(&(*target, version)) {
            return Ok(built.clone());
        }
        let built = Arc::new(BuiltPredictor::new(self.stored(target, version)?)?);
        self.cache().insert((*target, version), built.clone());
        Ok(built)
    }

    /// Keeps a predictor as the next version of its target's.
    fn keep(&self, mut predictor: StoredPredictor) -> Result<StoredPredictor, CoordinatorError> {
        let _keeping = self.keeping.lock().expect("no holder of the lock panics");
        let latest = self.versions(&predictor.info.fingerprint)?.pop();
        predictor.info.version = match latest {
            None => NonZeroU32::MIN,
            Some(latest) => latest.checked_add(1).expect("there are fewer versions"),
        };
        self.store.put_predictor(&predictor)?;
        Ok(predictor)
    }

    fn versions(&self, target: &TargetFingerprint) -> Result<Vec<NonZeroU32>, CoordinatorError> {
        let all = self.store.predictors()?.into_iter();
        let of_target = all.filter(|(of, _)| of == target);
        Ok(of_target.map(|(_, version)| version).collect())
    }

    fn info(
        &self,
        target: &TargetFingerprint,
        version: NonZeroU32,
    ) -> Result<PredictorInfo, CoordinatorError> {
        Ok(self.stored(target, version)?.info)
    }

    fn stored(
        &self,
        target: &TargetFingerprint,
        version: NonZeroU32,
    ) -> Result<StoredPredictor, CoordinatorError> {
        let stored = self.store.predictor(target, version)?;
        stored.ok_or(CoordinatorError::NoPredictor { target: *target })
    }

    fn cache(
        &self,
    ) -> MutexGuard<'_, HashMap<(TargetFingerprint, NonZeroU32), Arc<BuiltPredictor>>> {
        self.built.lock().expect("no holder of the lock panics")
    }
}

// === spaces ===

/// The file of a space as whoever asks knows it.
///
/// # Errors
/// When it is named and not shipped.
pub(crate) fn source(space: SpaceSource) -> Result<Source, CoordinatorError> {
    let name = match space {
        SpaceSource::File(source) => return Ok(source),
        SpaceSource::Shipped(name) => name,
    };
    match Space::builtin_source(&name) {
        Some(text) => Ok(Source {
            file: format!("{name}.toml"),
            text: text.to_owned(),
        }),
        None => Err(CoordinatorError::NotShipped {
            name,
            known: Space::builtin_names().collect::<Vec<_>>().join(", "),
        }),
    }
}

fn id(space: &Source) -> Result<SpaceId, CoordinatorError> {
    let parsed = Space::parse(&space.file, &space.text)?;
    Ok(SpaceId::of(parsed.name(), &space.text))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a date for people to read, not a duration"
)]
fn now() -> SystemTime {
    SystemTime::now()
}
