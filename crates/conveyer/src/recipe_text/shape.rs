//! What a recipe looks like as TOML, before anything is checked.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecipeText {
    pub(super) product: Spanned<String>,
    pub(super) version: Spanned<String>,
    pub(super) kind: Spanned<String>,
    pub(super) platform: Spanned<String>,
    pub(super) environment: EnvironmentText,
    #[serde(default)]
    pub(super) arguments: BTreeMap<Spanned<String>, ArgumentText>,
    pub(super) cargo: Option<CargoText>,
    #[serde(default)]
    pub(super) build: BuildText,
    #[serde(default)]
    pub(super) step: Vec<StepText>,
    #[serde(default)]
    pub(super) test: Vec<TestText>,
    pub(super) artifact: OneOrMany<ArtifactText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnvironmentText {
    pub(super) name: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArgumentText {
    pub(super) values: Spanned<Vec<String>>,
    pub(super) default: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CargoText {
    pub(super) lock: Spanned<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BuildText {
    pub(super) command: Option<Spanned<Vec<String>>>,
    pub(super) inner_path: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) env: BTreeMap<Spanned<String>, Spanned<String>>,
    pub(super) jobs: Option<Spanned<u64>>,
    pub(super) source_date_epoch: Option<Spanned<u64>>,
    #[serde(default)]
    pub(super) limits: LimitsText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepText {
    pub(super) command: Spanned<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestText {
    pub(super) name: Spanned<String>,
    pub(super) command: Spanned<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsText {
    pub(super) wall_ms: Option<Spanned<u64>>,
    pub(super) output_bytes_max: Option<Spanned<u64>>,
    pub(super) file_bytes_max: Option<Spanned<u64>>,
    pub(super) disk_bytes_max: Option<Spanned<u64>>,
    pub(super) memory_bytes_max: Option<Spanned<u64>>,
    pub(super) processes_max: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArtifactText {
    pub(super) path: Spanned<String>,
    pub(super) name: Spanned<String>,
}

/// `[name]` or `[[name]]`. Not serde's untagged enum, which would lose the lines.
pub(super) struct OneOrMany<T>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tables<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Tables<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table, or several")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let one = T::deserialize(MapAccessDeserializer::new(map))?;
                Ok(OneOrMany(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut many = Vec::new();
                while let Some(one) = seq.next_element()? {
                    many.push(one);
                }
                Ok(OneOrMany(many))
            }
        }
        deserializer.deserialize_any(Tables(PhantomData))
    }
}
