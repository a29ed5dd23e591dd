//! Configuration files.
#![allow(clippy::unwrap_used, missing_docs)]

use serde::Deserialize;
use serve::{ConfigError, ServeError, ServerConfig, init_tracing, load_config};

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Daemon {
    name: String,
    server: ServerConfig,
}

fn load(text: impl AsRef<[u8]>) -> Result<Daemon, ConfigError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    load_config(file.path())
}

#[test]
fn a_configuration_may_leave_out_what_has_a_default() {
    let daemon = load("name = \"log\"\n[server]\nlisten = \"127.0.0.1:8080\"\n").unwrap();
    let expected = ServerConfig {
        listen: "127.0.0.1:8080".parse().unwrap(),
        ..ServerConfig::default()
    };
    assert_eq!(
        daemon,
        Daemon {
            name: "log".to_owned(),
            server: expected
        }
    );
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let error = load("name = \"log\"\n\n[server]\nlisten = \"127.0.0.1:1\"\nbody_byte_max = 5\n")
        .unwrap_err();
    assert!(
        matches!(error, ConfigError::Content { line: 5, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("body_byte_max"), "{error}");
}

#[test]
fn a_value_of_the_wrong_kind_and_broken_toml_are_named_with_their_line() {
    for (text, line) in [
        ("name = \"a\"\n[server]\nconcurrent_max = \"many\"\n", 3),
        ("name = \"a\"\n[server]\nlisten = \"nowhere\"\n", 3),
        ("name = \"a\"\n[server]\nconcurrent_max = -1\n", 3),
        ("name = \"a\"\nname = \"b\"\n", 2),
        ("name = \n", 1),
        ("", 1),
    ] {
        match load(text).unwrap_err() {
            ConfigError::Content {
                line: found,
                message,
                ..
            } => assert_eq!(found, line, "{text:?}: {message}"),
            other => panic!("{text:?}: {other}"),
        }
    }
}

#[test]
fn a_configuration_that_is_huge_absent_or_no_text_is_refused() {
    assert!(matches!(
        load(vec![b'#'; (1 << 20) + 1]),
        Err(ConfigError::TooLarge { .. })
    ));
    assert!(matches!(
        load([0xff, 0xfe]),
        Err(ConfigError::NotText { .. })
    ));
    let absent = load_config::<Daemon>(std::path::Path::new("/nonexistent/limpid.toml"));
    assert!(matches!(absent, Err(ConfigError::Read { .. })));
}

#[test]
fn a_log_level_is_understood_or_refused_by_name() {
    init_tracing("info,hyper=warn").unwrap();
    init_tracing("debug").unwrap();
    for bad in ["", "a=b=c"] {
        assert!(
            matches!(init_tracing(bad), Err(ServeError::LogLevel { .. })),
            "{bad:?}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn no_text_in_a_configuration_panics(text in "\\PC{0,80}") {
        let _outcome = load(text);
    }
}
