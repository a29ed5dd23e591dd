//! What changed between the SBOMs of two releases.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::Sbom;
use super::wire::{Component, Licence, Scope};

/// Which list something stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SbomPart {
    /// The artifact itself.
    Artifact,
    /// What is in it.
    Contents,
    /// What it was built with.
    Environment,
}

/// A component that only one side has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct SbomItem {
    /// The list it stands in.
    pub part: SbomPart,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SbomField {
    /// Which: `version`, `sha256`, `licence`, `scope`, `needs`, or a property of ours.
    pub field: &'static str,
    /// Before.
    pub old: Option<String>,
    /// After.
    pub new: Option<String>,
}

/// A component that both sides have, and how it differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SbomChange {
    /// The list it stands in.
    pub part: SbomPart,
    /// Its name.
    pub name: String,
    /// Its version on the new side.
    pub version: Option<String>,
    /// What differs; never empty.
    pub fields: Vec<SbomField>,
}

/// Every difference, by part, name and version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SbomDiff {
    /// Only in the new one.
    pub added: Vec<SbomItem>,
    /// Only in the old one.
    pub removed: Vec<SbomItem>,
    /// In both, and not alike.
    pub changed: Vec<SbomChange>,
}

/// What is compared of one component.
type Fields = BTreeMap<&'static str, String>;
/// Components of one part and name, by version.
type Named<'a> = BTreeMap<(SbomPart, &'a str), Vec<(Option<&'a str>, Fields)>>;

impl SbomDiff {
    /// Compares. Serial number and time are not looked at: they follow from the rest.
    #[must_use]
    pub fn between(old: &Sbom, new: &Sbom) -> Self {
        let (mut olds, news) = (named(old), named(new));
        let mut diff = Self::default();
        for ((part, name), newer) in news {
            let older = olds.remove(&(part, name)).unwrap_or_default();
            diff.compare(part, name, older, newer);
        }
        for ((part, name), older) in olds {
            diff.compare(part, name, older, Vec::new());
        }
        diff.added.sort();
        diff.removed.sort();
        diff.changed
            .sort_by(|a, b| (a.part, &a.name, &a.version).cmp(&(b.part, &b.name, &b.version)));
        diff
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }

    /// Several versions of one crate are normal: first the same versions meet, then what is left, in order.
    fn compare(
        &mut self,
        part: SbomPart,
        name: &str,
        mut older: Vec<(Option<&str>, Fields)>,
        mut newer: Vec<(Option<&str>, Fields)>,
    ) {
        newer.retain(|(version, fields)| {
            let same = older.iter().position(|(other, _)| other == version);
            let Some(at) = same else { return true };
            self.change(part, name, *version, &older.remove(at).1, fields);
            false
        });
        let pairs = older.len().min(newer.len());
        let lone_old = older.split_off(pairs);
        let lone_new = newer.split_off(pairs);
        for ((_, before), (version, after)) in older.iter().zip(&newer) {
            self.change(part, name, *version, before, after);
        }
        let item = |(version, _): (Option<&str>, Fields)| SbomItem {
            part,
            name: name.to_owned(),
            version: version.map(str::to_owned),
        };
        self.removed.extend(lone_old.into_iter().map(item));
        self.added.extend(lone_new.into_iter().map(item));
    }

    fn change(
        &mut self,
        part: SbomPart,
        name: &str,
        version: Option<&str>,
        before: &Fields,
        after: &Fields,
    ) {
        let mut names: Vec<&'static str> = before.keys().chain(after.keys()).copied().collect();
        names.sort_unstable();
        names.dedup();
        let fields: Vec<SbomField> = names
            .into_iter()
            .filter(|field| before.get(field) != after.get(field))
            .map(|field| SbomField {
                field,
                old: before.get(field).cloned(),
                new: after.get(field).cloned(),
            })
            .collect();
        if !fields.is_empty() {
            self.changed.push(SbomChange {
                part,
                name: name.to_owned(),
                version: version.map(str::to_owned),
                fields,
            });
        }
    }
}

fn named(sbom: &Sbom) -> Named<'_> {
    let wire = &sbom.0;
    let all = || {
        let inputs = wire
            .formulation
            .iter()
            .flat_map(|formula| &formula.components);
        wire.components.iter().chain(inputs)
    };
    let names: BTreeMap<&str, &str> = all()
        .map(|component| (component.id.as_str(), component.name.as_str()))
        .collect();
    let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for dependency in &wire.dependencies {
        // Without versions: else one new version of a small crate changes everything above it.
        let list = dependency.depends_on.iter();
        let list = list.filter_map(|id| names.get(id.as_str()).copied());
        needs.insert(&dependency.of, list.collect());
    }
    let artifact = &wire.metadata.component;
    let mut found: Named<'_> = BTreeMap::new();
    let mut add = |part, name, component: &'_ Component, version, more: Fields| {
        let mut fields = fields(component, needs.get(component.id.as_str()));
        fields.extend(more);
        found
            .entry((part, name))
            .or_default()
            .push((version, fields));
    };
    add(
        SbomPart::Artifact,
        "artifact",
        artifact,
        artifact.version.as_deref(),
        about_all(sbom),
    );
    for component in &wire.components {
        let version = component.version.as_deref();
        add(
            SbomPart::Contents,
            &component.name,
            component,
            version,
            Fields::new(),
        );
    }
    for component in wire
        .formulation
        .iter()
        .flat_map(|formula| &formula.components)
    {
        let version = component.version.as_deref();
        add(
            SbomPart::Environment,
            &component.name,
            component,
            version,
            Fields::new(),
        );
    }
    found.values_mut().for_each(|list| list.sort());
    found
}

/// What is said about the whole.
fn about_all(sbom: &Sbom) -> Fields {
    let mut fields = Fields::from([("name", sbom.0.metadata.component.name.clone())]);
    let whole = sbom.0.metadata.properties.iter();
    let environment = sbom
        .0
        .formulation
        .iter()
        .flat_map(|formula| &formula.properties);
    for (property, field) in whole
        .map(|property| (property, &["evidence", "recipe-sha256"][..]))
        .chain(environment.map(|property| (property, &["lock-sha256"][..])))
    {
        let name = property.name.trim_start_matches("limpid:");
        if let Some(field) = field.iter().find(|field| **field == name) {
            fields.insert(field, property.value.clone());
        }
    }
    fields
}

fn fields(component: &Component, needs: Option<&Vec<&str>>) -> Fields {
    let mut fields = Fields::new();
    let mut put = |field, value: Option<String>| {
        if let Some(value) = value {
            fields.insert(field, value);
        }
    };
    put("version", component.version.clone());
    let digest = component.hashes.first();
    put("sha256", digest.map(|digest| digest.content.clone()));
    let licence = component.licenses.first().map(|licence| match licence {
        Licence::Expression { expression } => expression.clone(),
        Licence::Named { license } => license.name.clone(),
    });
    put("licence", licence);
    let scope = component.scope.map(|scope| match scope {
        Scope::Required => "required",
        Scope::Excluded => "excluded",
    });
    put("scope", scope.map(str::to_owned));
    for name in [
        "about",
        "file",
        "files-sha256",
        "from",
        "origin",
        "tree-sha256",
    ] {
        put(name, component.property(name).map(str::to_owned));
    }
    let needs = needs.map(|needs| {
        let mut needs = needs.clone();
        needs.sort_unstable();
        needs.dedup();
        needs.join(" ")
    });
    put("needs", needs.filter(|needs| !needs.is_empty()));
    fields
}

impl fmt::Display for SbomDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "no difference");
        }
        for part in [
            SbomPart::Artifact,
            SbomPart::Contents,
            SbomPart::Environment,
        ] {
            let title = match part {
                SbomPart::Artifact => "The artifact",
                SbomPart::Contents => "In it",
                SbomPart::Environment => "Built with",
            };
            let mut lines = Vec::new();
            let one = |sign: &str, item: &SbomItem| {
                format!(
                    "  {sign} {} {}",
                    item.name,
                    item.version.as_deref().unwrap_or("-")
                )
            };
            let added = self.added.iter().filter(|item| item.part == part);
            lines.extend(added.map(|item| one("+", item)));
            let removed = self.removed.iter().filter(|item| item.part == part);
            lines.extend(removed.map(|item| one("-", item)));
            for change in self.changed.iter().filter(|change| change.part == part) {
                let version = change.version.as_deref().unwrap_or("-");
                lines.push(format!("  ~ {} {version}", change.name));
                lines.extend(change.fields.iter().flat_map(SbomField::lines));
            }
            if !lines.is_empty() {
                writeln!(f, "{title}")?;
                lines.iter().try_for_each(|line| writeln!(f, "{line}"))?;
            }
        }
        Ok(())
    }
}

impl SbomField {
    /// One line if it fits a terminal, else one for each side.
    fn lines(&self) -> Vec<String> {
        let (old, new) = (self.old.as_deref(), self.new.as_deref());
        if self.field == "needs" {
            let list = |text: Option<&str>| -> Vec<String> {
                let words = text.unwrap_or_default().split_whitespace();
                words.map(str::to_owned).collect()
            };
            let (old, new) = (list(old), list(new));
            let gone = old.iter().filter(|name| !new.contains(name));
            let come = new.iter().filter(|name| !old.contains(name));
            let come = come.map(|name| format!("      needs now {name}"));
            return come
                .chain(gone.map(|name| format!("      needs no longer {name}")))
                .collect();
        }
        let (old, new) = (old.unwrap_or("none"), new.unwrap_or("none"));
        let line = format!("      {}: {old} -> {new}", self.field);
        if line.chars().count() <= 80 {
            return vec![line];
        }
        vec![
            format!("      {}:", self.field),
            format!("        {old}"),
            format!("     -> {new}"),
        ]
    }
}
