//! From what cargo says to components: which crates are in one artifact, which only ran while it was built.

use std::collections::{BTreeMap, BTreeSet};

use super::cargo_lock::{CargoLock, LockedCrate};
use super::fault::SbomFault;
use super::listing::{self, Compiled, CrateId, Graph, Need};
use super::wire::{Component, Dependency, Kind, Licence, LicenceName, Scope};
use super::{CargoFacts, purl};

/// What a list of crates rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// Messages of the build itself.
    Built,
    /// Cargo's graph for the target.
    Resolved,
    /// `Cargo.lock` only.
    Locked,
    /// There is no list.
    Nothing,
}

impl Evidence {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Built => "crates that cargo compiled, by its build messages",
            Self::Resolved => {
                "crates that cargo resolved for the target; not compared with a build"
            }
            Self::Locked => "every crate of Cargo.lock; which of them were compiled is unknown",
            Self::Nothing => "no list of dependencies: source and environment only",
        }
    }
}

/// The crates of one artifact.
#[derive(Debug)]
pub(super) struct Crates {
    pub(super) components: Vec<Component>,
    pub(super) dependencies: Vec<Dependency>,
    /// What the artifact is made from directly.
    pub(super) roots: Vec<String>,
    pub(super) evidence: Evidence,
}

/// Everything known, by position in the lock.
struct Known {
    lock: CargoLock,
    needs: Vec<BTreeSet<(usize, Need)>>,
    macros: BTreeSet<usize>,
    licences: BTreeMap<usize, String>,
    compiled: Option<BTreeMap<usize, Compiled>>,
    graph: Option<BTreeMap<usize, BTreeSet<String>>>,
    root: Option<usize>,
}

/// `file` is the name under which the build leaves the artifact.
pub(super) fn of(facts: &CargoFacts<'_>, product: &str, file: &str) -> Result<Crates, SbomFault> {
    let known = Known::gather(facts)?;
    let roots = known.roots(product, file);
    let all = known.reach(&roots, |_, _| true);
    let linked = known.reach(&roots, |to, need| {
        need == Need::Normal && !known.macros.contains(&to)
    });
    let (included, evidence): (BTreeSet<usize>, _) = match (&known.compiled, &known.graph) {
        (Some(compiled), _) => {
            let compiled: BTreeSet<usize> = compiled.keys().copied().collect();
            (&compiled & &all, Evidence::Built)
        }
        (None, Some(_)) => (all, Evidence::Resolved),
        (None, None) => ((0..known.lock.crates().len()).collect(), Evidence::Locked),
    };
    let scope = |at: &usize| match evidence {
        Evidence::Locked | Evidence::Nothing => None,
        _ if linked.contains(at) => Some(Scope::Required),
        _ => Some(Scope::Excluded),
    };
    let components = included
        .iter()
        .map(|at| known.component(*at, scope(at)))
        .collect();
    let dependencies = included.iter().map(|at| Dependency {
        of: known.id(*at),
        depends_on: known.needs[*at]
            .iter()
            .filter(|(to, _)| included.contains(to) && to != at)
            .map(|(to, _)| known.id(*to))
            .collect(),
    });
    Ok(Crates {
        dependencies: dependencies.collect(),
        components,
        roots: roots.iter().map(|at| known.id(*at)).collect(),
        evidence,
    })
}

impl Known {
    fn gather(facts: &CargoFacts<'_>) -> Result<Self, SbomFault> {
        let lock = CargoLock::parse(facts.lock)?;
        let mut known = Self {
            needs: vec![BTreeSet::new(); lock.crates().len()],
            macros: BTreeSet::new(),
            licences: BTreeMap::new(),
            compiled: None,
            graph: None,
            root: None,
            lock,
        };
        match facts.metadata {
            Some(bytes) => known.add_graph(listing::metadata(bytes)?)?,
            None => {
                for (at, locked) in known.lock.crates().iter().enumerate() {
                    let needs = locked.may_need.iter().map(|to| (*to, Need::Normal));
                    known.needs[at].extend(needs);
                }
            }
        }
        if let Some(bytes) = facts.messages {
            let mut compiled = BTreeMap::new();
            for (id, what) in listing::messages(bytes)? {
                let at = known.lock.find(&id)?;
                if what.is_macro {
                    known.macros.insert(at);
                }
                compiled.insert(at, what);
            }
            known.compiled = Some(compiled);
        }
        Ok(known)
    }

    fn add_graph(&mut self, graph: Graph) -> Result<(), SbomFault> {
        let find = |id: &CrateId| self.lock.find(id);
        let mut finals = BTreeMap::new();
        for (id, resolved) in graph.crates {
            let at = find(&id)?;
            for (to, need) in &resolved.needs {
                self.needs[at].insert((find(to)?, *need));
            }
            if resolved.is_macro {
                self.macros.insert(at);
            }
            if let Some(licence) = resolved.licence {
                self.licences.insert(at, licence);
            }
            finals.insert(at, resolved.finals);
        }
        self.root = graph.root.as_ref().map(find).transpose()?;
        self.graph = Some(finals);
        Ok(())
    }

    /// The crates that the artifact is made from directly: by the best evidence there is.
    fn roots(&self, product: &str, file: &str) -> BTreeSet<usize> {
        let is_local = |at: &usize| self.lock.crates()[*at].source.is_none();
        let local: BTreeSet<usize> = (0..self.lock.crates().len()).filter(is_local).collect();
        let narrower = |choice: BTreeSet<usize>| (!choice.is_empty()).then_some(choice);
        if let Some(compiled) = &self.compiled {
            let those = |is: &dyn Fn(&Compiled) -> bool| {
                let fitting = compiled
                    .iter()
                    .filter(|(at, what)| is_local(at) && is(what));
                narrower(fitting.map(|(at, _)| *at).collect())
            };
            return those(&|what| what.files.contains(file))
                .or_else(|| those(&|what| what.is_final))
                .or_else(|| those(&|_| true))
                .unwrap_or(local);
        }
        let Some(graph) = &self.graph else {
            return local;
        };
        if let Some(root) = self.root {
            return BTreeSet::from([root]);
        }
        let members = || graph.iter().filter(|(at, _)| is_local(at));
        let makers = members().filter(|(_, finals)| finals.contains(file));
        let namesakes = members().filter(|(at, _)| self.lock.crates()[**at].name == product);
        narrower(makers.map(|(at, _)| *at).collect())
            .or_else(|| narrower(namesakes.map(|(at, _)| *at).collect()))
            .unwrap_or_else(|| members().map(|(at, _)| *at).collect())
    }

    /// Everything that can be reached over needs that `is_followed`.
    fn reach(
        &self,
        roots: &BTreeSet<usize>,
        is_followed: impl Fn(usize, Need) -> bool,
    ) -> BTreeSet<usize> {
        let mut reached = roots.clone();
        let mut next: Vec<usize> = roots.iter().copied().collect();
        while let Some(at) = next.pop() {
            for (to, need) in &self.needs[at] {
                if is_followed(*to, *need) && reached.insert(*to) {
                    next.push(*to);
                }
            }
        }
        reached
    }

    fn id(&self, at: usize) -> String {
        let locked = &self.lock.crates()[at];
        match purl_of(locked) {
            Some(purl) => purl,
            None => format!("source:{}@{}", locked.name, locked.version),
        }
    }

    fn component(&self, at: usize, scope: Option<Scope>) -> Component {
        let locked = &self.lock.crates()[at];
        let mut component = Component::new(self.id(at), Kind::Library, &locked.name)
            .with_sha256(locked.checksum)
            .with("from", locked.source.as_deref().unwrap_or("source"));
        component.version = Some(locked.version.clone());
        component.purl = purl_of(locked);
        component.scope = scope;
        component.licenses = self
            .licences
            .get(&at)
            .map(|text| licence(text))
            .into_iter()
            .collect();
        if locked.source.is_some() && locked.checksum.is_none() {
            component = component.with("unknown", "Cargo.lock has no checksum of it");
        }
        component
    }
}

/// Parts of the source are no packages that anybody else can name.
fn purl_of(locked: &LockedCrate) -> Option<String> {
    let source = locked.source.as_deref()?;
    Some(purl::of_crate(&locked.name, &locked.version, source))
}

/// An SPDX expression, where it can be one. Cargo once wrote `/` for `OR`.
fn licence(text: &str) -> Licence {
    let expression = text.replace('/', " OR ");
    let words: Vec<&str> = expression
        .split(|letter: char| letter.is_whitespace() || letter == '(' || letter == ')')
        .filter(|word| !word.is_empty())
        .collect();
    let is_operator = |word: &&str| ["AND", "OR", "WITH"].contains(word);
    let is_fine = |word: &str| {
        word.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-.+:".contains(&byte))
    };
    let alternates = words
        .iter()
        .enumerate()
        .all(|(at, word)| is_operator(word) == (at % 2 == 1) && is_fine(word));
    if alternates && words.len() % 2 == 1 {
        let spaces = expression.split_whitespace().collect::<Vec<_>>();
        return Licence::Expression {
            expression: spaces.join(" "),
        };
    }
    Licence::Named {
        license: LicenceName {
            name: text.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_is_an_expression_only_if_it_reads_as_one() {
        for (text, expression) in [
            ("MIT", "MIT"),
            ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
            (
                "(MIT OR Apache-2.0)  AND Unicode-3.0",
                "(MIT OR Apache-2.0) AND Unicode-3.0",
            ),
            (
                "Apache-2.0 WITH LLVM-exception",
                "Apache-2.0 WITH LLVM-exception",
            ),
        ] {
            let expression = expression.to_owned();
            assert_eq!(licence(text), Licence::Expression { expression });
        }
        for text in [
            "",
            "see file LICENSE",
            "MIT OR",
            "BSD, I think",
            "MIT Apache-2.0",
        ] {
            assert!(matches!(licence(text), Licence::Named { .. }), "{text}");
        }
    }
}
