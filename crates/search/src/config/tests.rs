use super::*;

fn parse(text: &str) -> Result<StrategyConfig, String> {
    toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
}

#[test]
fn settings_left_out_take_the_defaults() {
    assert_eq!(parse("name = 'random'"), Ok(StrategyConfig::Random {}));
    let evolution = RegularizedEvolutionSettings {
        population: 10,
        sample: 8,
    };
    let expected = StrategyConfig::RegularizedEvolution(evolution);
    assert_eq!(
        parse("name = 'regularized_evolution'\npopulation = 10"),
        Ok(expected)
    );
    assert_eq!(parse("name = 'bespoke'"), Ok(StrategyConfig::default()));
    let nsga2 = StrategyConfig::Nsga2(Nsga2Settings::default());
    assert_eq!(parse("name = 'nsga2'"), Ok(nsga2));
}

#[test]
fn a_config_survives_being_written_and_read() {
    let mutating = Nsga2Settings {
        population: 4,
        crossover: 0.5,
        mutation: Some(0.25),
    };
    let evolution = RegularizedEvolutionSettings::default();
    let hard = MnasnetSettings {
        w: [0.0, -1.0],
        ..MnasnetSettings::default()
    };
    let configs = [
        StrategyConfig::Random {},
        StrategyConfig::RegularizedEvolution(evolution),
        StrategyConfig::Nsga2(mutating),
        StrategyConfig::LocalSearch(LocalSearchSettings::default()),
        StrategyConfig::Mnasnet(hard),
        StrategyConfig::OnceForAll(OnceForAllSettings::default()),
        StrategyConfig::Fbnet(FbnetSettings::default()),
        StrategyConfig::Proxylessnas(ProxylessnasSettings::default()),
        StrategyConfig::default(),
    ];
    for config in configs {
        let text = serde_json::to_string(&config).expect("a config has a text");
        assert!(text.contains(&format!(r#""name":"{}""#, config.name())));
        assert_eq!(
            serde_json::from_str::<StrategyConfig>(&text).expect("the text is a config"),
            config
        );
    }
}

#[test]
fn unknown_settings_and_names_are_refused_with_what_is_known() {
    let message = |text| parse(text).expect_err("refused");
    assert_eq!(
        message("name = 'nsga2'\nsample = 3"),
        "unknown field `sample`, expected one of `population`, `crossover`, `mutation`"
    );
    assert_eq!(
        message("name = 'regularized_evolution'\nmutation = 0.1"),
        "unknown field `mutation`, expected `population` or `sample`"
    );
    assert_eq!(
        message("name = 'random'\npopulation = 3"),
        "unknown field `population`, there are no fields"
    );
    assert_eq!(
        message("name = 'magic'"),
        "unknown variant `magic`, expected one of `bespoke`, `random`, `regularized_evolution`, `nsga2`, \
         `local_search`, `mnasnet`, `once_for_all`, `mae_nas`, `fbnet`, `proxylessnas`"
    );
    assert_eq!(
        message("name = 'proxylessnas'\nloss = { sum = { lamda = 0.1 } }"),
        "unknown field `lamda`, expected `lambda`"
    );
    assert_eq!(message("population = 3"), "missing field `name`");
}

#[test]
fn impossible_settings_are_refused_by_name() {
    let refusal = |text| {
        parse(text)
            .expect("well formed")
            .check_settings()
            .expect_err("refused")
            .to_string()
    };
    assert_eq!(
        refusal("name = 'nsga2'\npopulation = 1"),
        "strategy `nsga2`: `population` is 1; a population has at least 2 members"
    );
    assert_eq!(
        refusal("name = 'regularized_evolution'\npopulation = 5\nsample = 6"),
        "strategy `regularized_evolution`: `sample` is 6; a sample has from 1 member to the population's 5"
    );
    assert_eq!(
        refusal("name = 'nsga2'\nmutation = nan"),
        "strategy `nsga2`: `mutation` is NaN; it is a probability above 0 and up to 1"
    );
    assert_eq!(
        refusal("name = 'nsga2'\ncrossover = 1.5"),
        "strategy `nsga2`: `crossover` is 1.5; a probability is from 0 to 1"
    );
    assert_eq!(StrategyConfig::default().check_settings(), Ok(()));
}

#[test]
fn each_setting_is_held_to_its_range() {
    for (settings, key) in [
        ("name = 'local_search'\ninitial = 0", "initial"),
        ("name = 'mnasnet'\nw = [0.1, -1.0]", "w"),
        ("name = 'mnasnet'\nw = [-1.0, nan]", "w"),
        ("name = 'mnasnet'\nlearning_rate = 0", "learning_rate"),
        ("name = 'mnasnet'\nbaseline = 1", "baseline"),
        ("name = 'mnasnet'\nentropy = -1", "entropy"),
        ("name = 'once_for_all'\npopulation = 1", "population"),
        ("name = 'once_for_all'\nparents = 0", "parents"),
        (
            "name = 'once_for_all'\nmutation_share = 1.1",
            "mutation_share",
        ),
        ("name = 'once_for_all'\nmutation = 0", "mutation"),
        ("name = 'fbnet'\nepochs = 0", "epochs"),
        ("name = 'fbnet'\nalpha = nan", "alpha"),
        ("name = 'fbnet'\nwarm_up = 1.5", "warm_up"),
        ("name = 'proxylessnas'\nevery = 0", "every"),
        (
            "name = 'proxylessnas'\nloss = { sum = { lambda = -1 } }",
            "loss.sum.lambda",
        ),
        ("name = 'proxylessnas'\nreference_ms = 0", "reference_ms"),
    ] {
        let config = parse(settings).expect("well formed");
        assert_eq!(
            config.check_settings().expect_err("refused").key,
            key,
            "{settings}"
        );
        assert!(config.build(0, Problem::default()).is_err());
    }
}

#[test]
fn a_problem_that_a_strategy_cannot_search_is_refused() {
    let refusal = |config: &StrategyConfig, problem| {
        let built = config.build(0, problem).map(|strategy| strategy.name());
        built.expect_err("refused").to_string()
    };
    assert_eq!(
        refusal(
            &parse("name = 'mnasnet'").expect("well formed"),
            Problem::default()
        ),
        "strategy `mnasnet`: `w` weighs latencies by their bounds, and none has a bound above 0"
    );
    let certain = Problem {
        confidence: 1.0,
        ..Problem::default()
    };
    assert_eq!(
        refusal(&StrategyConfig::default(), certain),
        "strategy `bespoke`: `confidence` is 1; it is above 0 and below 1"
    );
}

#[test]
fn known_trials_take_the_place_of_random_ones_at_the_beginning() {
    let initial = |known| match StrategyConfig::default().knowing(known) {
        StrategyConfig::Bespoke(settings) => settings.initial,
        other => panic!("{other:?} is the default"),
    };
    let all = BespokeSettings::default().initial;
    assert_eq!([initial(0), initial(3), initial(99)], [all, all - 3, 2]);
    let other = StrategyConfig::Nsga2(Nsga2Settings::default());
    assert_eq!(other.clone().knowing(99), other);
}
