//! The devices that are known to everyone: tables of measurements that come with the program.
//!
//! Their columns are targets, their rows architectures of a shipped space, their cells milliseconds, as
//! `bespoke table measure` writes them; `tables/README.md` beside this crate's sources says what was measured, where
//! and how.

use bespoke_space::Space;

use crate::{BadRows, Network, PredictError, Prior, Source, Table};

/// Spaces with a table, and the table.
const TABLES: [(&str, &str); 7] = [
    ("fbnet", include_str!("../tables/fbnet.csv")),
    (
        "fbnet_imagenet",
        include_str!("../tables/fbnet_imagenet.csv"),
    ),
    ("mnasnet", include_str!("../tables/mnasnet.csv")),
    ("mobile_small", include_str!("../tables/mobile_small.csv")),
    ("nasbench201", include_str!("../tables/nasbench201.csv")),
    (
        "ofa_mobilenetv3",
        include_str!("../tables/ofa_mobilenetv3.csv"),
    ),
    ("proxylessnas", include_str!("../tables/proxylessnas.csv")),
];

/// Networks that targets were measured on, and what each took.
struct Measured {
    networks: Vec<Network>,
    sources: Vec<Source>,
}

// === impl Prior ===

impl Prior {
    /// What the shipped tables teach about the networks of a space as they are deployed: live graphs that end in
    /// probabilities. `pool` holds those that may be measured on a new device. Of a space without a table, this is the
    /// prior without any source.
    ///
    /// # Errors
    /// When the pool is empty and there is no table.
    pub fn shipped(space: &Space, pool: &[&Network]) -> Result<Self, PredictError> {
        let measured = Measured::in_space(space)?;
        let networks: Vec<&Network> = measured
            .networks
            .iter()
            .chain(pool.iter().copied())
            .collect();
        let mut sources = measured.sources;
        for source in &mut sources {
            source.latencies_ms.resize(networks.len(), None);
        }
        Self::fit(&networks, &sources)
    }
}

// === impl Measured ===

impl Measured {
    /// Nothing, where the space has no table or is another than the shipped one of its name.
    fn in_space(space: &Space) -> Result<Self, PredictError> {
        let nothing = Self {
            networks: Vec::new(),
            sources: Vec::new(),
        };
        let shipped = TABLES.iter().find(|(name, _)| *name == space.name());
        let table = shipped.and_then(|(name, text)| {
            let file = format!("{name}.csv");
            Table::parse(space, &file, text.as_bytes(), BadRows::Refuse).ok()
        });
        let (Some(table), Some(builtin)) = (table, Space::builtin(space.name())) else {
            return Ok(nothing);
        };
        let mut networks = Vec::with_capacity(table.architectures().len());
        for architecture in table.architectures().iter().flatten() {
            let graph = builtin.lower(architecture)?;
            if networks.is_empty() && graph.hash() != space.lower(architecture)?.hash() {
                return Ok(nothing);
            }
            let deployed = graph.live().with_probabilities();
            let deployed = deployed.expect("networks of shipped spaces tell classes apart");
            networks.push(Network::from(&deployed));
        }
        let source = |name: &str| Source {
            name: name.to_owned(),
            latencies_ms: table
                .latencies_ms(name)
                .map(<[_]>::to_vec)
                .unwrap_or_default(),
        };
        Ok(Self {
            networks,
            sources: table.devices().map(source).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use bespoke_graph::Graph;

    use super::*;
    use crate::{Fitted, Reader, spearman};

    fn deployed(space: &Space, count: usize) -> Vec<Network> {
        let architectures = space.architectures().step_by(15_625 / count);
        let graphs = architectures.map(|a| space.lower(&a).expect("it lowers"));
        let live = graphs.map(|graph| graph.live().with_probabilities());
        let live: Vec<Graph> = live
            .map(|graph| graph.expect("it ends in classes"))
            .collect();
        live.iter().map(Network::from).collect()
    }

    #[test]
    fn every_table_is_of_its_space_and_makes_sources() {
        for (name, _) in TABLES {
            let space = Space::builtin(name).expect("tables are of shipped spaces");
            let measured = Measured::in_space(&space).expect("its networks lower");
            assert!(measured.sources.len() >= 2, "{name}");
            for source in &measured.sources {
                assert_eq!(source.latencies_ms.len(), measured.networks.len(), "{name}");
            }
        }
    }

    #[test]
    fn the_prior_orders_the_networks_of_a_device_that_is_like_the_known_ones() {
        let space = Space::builtin("nasbench201").expect("it comes with the program");
        let networks = deployed(&space, 250);
        let pool: Vec<&Network> = networks.iter().collect();
        let prior = Prior::shipped(&space, &pool).expect("there are networks");
        assert!(prior.sources().contains(&"tract/b1/t1/f32".to_owned()));
        // A device that takes a millisecond for every million operations.
        let ms = |network: &Network| 1.0 + network.flops() as f64 / 1e6;
        let samples: Vec<crate::Sample<'_>> = (prior.plan(&pool, 5, 0).into_iter())
            .map(|index| crate::Sample {
                network: pool[index],
                latency_ms: ms(pool[index]),
            })
            .collect();
        let predictor = prior.adapted(&samples).expect("enough samples");
        let prices = crate::Predictor::predict(&predictor, &pool).expect("the method reads graphs");
        let priced: Vec<f64> = prices.iter().map(|price| price.median_ms.ms()).collect();
        let taken: Vec<f64> = pool.iter().map(|network| ms(network)).collect();
        assert!(spearman(&priced, &taken) > 0.9);
    }

    #[test]
    fn a_space_that_only_bears_a_shipped_name_has_no_sources() {
        let text = Space::builtin_source("nasbench201").expect("it comes with the program");
        let other = text.replacen("resolution = 32", "resolution = 16", 1);
        let space = Space::parse("other.toml", &other).expect("another resolution is possible");
        let mut reader = Reader::live(&space);
        let first = space.architectures().next().expect("it has architectures");
        let network = reader.network(&first).expect("it lowers");
        let prior = Prior::shipped(&space, &[&network]).expect("there is a network");
        assert!(prior.sources().is_empty());
    }
}
