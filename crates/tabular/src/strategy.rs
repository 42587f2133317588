//! Strategies as a command line names them.

use bespoke_search::StrategyConfig;
use serde::Deserialize;
use toml::{Table, Value};

use crate::TabularError;

/// A strategy by name, the default one without a name, with settings: keys and TOML values.
///
/// # Errors
/// When there is no such strategy, it has no such setting, the setting cannot have that value, or the strategy needs more
/// than a table.
pub fn strategy(
    name: Option<&str>,
    settings: &[(String, String)],
) -> Result<StrategyConfig, TabularError> {
    let name = name.unwrap_or_else(|| StrategyConfig::default().name());
    let mut table = Table::new();
    table.insert("name".to_owned(), Value::String(name.to_owned()));
    for (key, text) in settings {
        let value = text.parse::<Value>().map_err(|error| {
            let reason = error.message();
            TabularError::Strategy(format!("`{key}`: `{text}` is no TOML value: {reason}"))
        })?;
        if table.insert(key.clone(), value).is_some() {
            return Err(TabularError::Strategy(format!("`{key}` is set twice")));
        }
    }
    let config = StrategyConfig::deserialize(Value::Table(table));
    let config = config.map_err(|error| TabularError::Strategy(error.message().to_owned()))?;
    config.check_settings()?;
    match config.differentiable() {
        None => Ok(config),
        Some(_) => Err(TabularError::Strategy(format!(
            "`{name}` learns from images, which no table has: a study searches by it"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(settings: &[(&str, &str)]) -> Result<StrategyConfig, String> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let settings: Vec<(String, String)> = settings.iter().map(owned).collect();
        strategy(Some("nsga2"), &settings).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_are_those_of_a_study_file() {
        let text = "{\"name\":\"nsga2\",\"population\":12,\"crossover\":0.5}";
        let written = set(&[("population", "12"), ("crossover", "0.5")]).expect("it has them");
        assert_eq!(written, serde_json::from_str(text).expect("a config"));
        let default = strategy(None, &[]).expect("there is a default");
        assert_eq!(default, StrategyConfig::default());
    }

    #[test]
    fn a_setting_that_cannot_be_is_named() {
        for (settings, reason) in [
            (vec![("population", "1")], "`population` is 1"),
            (vec![("population", "many")], "`many` is no TOML value"),
            (vec![("population", "'a'")], "invalid type: string"),
            (vec![("magic", "3")], "unknown field `magic`"),
            (vec![("name", "'random'")], "`name` is set twice"),
        ] {
            let error = set(&settings).expect_err("refused");
            assert!(
                error.starts_with("strategy") && error.contains(reason),
                "{error}"
            );
        }
        let error = strategy(Some("fbnet"), &[])
            .expect_err("refused")
            .to_string();
        assert!(error.contains("`fbnet` learns from images"), "{error}");
        let error = strategy(Some("magic"), &[])
            .expect_err("refused")
            .to_string();
        assert!(
            error.contains("`magic`") && error.contains("`random`"),
            "{error}"
        );
    }
}
